/* Authorities, trust stores, regions, plans, forecasts, histories, silences. */

#include "control/json.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "control/json-internal.h"

static void write_authority(Buffer *text, const AuthorityUse *use)
{
    json_text_begin(text, NULL, '{');
    json_text_string(text, "ca", use->ca);
    json_text_string(text, "region", use->region);
    json_text_string(text, "region_name", use->region_title);
    json_text_string(text, "subject_cn", use->cn);
    json_text_instant(text, "not_before", use->not_before);
    json_text_instant(text, "not_after", use->not_after);
    json_text_string(text, "sha1", use->sha1);
    json_text_string(text, "sha256", use->sha256);
    json_text_boolean(text, "rotates", use->rotates);
    json_text_boolean(text, "offered", use->offered);
    json_text_string(text, "offered_by", use->asked ? "api" : "guide");
    json_write_truth(text, "default", use->asked, use->is_default);
    json_text_boolean(text, "trusted", use->trusted);
    json_write_list(text, "served_by", (const char *const *)use->served_by);
    json_write_list(text, "configured_by", (const char *const *)use->configured_by);
    json_text_end(text, '}');
}

void json_write_authorities(Buffer *text, const AuthorityUses *uses)
{
    json_text_begin(text, NULL, '{');
    json_text_begin(text, "catalogue", '{');
    json_text_string(text, "version", uses->catalogue_version);
    json_text_string(text, "origin", uses->catalogue_origin);
    json_text_end(text, '}');
    json_text_begin(text, "authorities", '[');
    for (size_t i = 0; i < uses->n; i++)
        write_authority(text, &uses->items[i]);
    json_text_end(text, ']');
    json_text_end(text, '}');
}

static void write_acceptance(Buffer *text, const char *key, Acceptance acceptance)
{
    json_write_truth(text, key, acceptance != ACCEPTANCE_UNKNOWN, acceptance == ACCEPTANCE_YES);
}

static void write_verdicts(Buffer *text, const char *key, const TrustVerdicts *verdicts)
{
    json_text_begin(text, key, '[');
    for (size_t i = 0; i < verdicts->n; i++) {
        const TrustVerdict *v = &verdicts->items[i];
        json_text_begin(text, NULL, '{');
        json_text_string(text, "endpoint", v->endpoint);
        json_text_string(text, "served", v->served);
        write_acceptance(text, "accepted", v->now);
        json_text_string(text, "reason", v->reason);
        json_text_string(text, "next_ca", v->next_ca);
        write_acceptance(text, "next_accepted", v->next);
        json_text_end(text, '}');
    }
    json_text_end(text, ']');
}

static void write_trust_store(Buffer *text, const TrustStoreState *state)
{
    json_text_begin(text, NULL, '{');
    json_text_string(text, "name", state->store->name);
    json_text_string(text, "path", state->store->path);
    json_text_string(text, "format", state->format);
    json_text_instant(text, "read_at", state->read_at);
    json_text_string(text, "error", state->error);
    json_write_list(text, "warnings", (const char *const *)state->warnings);
    json_text_integer(text, "certificates", (int64_t)state->n_certificates);
    json_text_instant(text, "not_after", state->last_end);
    write_verdicts(text, "endpoints", &state->verdicts);
    json_write_findings(text, "findings", &state->findings);
    json_text_end(text, '}');
}

static void write_source(Buffer *text, const BundleSource *source)
{
    json_text_begin(text, NULL, '{');
    json_text_string(text, "url", source->url);
    json_text_string(text, "path", source->path);
    json_text_integer(text, "certificates", (int64_t)source->n_certificates);
    json_text_instant(text, "answered_at", source->answered_at);
    json_text_instant(text, "modified_at", source->modified_at);
    json_text_instant(text, "changed_at", source->changed_at);
    json_text_string(text, "error", source->error);
    json_text_string(text, "refused", source->refused);
    json_write_list(text, "came", (const char *const *)source->came);
    json_write_list(text, "went", (const char *const *)source->went);
    json_write_findings(text, "findings", &source->findings);
    json_text_end(text, '}');
}

void json_write_trust(Buffer *text, const Snapshot *snapshot)
{
    json_text_begin(text, NULL, '{');
    json_text_begin(text, "trust_stores", '[');
    for (size_t i = 0; i < snapshot->n_trust_stores; i++)
        write_trust_store(text, snapshot->trust_stores[i]);
    json_text_end(text, ']');
    json_text_begin(text, "bundles", '[');
    for (size_t i = 0; i < snapshot->n_sources; i++)
        write_source(text, snapshot->sources[i]);
    json_text_end(text, ']');
    json_text_end(text, '}');
}

void json_write_rds(Buffer *text, const Snapshot *snapshot)
{
    json_text_begin(text, NULL, '{');
    json_text_begin(text, "sources", '[');
    for (size_t i = 0; i < snapshot->n_rds_sources; i++) {
        const RdsSourceState *state = snapshot->rds_sources[i];
        json_text_begin(text, NULL, '{');
        json_text_string(text, "name", state->source->name);
        json_text_string(text, "region", state->source->region);
        json_text_string(text, "credentials", state->source->credentials);
        json_text_string(text, "role", state->source->role);
        json_text_instant(text, "answered_at", state->answered_at);
        json_text_string(text, "error", state->error);
        json_text_string(text, "refused", state->lacking);
        json_text_integer(text, "named", (int64_t)state->inventory.n_endpoints);
        json_text_integer(text, "discovered", (int64_t)state->n_watched);
        json_text_integer(text, "unwatched", (int64_t)state->n_unwatched);
        json_write_findings(text, "findings", &state->findings);
        json_text_end(text, '}');
    }
    json_text_end(text, ']');
    json_text_end(text, '}');
}

void json_write_plan(Buffer *text, const Plan *plan)
{
    json_text_begin(text, NULL, '{');
    json_text_string(text, "ca", plan->ca);
    json_text_begin(text, "steps", '[');
    for (size_t i = 0; i < plan->n; i++) {
        const PlanStep *s = &plan->steps[i];
        _cleanup_free_ char *remedy = s->steps.n > 0 ? steps_script(&s->steps) : NULL;
        json_text_begin(text, NULL, '{');
        json_text_string(text, "kind", plan_step_to_string(s->kind));
        json_text_string(text, "subject", s->subject);
        json_text_string(text, "text", s->text);
        json_text_string(text, "command", steps_first_change(&s->steps));
        json_write_steps(text, "steps", &s->steps);
        json_text_string(text, "remedy", remedy);
        json_text_string(text, "restart", s->restart);
        json_text_string(text, "blocked", s->blocked);
        json_text_end(text, '}');
    }
    json_text_end(text, ']');
    json_text_end(text, '}');
}

void json_write_forecast(Buffer *text, const Forecast *forecast)
{
    json_text_begin(text, NULL, '{');
    json_text_instant(text, "until", forecast->until);
    json_text_begin(text, "events", '[');
    for (size_t i = 0; i < forecast->n; i++) {
        const ForecastEvent *e = &forecast->items[i];
        bool of_store = e->kind == FORECAST_TRUST_STORE;
        json_text_begin(text, NULL, '{');
        json_text_instant(text, "at", e->at);
        json_text_instant(text, "ends_at", e->ends_at);
        json_text_string(text, "kind", forecast_kind_to_string(e->kind));
        json_text_string(text, "endpoint", of_store ? NULL : e->subject);
        if (of_store)
            json_text_string(text, "trust_store", e->subject);
        json_text_string(text, "address", e->address);
        json_text_string(text, "id", e->id);
        json_text_string(text, "text", e->text);
        json_text_end(text, '}');
    }
    json_text_end(text, ']');
    json_text_end(text, '}');
}

static void write_number(Buffer *text, const char *key, bool known, int64_t value)
{
    if (known)
        json_text_integer(text, key, value);
    else
        json_text_null(text, key);
}

/* Dates, key and names are of the certificate; what was seen of it is beside them. */
static void write_history_line(Buffer *text, const HistoryLine *line)
{
    const Certificate *c = line->chain.certificates[0];
    int64_t life = c->not_after - c->not_before;
    bool rotated = line->age != INSTANT_NONE, has_life = rotated && life > 0;
    json_text_begin(text, NULL, '{');
    json_write_certificate_members(text, c, false);
    json_text_string(text, "address", line->address);
    json_text_instant(text, "first_seen", line->first_seen);
    json_text_instant(text, "last_seen", line->last_seen);
    json_text_boolean(text, "current", line->current);
    json_text_string(text, "ca", line->ca);
    write_number(text, "age_at_rotation_seconds", rotated, line->age);
    write_number(text, "age_at_rotation_percent", has_life, has_life ? line->age * 100 / life : 0);
    json_text_end(text, '}');
}

static void write_left_out(Buffer *text, const char *key, const History *history)
{
    json_text_begin(text, key, '{');
    json_text_integer(text, "certificates", (int64_t)history->n_left_out);
    json_text_instant(text, "first_seen", history->left_out_from);
    json_text_instant(text, "last_seen", history->left_out_to);
    json_text_end(text, '}');
}

void json_write_history(Buffer *text, const char *endpoint, const History *history)
{
    json_text_begin(text, NULL, '{');
    json_text_string(text, "endpoint", endpoint);
    json_text_begin(text, "certificates", '[');
    for (size_t i = 0; i < history->n; i++)
        write_history_line(text, &history->items[i]);
    json_text_end(text, ']');
    if (history->n_left_out > 0)
        write_left_out(text, "left_out", history);
    json_text_end(text, '}');
}

void json_write_silence(Buffer *text, const Silence *silence)
{
    const char *finding = silence->finding < 0 ? NULL : finding_to_string((FindingId)silence->finding);
    json_text_begin(text, NULL, '{');
    json_text_integer(text, "id", silence->id);
    json_text_string(text, "subject", silence->subject);
    json_text_string(text, "finding", finding);
    json_text_instant(text, "begins_at", silence->begins_at);
    json_text_instant(text, "ends_at", silence->ends_at);
    json_text_string(text, "reason", silence->reason);
    json_text_string(text, "author", silence->author);
    json_text_end(text, '}');
}

void json_write_silences(Buffer *text, const SilenceList *silences)
{
    json_text_begin(text, NULL, '{');
    json_text_begin(text, "silences", '[');
    for (size_t i = 0; i < silences->n; i++)
        json_write_silence(text, &silences->items[i]);
    json_text_end(text, ']');
    json_text_end(text, '}');
}
