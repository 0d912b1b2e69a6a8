#include "control/json.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "control/json-internal.h"
#include "model/alert.h"

json_t *json_of_text(const char *value)
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

json_t *json_of_instant(int64_t value)
{
    return value == INSTANT_NONE || value == INSTANT_NEVER ? json_null() : json_string(INSTANT_TEXT(value));
}

json_t *json_of_list(const char *const *values)
{
    json_t *array = json_array();
    for (; values && *values; values++)
        json_array_append_new(array, json_of_text(*values));
    return array;
}

const char *json_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void json_put(json_t *object, const char *key, json_t *value)
{
    int r = json_object_set_new(object, key, value);
    assert(r == 0); /* fails for want of memory, or of a value */
}

json_t *json_of_certificate(const Certificate *c, bool der)
{
    json_t *object = json_object();
    json_put(object, "role", json_of_text(certificate_role_to_string(c->role)));
    json_put(object, "subject", json_of_text(c->subject));
    json_put(object, "issuer", json_of_text(c->issuer));
    json_put(object, "serial", json_of_text(c->serial));
    json_put(object, "sha256", json_of_text(c->sha256));
    json_put(object, "not_before", json_of_instant(c->not_before));
    json_put(object, "not_after", json_of_instant(c->not_after));
    json_put(object, "key", json_of_text(c->key));
    json_put(object, "signature", json_of_text(c->signature));
    json_put(object, "names", json_of_list((const char *const *)c->names));
    if (der) {
        _cleanup_free_ char *hex = text_hex(c->der, c->der_size);
        json_put(object, "der", json_of_text(hex));
    }
    return object;
}

static json_t *of_chain(const Observation *seen, bool der)
{
    json_t *array = json_array();
    for (size_t i = 0; seen && i < seen->chain.n; i++)
        json_array_append_new(array, json_of_certificate(seen->chain.certificates[i], der));
    return array;
}

static json_t *of_tls(const Observation *seen)
{
    if (!seen || !seen->tls_version)
        return json_null();
    json_t *object = json_object();
    json_put(object, "version", json_of_text(seen->tls_version));
    json_put(object, "cipher", json_of_text(seen->tls_cipher));
    json_put(object, "group", json_of_text(seen->tls_group));
    json_put(object, "alpn", json_of_text(seen->tls_alpn));
    return object;
}

/* Outcome, stage and times are the latest probe's; the chain is the latest that was seen, at seen_at. */
static json_t *of_address(const AddressState *address, bool der)
{
    const Observation *latest = address->latest, *seen = address->seen;
    const Verification *v = &address->verification;
    json_t *object = json_object();
    json_put(object, "address", json_of_text(address->address.text));
    json_put(object, "outcome", json_of_text(latest ? outcome_to_string(latest->outcome) : NULL));
    json_put(object, "stage", json_of_text(latest ? stage_to_string(latest->stage) : NULL));
    json_put(object, "detail", json_of_text(latest ? latest->detail : NULL));
    json_put(object, "observed_at", json_of_instant(latest ? latest->observed_at : INSTANT_NONE));
    json_put(object, "duration_ms",
             latest ? json_integer((json_int_t)(latest->duration_usec / 1000)) : json_null());
    json_put(object, "failures", json_integer((json_int_t)address->failures.n));
    json_put(object, "seen_at", json_of_instant(seen ? seen->observed_at : INSTANT_NONE));
    json_put(object, "trusted", seen && v->possible ? json_boolean(v->trusted) : json_null());
    json_put(object, "name_matches", seen ? json_boolean(v->name_matches) : json_null());
    json_put(object, "tls", of_tls(seen));
    json_put(object, "plaintext",
             address->plaintext == PLAINTEXT_UNKNOWN ? json_null()
                                                     : json_of_text(plaintext_to_string(address->plaintext)));
    json_put(object, "chain", of_chain(seen, der));
    return object;
}

static json_t *of_rotation(const EndpointState *state)
{
    const Rotation *r = &state->rotation;
    if (!state->oldest)
        return json_null();
    json_t *object = json_object();
    json_put(object, "class", json_of_text(rotation_class_to_string(r->class)));
    json_put(object, "source", json_of_text(rotation_source_to_string(r->source)));
    json_put(object, "half_life", json_of_instant(r->half_life));
    json_put(object, "expected_by", json_of_instant(r->expected_by));
    json_put(object, "overdue_after", json_of_instant(r->overdue_after));
    return object;
}

static void put_finding(json_t *object, const Finding *finding)
{
    json_put(object, "id", json_of_text(finding_to_string(finding->id)));
    json_put(object, "severity", json_of_text(severity_to_string(finding->severity)));
    json_put(object, "state",
             json_of_text(alert_state_to_string(finding->pending ? ALERT_PENDING : ALERT_FIRING)));
    json_put(object, "silenced_until", json_of_instant(finding->silenced_until));
    json_put(object, "address", json_of_text(finding->address));
    json_put(object, "since", json_of_instant(finding->since));
    json_put(object, "message", json_of_text(finding->message));
    json_put(object, "remedy", json_of_text(finding->remedy));
    json_put(object, "due", json_of_instant(finding->due));
}

json_t *json_of_finding(const Subject *subject, const Finding *finding)
{
    json_t *object = json_object();
    if (subject->endpoint) {
        json_put(object, "endpoint", json_of_text(subject->name));
        json_put(object, "engine", json_of_text(subject->endpoint->endpoint->engine_name));
    } else {
        json_put(object, "endpoint", json_null());
        json_put(object, subject_kind_label(subject->kind), json_of_text(subject->name));
    }
    put_finding(object, finding);
    return object;
}

json_t *json_of_findings(const FindingList *findings)
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
                     json_of_instant(rds->current_apply), "auto_applied_after_date",
                     json_of_instant(rds->auto_applied_after), "forced_apply_date",
                     json_of_instant(rds->forced_apply));
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
    json_put(object, "source", json_of_text(rds->source));
    json_put(object, "kind", json_of_text(rds_kind_to_string((RdsKind)rds->kind)));
    json_put(object, "identifier", json_of_text(rds->identifier));
    json_put(object, "engine", json_of_text(rds->engine));
    json_put(object, "engine_version", json_of_text(rds->engine_version));
    json_put(object, "status", json_of_text(rds->status));
    json_put(object, "ca_certificate_identifier", json_of_text(rds->ca));
    json_put(object, "pending_ca_certificate_identifier", json_of_text(rds->pending_ca));
    json_put(object, "valid_till", json_of_instant(rds->valid_till));
    json_put(object, "since", json_of_instant(rds->since));
    json_put(object, "preferred_maintenance_window", json_of_text(rds->window));
    json_put(object, "supports_certificate_rotation_without_restart",
             rds->online == SUPPORT_UNKNOWN ? json_null() : json_boolean(rds->online == SUPPORT_YES));
    json_put(object, "supported_ca_certificate_identifiers", of_words(rds->offered));
    json_put(object, "default_ca_certificate_identifier", json_of_text(rds->default_ca));
    json_put(object, "pending_maintenance", of_maintenance(rds));
    json_put(object, "missing_since", json_of_instant(rds->missing_since));
    return object;
}

/* Of the certificate that has to be replaced first, and of what is above it. */
static json_t *of_clocks(const EndpointState *state)
{
    const Certificate *clocks[N_CLOCKS] = { 0 };
    json_t *array = json_array();
    if (state->oldest)
        address_clocks(state->oldest, clocks);
    for (int role = 0; role < N_CLOCKS; role++) {
        if (!clocks[role])
            continue;
        json_t *object = json_object();
        json_put(object, "role", json_of_text(certificate_role_to_string((CertificateRole)role)));
        json_put(object, "name", json_of_text(certificate_label(clocks[role])));
        json_put(object, "not_before", json_of_instant(clocks[role]->not_before));
        json_put(object, "not_after", json_of_instant(clocks[role]->not_after));
        json_array_append_new(array, object);
    }
    return array;
}

/* As it was when it was judged. */
static json_t *of_next(const EndpointState *state)
{
    int64_t at = INSTANT_NONE;
    const char *what = endpoint_state_next(state, state->judged_at, &at);
    if (!what)
        return json_null();
    json_t *object = json_object();
    json_put(object, "what", json_of_text(what));
    json_put(object, "at", json_of_instant(at));
    return object;
}

json_t *json_of_endpoint(const EndpointState *state, bool der)
{
    const Endpoint *e = state->endpoint;
    const Certificate *server = state->oldest ? address_certificate(state->oldest) : NULL;
    json_t *object = json_object();
    json_put(object, "name", json_of_text(e->name));
    json_put(object, "host", json_of_text(e->host));
    json_put(object, "port", json_integer(e->port));
    json_put(object, "engine", json_of_text(e->engine_name));
    json_put(object, "kind", json_of_text(endpoint_kind_to_string((EndpointKind)e->kind)));
    json_put(object, "region", json_of_text(e->region));
    json_put(object, "severity", json_of_text(severity_to_string(state->severity)));
    json_put(object, "source", json_string(e->discovered ? "rds" : "configured"));
    json_put(object, "configured_ca", json_of_text(endpoint_ca(e)));
    json_put(object, "served_ca", json_of_text(state->served_ca));
    json_put(object, "rotation", of_rotation(state));
    json_put(object, "not_before", json_of_instant(server ? server->not_before : INSTANT_NONE));
    json_put(object, "not_after", json_of_instant(server ? server->not_after : INSTANT_NONE));
    json_put(object, "ca_not_after", json_of_instant(state->ca_not_after));
    json_put(object, "clocks", of_clocks(state));
    json_put(object, "next", of_next(state));
    json_put(object, "next_probe_at", json_of_instant(state->next_probe_at));
    json_put(object, "rds", of_rds(e->rds));
    json_put(object, "addresses", of_addresses(state, der));
    json_put(object, "findings", json_of_findings(&state->findings));
    return object;
}

static json_t *of_state(const Snapshot *snapshot)
{
    json_t *object = json_object();
    json_put(object, "path", json_of_text(snapshot->self->database));
    json_put(object, "error", json_of_text(snapshot->self->unwritable));
    json_put(object, "damaged", json_of_list((const char *const *)snapshot->self->damaged));
    json_put(object, "bytes", json_integer((json_int_t)snapshot->store.bytes));
    json_put(object, "commits", json_integer((json_int_t)snapshot->store.n_commits));
    json_put(object, "longest_commit_ms", json_real((double)snapshot->store.longest_usec / 1000.0));
    return object;
}

json_t *json_of_status(const Snapshot *snapshot)
{
    json_t *severities = json_object(), *object = json_object();
    int64_t next = INSTANT_NONE;
    for (Severity s = 0; s < N_SEVERITIES; s++)
        json_put(severities, severity_to_string(s), json_integer((json_int_t)snapshot_count(snapshot, s)));
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        next = instant_earlier(next, snapshot->endpoints[i]->next_probe_at);
    json_put(object, "version", json_of_text(snapshot->version));
    json_put(object, "config", json_of_text(snapshot->config_path));
    json_put(object, "started_at", json_of_instant(snapshot->started_at));
    json_put(object, "configured_at", json_of_instant(snapshot->reloaded_at));
    json_put(object, "reload_error", json_of_text(snapshot->reload_error));
    json_put(object, "endpoints", json_integer((json_int_t)snapshot->n_endpoints));
    json_put(object, "probing", json_integer((json_int_t)snapshot->n_probing));
    json_put(object, "severities", severities);
    json_put(object, "trust", json_of_text(severity_to_string(snapshot_trust_severity(snapshot))));
    json_put(object, "rds", json_of_text(severity_to_string(snapshot_rds_severity(snapshot))));
    json_put(object, "daemon", json_of_text(severity_to_string(snapshot_self_severity(snapshot))));
    json_put(object, "silences", json_integer((json_int_t)snapshot->silences->n));
    json_put(object, "state", of_state(snapshot));
    json_put(object, "catalogue", json_of_text(snapshot->catalogue_version));
    json_put(object, "next_probe_at", json_of_instant(next));
    return object;
}

json_t *json_of_error(const char *code, const char *message)
{
    json_t *error = json_object(), *object = json_object();
    json_put(error, "code", json_of_text(code));
    json_put(error, "message", json_of_text(message));
    json_put(object, "error", error);
    return object;
}
