/* Authorities, trust stores, regions, plans, forecasts, histories, silences. */

#include "control/json.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "control/json-internal.h"

static json_t *of_authority(const AuthorityUse *use)
{
    json_t *object = json_object();
    json_put(object, "ca", json_of_text(use->ca));
    json_put(object, "region", json_of_text(use->region));
    json_put(object, "region_name", json_of_text(use->region_title));
    json_put(object, "subject_cn", json_of_text(use->cn));
    json_put(object, "not_before", json_of_instant(use->not_before));
    json_put(object, "not_after", json_of_instant(use->not_after));
    json_put(object, "sha1", json_of_text(use->sha1));
    json_put(object, "sha256", json_of_text(use->sha256));
    json_put(object, "rotates", json_boolean(use->rotates));
    json_put(object, "offered", json_boolean(use->offered));
    json_put(object, "offered_by", json_string(use->asked ? "api" : "guide"));
    json_put(object, "default", use->asked ? json_boolean(use->is_default) : json_null());
    json_put(object, "trusted", json_boolean(use->trusted));
    json_put(object, "served_by", json_of_list(use->served_by));
    json_put(object, "configured_by", json_of_list(use->configured_by));
    return object;
}

json_t *json_of_authorities(const AuthorityUses *uses)
{
    json_t *catalogue = json_object(), *array = json_array(), *object = json_object();
    for (size_t i = 0; i < uses->n; i++)
        json_array_append_new(array, of_authority(&uses->items[i]));
    json_put(catalogue, "version", json_of_text(uses->catalogue_version));
    json_put(catalogue, "origin", json_of_text(uses->catalogue_origin));
    json_put(object, "catalogue", catalogue);
    json_put(object, "authorities", array);
    return object;
}

static json_t *of_acceptance(Acceptance acceptance)
{
    return acceptance == ACCEPTANCE_UNKNOWN ? json_null() : json_boolean(acceptance == ACCEPTANCE_YES);
}

static json_t *of_verdicts(const TrustVerdicts *verdicts)
{
    json_t *array = json_array();
    for (size_t i = 0; i < verdicts->n; i++) {
        const TrustVerdict *v = &verdicts->items[i];
        json_t *object = json_object();
        json_put(object, "endpoint", json_of_text(v->endpoint));
        json_put(object, "served", json_of_text(v->served));
        json_put(object, "accepted", of_acceptance(v->now));
        json_put(object, "reason", json_of_text(v->reason));
        json_put(object, "next_ca", json_of_text(v->next_ca));
        json_put(object, "next_accepted", of_acceptance(v->next));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *of_trust_store(const TrustStoreState *state)
{
    json_t *object = json_object();
    json_put(object, "name", json_of_text(state->store->name));
    json_put(object, "path", json_of_text(state->store->path));
    json_put(object, "format", json_of_text(state->format));
    json_put(object, "read_at", json_of_instant(state->read_at));
    json_put(object, "error", json_of_text(state->error));
    json_put(object, "warnings", json_of_list((const char *const *)state->warnings));
    json_put(object, "certificates", json_integer((json_int_t)state->n_certificates));
    json_put(object, "not_after", json_of_instant(state->last_end));
    json_put(object, "endpoints", of_verdicts(&state->verdicts));
    json_put(object, "findings", json_of_findings(&state->findings));
    return object;
}

static json_t *of_source(const BundleSource *source)
{
    json_t *object = json_object();
    json_put(object, "url", json_of_text(source->url));
    json_put(object, "path", json_of_text(source->path));
    json_put(object, "certificates", json_integer((json_int_t)source->n_certificates));
    json_put(object, "answered_at", json_of_instant(source->answered_at));
    json_put(object, "modified_at", json_of_instant(source->modified_at));
    json_put(object, "changed_at", json_of_instant(source->changed_at));
    json_put(object, "error", json_of_text(source->error));
    json_put(object, "refused", json_of_text(source->refused));
    json_put(object, "came", json_of_list((const char *const *)source->came));
    json_put(object, "went", json_of_list((const char *const *)source->went));
    json_put(object, "findings", json_of_findings(&source->findings));
    return object;
}

json_t *json_of_trust(const Snapshot *snapshot)
{
    json_t *stores = json_array(), *sources = json_array(), *object = json_object();
    for (size_t i = 0; i < snapshot->n_trust_stores; i++)
        json_array_append_new(stores, of_trust_store(snapshot->trust_stores[i]));
    for (size_t i = 0; i < snapshot->n_sources; i++)
        json_array_append_new(sources, of_source(snapshot->sources[i]));
    json_put(object, "trust_stores", stores);
    json_put(object, "bundles", sources);
    return object;
}

json_t *json_of_rds(const Snapshot *snapshot)
{
    json_t *sources = json_array(), *object = json_object();
    for (size_t i = 0; i < snapshot->n_rds_sources; i++) {
        const RdsSourceState *state = snapshot->rds_sources[i];
        json_t *source = json_object();
        json_put(source, "name", json_of_text(state->source->name));
        json_put(source, "region", json_of_text(state->source->region));
        json_put(source, "credentials", json_of_text(state->source->credentials));
        json_put(source, "role", json_of_text(state->source->role));
        json_put(source, "answered_at", json_of_instant(state->answered_at));
        json_put(source, "error", json_of_text(state->error));
        json_put(source, "refused", json_of_text(state->lacking));
        json_put(source, "named", json_integer((json_int_t)state->inventory.n_endpoints));
        json_put(source, "discovered", json_integer((json_int_t)state->n_watched));
        json_put(source, "unwatched", json_integer((json_int_t)state->n_unwatched));
        json_put(source, "findings", json_of_findings(&state->findings));
        json_array_append_new(sources, source);
    }
    json_put(object, "sources", sources);
    return object;
}

json_t *json_of_plan(const Plan *plan)
{
    json_t *steps = json_array(), *object = json_object();
    for (size_t i = 0; i < plan->n; i++) {
        const PlanStep *s = &plan->steps[i];
        _cleanup_free_ char *remedy = s->steps.n > 0 ? steps_script(&s->steps) : NULL;
        json_t *step = json_object();
        json_put(step, "kind", json_of_text(plan_step_to_string(s->kind)));
        json_put(step, "subject", json_of_text(s->subject));
        json_put(step, "text", json_of_text(s->text));
        json_put(step, "command", json_of_text(steps_first_change(&s->steps)));
        json_put(step, "steps", json_of_steps(&s->steps));
        json_put(step, "remedy", json_of_text(remedy));
        json_put(step, "restart", json_of_text(s->restart));
        json_put(step, "blocked", json_of_text(s->blocked));
        json_array_append_new(steps, step);
    }
    json_put(object, "ca", json_of_text(plan->ca));
    json_put(object, "steps", steps);
    return object;
}

json_t *json_of_forecast(const Forecast *forecast)
{
    json_t *events = json_array(), *object = json_object();
    for (size_t i = 0; i < forecast->n; i++) {
        const ForecastEvent *e = &forecast->items[i];
        bool of_store = e->kind == FORECAST_TRUST_STORE;
        json_t *event = json_object();
        json_put(event, "at", json_of_instant(e->at));
        json_put(event, "ends_at", json_of_instant(e->ends_at));
        json_put(event, "kind", json_of_text(forecast_kind_to_string(e->kind)));
        json_put(event, "endpoint", of_store ? json_null() : json_of_text(e->subject));
        if (of_store)
            json_put(event, "trust_store", json_of_text(e->subject));
        json_put(event, "address", json_of_text(e->address));
        json_put(event, "id", json_of_text(e->id));
        json_put(event, "text", json_of_text(e->text));
        json_array_append_new(events, event);
    }
    json_put(object, "until", json_of_instant(forecast->until));
    json_put(object, "events", events);
    return object;
}

/* Dates, key and names are of the certificate; what was seen of it is beside them. */
static json_t *of_history_line(const HistoryLine *line)
{
    const Certificate *c = line->chain.certificates[0];
    int64_t life = c->not_after - c->not_before;
    bool rotated = line->age != INSTANT_NONE;
    json_t *object = json_of_certificate(c);
    json_put(object, "address", json_of_text(line->address));
    json_put(object, "first_seen", json_of_instant(line->first_seen));
    json_put(object, "last_seen", json_of_instant(line->last_seen));
    json_put(object, "current", json_boolean(line->current));
    json_put(object, "ca", json_of_text(line->ca));
    json_put(object, "age_at_rotation_seconds", rotated ? json_integer((json_int_t)line->age) : json_null());
    json_put(object, "age_at_rotation_percent",
             rotated && life > 0 ? json_integer((json_int_t)(line->age * 100 / life)) : json_null());
    return object;
}

static json_t *of_left_out(const History *history)
{
    json_t *object = json_object();
    json_put(object, "certificates", json_integer((json_int_t)history->n_left_out));
    json_put(object, "first_seen", json_of_instant(history->left_out_from));
    json_put(object, "last_seen", json_of_instant(history->left_out_to));
    return object;
}

json_t *json_of_history(const char *endpoint, const History *history)
{
    json_t *certificates = json_array(), *object = json_object();
    for (size_t i = 0; i < history->n; i++)
        json_array_append_new(certificates, of_history_line(&history->items[i]));
    json_put(object, "endpoint", json_of_text(endpoint));
    json_put(object, "certificates", certificates);
    if (history->n_left_out > 0)
        json_put(object, "left_out", of_left_out(history));
    return object;
}

json_t *json_of_silence(const Silence *silence)
{
    json_t *object = json_object();
    json_put(object, "id", json_integer((json_int_t)silence->id));
    json_put(object, "subject", json_of_text(silence->subject));
    json_put(object, "finding",
             json_of_text(silence->finding < 0 ? NULL : finding_to_string((FindingId)silence->finding)));
    json_put(object, "begins_at", json_of_instant(silence->begins_at));
    json_put(object, "ends_at", json_of_instant(silence->ends_at));
    json_put(object, "reason", json_of_text(silence->reason));
    json_put(object, "author", json_of_text(silence->author));
    return object;
}
