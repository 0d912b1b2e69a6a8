#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "control/json-internal.h"
#include "control/json-text.h"
#include "control/json.h"
#include "model/alert.h"

void json_write_certificate_members(Buffer *text, const Certificate *c, bool der)
{
    json_text_string(text, "role", certificate_role_to_string(c->role));
    json_text_string(text, "subject", c->subject);
    json_text_string(text, "issuer", c->issuer);
    json_text_string(text, "serial", c->serial);
    json_text_string(text, "sha256", c->sha256);
    json_text_instant(text, "not_before", c->not_before);
    json_text_instant(text, "not_after", c->not_after);
    json_text_string(text, "key", c->key);
    json_text_string(text, "signature", c->signature);
    json_text_begin(text, "names", '[');
    for (char **name = c->names; name && *name; name++)
        json_text_string(text, NULL, *name);
    json_text_end(text, ']');
    if (c->n_more_names > 0)
        json_text_integer(text, "names_total", (int64_t)(strv_length(c->names) + c->n_more_names));
    if (der) {
        _cleanup_free_ char *hex = c->der ? text_hex(c->der, c->der_size) : NULL;
        json_text_string(text, "der", hex);
    }
}

static void write_certificate(Buffer *text, const Certificate *c, bool der)
{
    json_text_begin(text, NULL, '{');
    json_write_certificate_members(text, c, der);
    json_text_end(text, '}');
}

void json_write_truth(Buffer *text, const char *key, bool known, bool value)
{
    if (known)
        json_text_boolean(text, key, value);
    else
        json_text_null(text, key);
}

static void write_chain(Buffer *text, const Observation *seen, bool der)
{
    json_text_begin(text, "chain", '[');
    for (size_t i = 0; seen && i < seen->chain.n; i++)
        write_certificate(text, seen->chain.certificates[i], der);
    json_text_end(text, ']');
}

static void write_tls(Buffer *text, const Observation *seen)
{
    if (!seen || !seen->tls_version) {
        json_text_null(text, "tls");
        return;
    }
    json_text_begin(text, "tls", '{');
    json_text_string(text, "version", seen->tls_version);
    json_text_string(text, "cipher", seen->tls_cipher);
    json_text_string(text, "group", seen->tls_group);
    json_text_string(text, "alpn", seen->tls_alpn);
    json_text_end(text, '}');
}

/* Outcome, stage and times are the latest probe's; the chain is the latest that was seen, at seen_at. */
static void write_address(Buffer *text, const AddressState *address, bool der)
{
    const Observation *latest = address->latest, *seen = address->seen;
    const Verification *v = &address->verification;
    json_text_begin(text, NULL, '{');
    json_text_string(text, "address", address->address.text);
    json_text_string(text, "outcome", latest ? outcome_to_string(latest->outcome) : NULL);
    json_text_string(text, "stage", latest ? stage_to_string(latest->stage) : NULL);
    json_text_string(text, "detail", latest ? latest->detail : NULL);
    json_text_instant(text, "observed_at", latest ? latest->observed_at : INSTANT_NONE);
    if (latest)
        json_text_integer(text, "duration_ms", (int64_t)(latest->duration_usec / 1000));
    else
        json_text_null(text, "duration_ms");
    json_text_integer(text, "failures", address->failures.n);
    json_text_instant(text, "seen_at", seen ? seen->observed_at : INSTANT_NONE);
    json_write_truth(text, "trusted", seen && v->possible, v->trusted);
    json_write_truth(text, "name_matches", seen != NULL, v->name_matches);
    write_tls(text, seen);
    json_text_string(text, "plaintext",
                     address->plaintext == PLAINTEXT_UNKNOWN ? NULL : plaintext_to_string(address->plaintext));
    write_chain(text, seen, der);
    json_text_end(text, '}');
}

static void write_rotation(Buffer *text, const EndpointState *state)
{
    const Rotation *r = &state->rotation;
    if (!state->oldest) {
        json_text_null(text, "rotation");
        return;
    }
    json_text_begin(text, "rotation", '{');
    json_text_string(text, "class", rotation_class_to_string(r->class));
    json_text_string(text, "source", rotation_source_to_string(r->source));
    json_text_instant(text, "half_life", r->half_life);
    json_text_instant(text, "expected_by", r->expected_by);
    json_text_instant(text, "overdue_after", r->overdue_after);
    json_text_end(text, '}');
}

void json_write_steps(Buffer *text, const char *key, const StepList *steps)
{
    json_text_begin(text, key, '[');
    for (size_t i = 0; i < steps->n; i++) {
        const Step *step = &steps->items[i];
        json_text_begin(text, NULL, '{');
        json_text_string(text, "kind", step_kind_to_string(step->kind));
        json_text_string(text, "run", step->run);
        json_text_string(text, "where", step_place_to_string(step->where));
        json_text_string(text, "effect", step->effect);
        json_text_end(text, '}');
    }
    json_text_end(text, ']');
}

static void write_members(Buffer *text, const Finding *finding)
{
    _cleanup_free_ char *remedy = steps_script(&finding->steps);
    json_text_string(text, "id", finding_to_string(finding->id));
    json_text_string(text, "severity", severity_to_string(finding->severity));
    json_text_string(text, "state", alert_state_to_string(finding->pending ? ALERT_PENDING : ALERT_FIRING));
    json_text_instant(text, "silenced_until", finding->silenced_until);
    json_text_string(text, "address", finding->address);
    json_text_instant(text, "since", finding->since);
    json_text_string(text, "message", finding->message);
    json_text_instant(text, "due", finding->due);
    json_write_steps(text, "steps", &finding->steps);
    json_text_string(text, "remedy", remedy);
}

void json_write_finding(Buffer *text, const SubjectView *subject, const Finding *finding)
{
    json_text_begin(text, NULL, '{');
    json_text_string(text, "endpoint", subject->endpoint ? subject->name : NULL);
    if (subject->endpoint)
        json_text_string(text, "engine", subject->endpoint->endpoint->engine_name);
    else
        json_text_string(text, subject_kind_label(subject->kind), subject->name);
    write_members(text, finding);
    json_text_end(text, '}');
}

void json_write_findings(Buffer *text, const char *key, const FindingList *findings)
{
    json_text_begin(text, key, '[');
    for (size_t i = 0; i < findings->n; i++) {
        json_text_begin(text, NULL, '{');
        write_members(text, &findings->items[i]);
        json_text_end(text, '}');
    }
    json_text_end(text, ']');
}

static void write_maintenance(Buffer *text, const RdsEndpoint *rds)
{
    if (!rds->maintenance) {
        json_text_null(text, "pending_maintenance");
        return;
    }
    json_text_begin(text, "pending_maintenance", '{');
    json_text_string(text, "action", "ca-certificate-rotation");
    json_text_instant(text, "current_apply_date", rds->current_apply);
    json_text_instant(text, "auto_applied_after_date", rds->auto_applied_after);
    json_text_instant(text, "forced_apply_date", rds->forced_apply);
    json_text_end(text, '}');
}

/* "a, b" as a list; null if it is not known. */
static void write_words(Buffer *text, const char *key, const char *words)
{
    if (!words) {
        json_text_null(text, key);
        return;
    }
    json_text_begin(text, key, '[');
    for (size_t length; (length = strcspn(words, ",")) > 0; words += length, words += strspn(words, ", ")) {
        _cleanup_free_ char *word = xstrndup(words, length);
        json_text_string(text, NULL, word);
    }
    json_text_end(text, ']');
}

/* In the API's words, as far as it has them. */
static void write_rds(Buffer *text, const RdsEndpoint *rds)
{
    if (!rds) {
        json_text_null(text, "rds");
        return;
    }
    json_text_begin(text, "rds", '{');
    json_text_string(text, "source", rds->source);
    json_text_string(text, "kind", rds_kind_to_string((RdsKind)rds->kind));
    json_text_string(text, "identifier", rds->identifier);
    json_text_string(text, "engine", rds->engine);
    json_text_string(text, "engine_version", rds->engine_version);
    json_text_string(text, "status", rds->status);
    json_text_string(text, "ca_certificate_identifier", rds->ca);
    json_text_string(text, "pending_ca_certificate_identifier", rds->pending_ca);
    json_text_instant(text, "valid_till", rds->valid_till);
    json_text_instant(text, "since", rds->since);
    json_text_string(text, "preferred_maintenance_window", rds->window);
    json_write_truth(text, "supports_certificate_rotation_without_restart", rds->online != SUPPORT_UNKNOWN,
                     rds->online == SUPPORT_YES);
    write_words(text, "supported_ca_certificate_identifiers", rds->offered);
    json_text_string(text, "default_ca_certificate_identifier", rds->default_ca);
    write_maintenance(text, rds);
    json_text_instant(text, "missing_since", rds->missing_since);
    json_text_end(text, '}');
}

/* Of the certificate that has to be replaced first, and of what is above it. */
static void write_clocks(Buffer *text, const EndpointState *state)
{
    const Certificate *clocks[N_CLOCKS] = { 0 };
    if (state->oldest)
        address_clocks(state->oldest, clocks);
    json_text_begin(text, "clocks", '[');
    for (int role = 0; role < N_CLOCKS; role++) {
        if (!clocks[role])
            continue;
        json_text_begin(text, NULL, '{');
        json_text_string(text, "role", certificate_role_to_string((CertificateRole)role));
        json_text_string(text, "name", certificate_label(clocks[role]));
        json_text_instant(text, "not_before", clocks[role]->not_before);
        json_text_instant(text, "not_after", clocks[role]->not_after);
        json_text_end(text, '}');
    }
    json_text_end(text, ']');
}

/* As it was when it was evaluated. */
static void write_next(Buffer *text, const EndpointState *state)
{
    int64_t at = INSTANT_NONE;
    const char *what = endpoint_state_next(state, state->evaluated_at, &at);
    if (!what) {
        json_text_null(text, "next");
        return;
    }
    json_text_begin(text, "next", '{');
    json_text_string(text, "what", what);
    json_text_instant(text, "at", at);
    json_text_end(text, '}');
}

static void write_head(Buffer *text, const EndpointState *state)
{
    const Endpoint *e = state->endpoint;
    const Certificate *server = state->oldest ? address_certificate(state->oldest) : NULL;
    json_text_begin(text, NULL, '{');
    json_text_string(text, "name", e->name);
    json_text_string(text, "host", e->host);
    json_text_integer(text, "port", e->port);
    json_text_string(text, "engine", e->engine_name);
    json_text_string(text, "kind", endpoint_kind_to_string((EndpointKind)e->kind));
    json_text_string(text, "region", e->region);
    json_text_string(text, "severity", severity_to_string(state->severity));
    json_text_string(text, "source", e->discovered ? "rds" : "configured");
    json_text_string(text, "configured_ca", endpoint_ca(e));
    json_text_string(text, "served_ca", state->served_ca);
    write_rotation(text, state);
    json_text_instant(text, "not_before", server ? server->not_before : INSTANT_NONE);
    json_text_instant(text, "not_after", server ? server->not_after : INSTANT_NONE);
    json_text_instant(text, "ca_not_after", state->ca_not_after);
    write_clocks(text, state);
    write_next(text, state);
    json_text_instant(text, "next_probe_at", state->next_probe_at);
    write_rds(text, e->rds);
    json_text_begin(text, "addresses", '[');
}

bool json_write_endpoint(Buffer *text, const EndpointState *state, size_t part, bool der)
{
    if (part == 0)
        write_head(text, state);
    else if (part <= state->n_addresses) {
        if (part > 1)
            json_text_comma(text);
        write_address(text, &state->addresses[part - 1], der);
    } else {
        json_text_end(text, ']');
        json_write_findings(text, "findings", &state->findings);
        json_text_end(text, '}');
    }
    return part <= state->n_addresses;
}

json_t *json_of_endpoint(const EndpointState *state, bool der)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    for (size_t part = 0; json_write_endpoint(&text, state, part, der);)
        part++;
    json_t *value = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (!value)
        out_of_memory(); /* nothing else is wrong with it */
    return value;
}
