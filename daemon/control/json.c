#include "control/json.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "model/alert.h"

/* Foreign bytes (names in certificates, a server's error text) may not be UTF-8: then they are shown as
 * Latin-1. */
static json_t *text(const char *value)
{
    if (!value)
        return json_null();
    json_t *string = json_string(value);
    if (string)
        return string;
    char *utf8 = xcalloc(2 * strlen(value) + 1, 1), *to = utf8;
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c >= 0x80)
            *to++ = (char)(0xc0 | *c >> 6);
        *to++ = (char)(*c >= 0x80 ? 0x80 | (*c & 0x3f) : *c);
    }
    string = json_string(utf8);
    free(utf8);
    return string;
}

static json_t *instant(int64_t value)
{
    return value == INSTANT_NONE || value == INSTANT_NEVER ? json_null() : json_string(INSTANT_TEXT(value));
}

static json_t *list(const char *const *values)
{
    json_t *array = json_array();
    for (; values && *values; values++)
        json_array_append_new(array, text(*values));
    return array;
}

/* Takes value. */
static void put(json_t *object, const char *key, json_t *value)
{
    int r = json_object_set_new(object, key, value);
    assert(r == 0); /* fails for want of memory, or of a value */
}

static json_t *of_certificate(const Certificate *c, bool der)
{
    json_t *object = json_object();
    put(object, "role", text(certificate_role_to_string(c->role)));
    put(object, "subject", text(c->subject));
    put(object, "issuer", text(c->issuer));
    put(object, "serial", text(c->serial));
    put(object, "sha256", text(c->sha256));
    put(object, "not_before", instant(c->not_before));
    put(object, "not_after", instant(c->not_after));
    put(object, "key", text(c->key));
    put(object, "signature", text(c->signature));
    put(object, "names", list((const char *const *)c->names));
    if (der) {
        _cleanup_free_ char *hex = text_hex(c->der, c->der_size);
        put(object, "der", text(hex));
    }
    return object;
}

static json_t *of_chain(const Observation *seen, bool der)
{
    json_t *array = json_array();
    for (size_t i = 0; seen && i < seen->chain.n; i++)
        json_array_append_new(array, of_certificate(seen->chain.certificates[i], der));
    return array;
}

static json_t *of_tls(const Observation *seen)
{
    if (!seen || !seen->tls_version)
        return json_null();
    json_t *object = json_object();
    put(object, "version", text(seen->tls_version));
    put(object, "cipher", text(seen->tls_cipher));
    put(object, "group", text(seen->tls_group));
    put(object, "alpn", text(seen->tls_alpn));
    return object;
}

/* Outcome, stage and times are the latest probe's; the chain is the latest that was seen, at seen_at. */
static json_t *of_address(const AddressState *address, bool der)
{
    const Observation *latest = address->latest, *seen = address->seen;
    const Verification *v = &address->verification;
    json_t *object = json_object();
    put(object, "address", text(address->address.text));
    put(object, "outcome", text(latest ? outcome_to_string(latest->outcome) : NULL));
    put(object, "stage", text(latest ? stage_to_string(latest->stage) : NULL));
    put(object, "detail", text(latest ? latest->detail : NULL));
    put(object, "observed_at", instant(latest ? latest->observed_at : INSTANT_NONE));
    put(object, "duration_ms", latest ? json_integer((json_int_t)(latest->duration_usec / 1000)) : json_null());
    put(object, "failures", json_integer((json_int_t)address->failures.n));
    put(object, "seen_at", instant(seen ? seen->observed_at : INSTANT_NONE));
    put(object, "trusted", seen && v->possible ? json_boolean(v->trusted) : json_null());
    put(object, "name_matches", seen ? json_boolean(v->name_matches) : json_null());
    put(object, "tls", of_tls(seen));
    put(object, "plaintext",
        address->plaintext == PLAINTEXT_UNKNOWN ? json_null() : text(plaintext_to_string(address->plaintext)));
    put(object, "chain", of_chain(seen, der));
    return object;
}

static json_t *of_rotation(const EndpointState *state)
{
    const Rotation *r = &state->rotation;
    if (!state->oldest)
        return json_null();
    json_t *object = json_object();
    put(object, "class", text(rotation_class_to_string(r->class)));
    put(object, "source", text(rotation_source_to_string(r->source)));
    put(object, "half_life", instant(r->half_life));
    put(object, "expected_by", instant(r->expected_by));
    put(object, "overdue_after", instant(r->overdue_after));
    return object;
}

static void put_finding(json_t *object, const Finding *finding)
{
    put(object, "id", text(finding_to_string(finding->id)));
    put(object, "severity", text(severity_to_string(finding->severity)));
    put(object, "state", text(alert_state_to_string(finding->pending ? ALERT_PENDING : ALERT_FIRING)));
    put(object, "silenced_until", instant(finding->silenced_until));
    put(object, "address", text(finding->address));
    put(object, "since", instant(finding->since));
    put(object, "message", text(finding->message));
    put(object, "remedy", text(finding->remedy));
    put(object, "due", instant(finding->due));
}

json_t *json_of_endpoint_finding(const EndpointState *state, const Finding *finding)
{
    json_t *object = json_object();
    put(object, "endpoint", text(state->endpoint->name));
    put(object, "engine", text(state->endpoint->engine_name));
    put_finding(object, finding);
    return object;
}

json_t *json_of_other_finding(const char *member, const char *subject, const Finding *finding)
{
    json_t *object = json_object();
    put(object, "endpoint", json_null());
    put(object, member, text(subject));
    put_finding(object, finding);
    return object;
}

static json_t *of_findings(const FindingList *findings)
{
    json_t *array = json_array();
    for (size_t i = 0; i < findings->n; i++) {
        json_t *object = json_object();
        put_finding(object, &findings->items[i]);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *of_addresses(const EndpointState *state, bool der)
{
    json_t *array = json_array();
    for (size_t i = 0; i < state->n_addresses; i++)
        json_array_append_new(array, of_address(&state->addresses[i], der));
    return array;
}

static json_t *of_maintenance(const RdsEndpoint *rds)
{
    if (!rds->maintenance)
        return json_null();
    return json_pack("{s:s,s:o,s:o,s:o}", "action", "ca-certificate-rotation", "current_apply_date",
                     instant(rds->current_apply), "auto_applied_after_date", instant(rds->auto_applied_after),
                     "forced_apply_date", instant(rds->forced_apply));
}

/* "a, b" as a list; null if it is not known. */
static json_t *of_words(const char *words)
{
    json_t *array = words ? json_array() : json_null();
    for (size_t length; words && (length = strcspn(words, ",")) > 0;
         words += length, words += strspn(words, ", "))
        json_array_append_new(array, json_stringn(words, length));
    return array;
}

/* In the API's words, as far as it has them. */
static json_t *of_rds(const RdsEndpoint *rds)
{
    if (!rds)
        return json_null();
    json_t *object = json_object();
    put(object, "source", text(rds->source));
    put(object, "kind", text(rds_kind_to_string((RdsKind)rds->kind)));
    put(object, "identifier", text(rds->identifier));
    put(object, "engine", text(rds->engine));
    put(object, "engine_version", text(rds->engine_version));
    put(object, "status", text(rds->status));
    put(object, "ca_certificate_identifier", text(rds->ca));
    put(object, "pending_ca_certificate_identifier", text(rds->pending_ca));
    put(object, "valid_till", instant(rds->valid_till));
    put(object, "since", instant(rds->since));
    put(object, "preferred_maintenance_window", text(rds->window));
    put(object, "supports_certificate_rotation_without_restart",
        rds->online == SUPPORT_UNKNOWN ? json_null() : json_boolean(rds->online == SUPPORT_YES));
    put(object, "supported_ca_certificate_identifiers", of_words(rds->offered));
    put(object, "default_ca_certificate_identifier", text(rds->default_ca));
    put(object, "pending_maintenance", of_maintenance(rds));
    put(object, "missing_since", instant(rds->missing_since));
    return object;
}

json_t *json_of_endpoint(const EndpointState *state, bool der)
{
    const Endpoint *e = state->endpoint;
    const Certificate *server = state->oldest ? address_certificate(state->oldest) : NULL;
    json_t *object = json_object();
    put(object, "name", text(e->name));
    put(object, "host", text(e->host));
    put(object, "port", json_integer(e->port));
    put(object, "engine", text(e->engine_name));
    put(object, "kind", text(endpoint_kind_to_string((EndpointKind)e->kind)));
    put(object, "region", text(e->region));
    put(object, "severity", text(severity_to_string(state->severity)));
    put(object, "source", json_string(e->discovered ? "rds" : "configured"));
    put(object, "configured_ca", text(endpoint_ca(e)));
    put(object, "served_ca", text(state->served_ca));
    put(object, "rotation", of_rotation(state));
    put(object, "not_before", instant(server ? server->not_before : INSTANT_NONE));
    put(object, "not_after", instant(server ? server->not_after : INSTANT_NONE));
    put(object, "ca_not_after", instant(state->ca_not_after));
    put(object, "next_probe_at", instant(state->next_probe_at));
    put(object, "rds", of_rds(e->rds));
    put(object, "addresses", of_addresses(state, der));
    put(object, "findings", of_findings(&state->findings));
    return object;
}

static json_t *of_state(const Snapshot *snapshot)
{
    json_t *object = json_object();
    put(object, "path", text(snapshot->self->database));
    put(object, "error", text(snapshot->self->unwritable));
    put(object, "damaged", list((const char *const *)snapshot->self->damaged));
    put(object, "bytes", json_integer((json_int_t)snapshot->store.bytes));
    put(object, "commits", json_integer((json_int_t)snapshot->store.n_commits));
    put(object, "longest_commit_ms", json_real((double)snapshot->store.longest_usec / 1000.0));
    return object;
}

json_t *json_of_status(const Snapshot *snapshot)
{
    json_t *severities = json_object(), *object = json_object();
    int64_t next = INSTANT_NONE;
    for (Severity s = 0; s < N_SEVERITIES; s++)
        put(severities, severity_to_string(s), json_integer((json_int_t)snapshot_count(snapshot, s)));
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        next = instant_earlier(next, snapshot->endpoints[i]->next_probe_at);
    put(object, "version", text(snapshot->version));
    put(object, "config", text(snapshot->config_path));
    put(object, "started_at", instant(snapshot->started_at));
    put(object, "configured_at", instant(snapshot->reloaded_at));
    put(object, "reload_error", text(snapshot->reload_error));
    put(object, "endpoints", json_integer((json_int_t)snapshot->n_endpoints));
    put(object, "probing", json_integer((json_int_t)snapshot->n_probing));
    put(object, "severities", severities);
    put(object, "trust", text(severity_to_string(snapshot_trust_severity(snapshot))));
    put(object, "rds", text(severity_to_string(snapshot_rds_severity(snapshot))));
    put(object, "daemon", text(severity_to_string(snapshot_self_severity(snapshot))));
    put(object, "silences", json_integer((json_int_t)snapshot->silences->n));
    put(object, "state", of_state(snapshot));
    put(object, "catalogue", text(snapshot->catalogue_version));
    put(object, "next_probe_at", instant(next));
    return object;
}

static json_t *of_authority(const AuthorityUse *use)
{
    json_t *object = json_object();
    put(object, "ca", text(use->ca));
    put(object, "region", text(use->region));
    put(object, "region_name", text(use->region_title));
    put(object, "subject_cn", text(use->cn));
    put(object, "not_before", instant(use->not_before));
    put(object, "not_after", instant(use->not_after));
    put(object, "sha1", text(use->sha1));
    put(object, "sha256", text(use->sha256));
    put(object, "rotates", json_boolean(use->rotates));
    put(object, "offered", json_boolean(use->offered));
    put(object, "offered_by", json_string(use->asked ? "api" : "guide"));
    put(object, "default", use->asked ? json_boolean(use->is_default) : json_null());
    put(object, "trusted", json_boolean(use->trusted));
    put(object, "served_by", list(use->served_by));
    put(object, "configured_by", list(use->configured_by));
    return object;
}

json_t *json_of_authorities(const AuthorityUses *uses)
{
    json_t *catalogue = json_object(), *array = json_array(), *object = json_object();
    for (size_t i = 0; i < uses->n; i++)
        json_array_append_new(array, of_authority(&uses->items[i]));
    put(catalogue, "version", text(uses->catalogue_version));
    put(catalogue, "origin", text(uses->catalogue_origin));
    put(object, "catalogue", catalogue);
    put(object, "authorities", array);
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
        put(object, "endpoint", text(v->endpoint));
        put(object, "served", text(v->served));
        put(object, "accepted", of_acceptance(v->now));
        put(object, "reason", text(v->reason));
        put(object, "next_ca", text(v->next_ca));
        put(object, "next_accepted", of_acceptance(v->next));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *of_trust_store(const TrustStoreState *state)
{
    json_t *object = json_object();
    put(object, "name", text(state->store->name));
    put(object, "path", text(state->store->path));
    put(object, "format", text(state->format));
    put(object, "read_at", instant(state->read_at));
    put(object, "error", text(state->error));
    put(object, "warnings", list((const char *const *)state->warnings));
    put(object, "certificates", json_integer((json_int_t)state->n_certificates));
    put(object, "not_after", instant(state->last_end));
    put(object, "endpoints", of_verdicts(&state->verdicts));
    put(object, "findings", of_findings(&state->findings));
    return object;
}

static json_t *of_source(const BundleSource *source)
{
    json_t *object = json_object();
    put(object, "url", text(source->url));
    put(object, "path", text(source->path));
    put(object, "certificates", json_integer((json_int_t)source->n_certificates));
    put(object, "answered_at", instant(source->answered_at));
    put(object, "modified_at", instant(source->modified_at));
    put(object, "changed_at", instant(source->changed_at));
    put(object, "error", text(source->error));
    put(object, "refused", text(source->refused));
    put(object, "came", list((const char *const *)source->came));
    put(object, "went", list((const char *const *)source->went));
    put(object, "findings", of_findings(&source->findings));
    return object;
}

json_t *json_of_trust(const Snapshot *snapshot)
{
    json_t *stores = json_array(), *sources = json_array(), *object = json_object();
    for (size_t i = 0; i < snapshot->n_trust_stores; i++)
        json_array_append_new(stores, of_trust_store(snapshot->trust_stores[i]));
    for (size_t i = 0; i < snapshot->n_sources; i++)
        json_array_append_new(sources, of_source(snapshot->sources[i]));
    put(object, "trust_stores", stores);
    put(object, "bundles", sources);
    return object;
}

json_t *json_of_rds(const Snapshot *snapshot)
{
    json_t *sources = json_array(), *object = json_object();
    for (size_t i = 0; i < snapshot->n_rds_sources; i++) {
        const RdsSourceState *state = snapshot->rds_sources[i];
        json_t *source = json_object();
        put(source, "name", text(state->source->name));
        put(source, "region", text(state->source->region));
        put(source, "credentials", text(state->source->credentials));
        put(source, "role", text(state->source->role));
        put(source, "answered_at", instant(state->answered_at));
        put(source, "error", text(state->error));
        put(source, "refused", text(state->lacking));
        put(source, "named", json_integer((json_int_t)state->inventory.n_endpoints));
        put(source, "discovered", json_integer((json_int_t)state->n_watched));
        put(source, "unwatched", json_integer((json_int_t)state->n_unwatched));
        put(source, "findings", of_findings(&state->findings));
        json_array_append_new(sources, source);
    }
    put(object, "sources", sources);
    return object;
}

json_t *json_of_plan(const Plan *plan)
{
    json_t *steps = json_array(), *object = json_object();
    for (size_t i = 0; i < plan->n; i++) {
        const PlanStep *s = &plan->steps[i];
        json_t *step = json_object();
        put(step, "kind", text(plan_step_to_string(s->kind)));
        put(step, "subject", text(s->subject));
        put(step, "text", text(s->text));
        put(step, "command", text(s->command));
        put(step, "restart", text(s->restart));
        put(step, "blocked", text(s->blocked));
        json_array_append_new(steps, step);
    }
    put(object, "ca", text(plan->ca));
    put(object, "steps", steps);
    return object;
}

json_t *json_of_forecast(const Forecast *forecast)
{
    json_t *events = json_array(), *object = json_object();
    for (size_t i = 0; i < forecast->n; i++) {
        const ForecastEvent *e = &forecast->items[i];
        bool of_store = e->kind == FORECAST_TRUST_STORE;
        json_t *event = json_object();
        put(event, "at", instant(e->at));
        put(event, "ends_at", instant(e->ends_at));
        put(event, "kind", text(forecast_kind_to_string(e->kind)));
        put(event, "endpoint", of_store ? json_null() : text(e->subject));
        if (of_store)
            put(event, "trust_store", text(e->subject));
        put(event, "address", text(e->address));
        put(event, "id", text(e->id));
        put(event, "text", text(e->text));
        json_array_append_new(events, event);
    }
    put(object, "until", instant(forecast->until));
    put(object, "events", events);
    return object;
}

/* Dates, key and names are of the certificate; what was seen of it is beside them. */
static json_t *of_history_line(const HistoryLine *line)
{
    const Certificate *c = line->chain.certificates[0];
    int64_t life = c->not_after - c->not_before;
    bool rotated = line->age != INSTANT_NONE;
    json_t *object = of_certificate(c, false);
    put(object, "address", text(line->address));
    put(object, "first_seen", instant(line->first_seen));
    put(object, "last_seen", instant(line->last_seen));
    put(object, "current", json_boolean(line->current));
    put(object, "ca", text(line->ca));
    put(object, "age_at_rotation_seconds", rotated ? json_integer((json_int_t)line->age) : json_null());
    put(object, "age_at_rotation_percent",
        rotated && life > 0 ? json_integer((json_int_t)(line->age * 100 / life)) : json_null());
    return object;
}

json_t *json_of_history(const char *endpoint, const History *history)
{
    json_t *certificates = json_array(), *object = json_object();
    for (size_t i = 0; i < history->n; i++)
        json_array_append_new(certificates, of_history_line(&history->items[i]));
    put(object, "endpoint", text(endpoint));
    put(object, "certificates", certificates);
    return object;
}

json_t *json_of_silence(const Silence *silence)
{
    json_t *object = json_object();
    put(object, "id", json_integer((json_int_t)silence->id));
    put(object, "subject", text(silence->subject));
    put(object, "finding", text(silence->finding < 0 ? NULL : finding_to_string((FindingId)silence->finding)));
    put(object, "begins_at", instant(silence->begins_at));
    put(object, "ends_at", instant(silence->ends_at));
    put(object, "reason", text(silence->reason));
    put(object, "author", text(silence->author));
    return object;
}

json_t *json_of_error(const char *code, const char *message)
{
    json_t *error = json_object(), *object = json_object();
    put(error, "code", text(code));
    put(error, "message", text(message));
    put(object, "error", error);
    return object;
}
