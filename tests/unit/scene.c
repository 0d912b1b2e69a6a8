#include "scene.h"

#include <stdio.h>

#include "unit.h"

EndpointState *scene_new(void)
{
    Endpoint *endpoint = endpoint_new();
    endpoint->name = xstrdup("orders");
    endpoint->host = xstrdup("orders.c9akciq32rgq.us-east-1.rds.amazonaws.com");
    endpoint->engine = engine_find("postgres");
    endpoint->engine_name = xstrdup("postgres");
    endpoint->port = 5432;
    endpoint->region = xstrdup("us-east-1");
    endpoint->ca = xstrdup("rds-ca-rsa2048-g1");
    assert_int_equal(window_parse("sun:05:00-sun:06:00", &endpoint->maintenance_window), 0);
    EndpointState *state = endpoint_state_new(endpoint);
    endpoint_unref(endpoint);
    return state;
}

static Certificate *certificate(CertificateRole role, const char *cn, const char *issuer_cn,
                                const char *not_before, const char *not_after)
{
    Certificate *c = certificate_new();
    c->role = role;
    c->subject_cn = xstrdup(cn);
    c->issuer_cn = xstrdup(issuer_cn);
    c->subject = xasprintf("CN=%s", cn);
    c->issuer = xasprintf("CN=%s", issuer_cn);
    c->serial = xstrdup("0A1B");
    c->sha256 = xasprintf("%s/%s", not_before, not_after);
    c->key = xstrdup("RSA 2048");
    c->signature = xstrdup("RSA-SHA256");
    c->not_before = at(not_before);
    c->not_after = at(not_after);
    c->self_issued = strcmp(cn, issuer_cn) == 0;
    if (role == ROLE_SERVER)
        strv_append(&c->names, xstrdup(cn));
    return c;
}

static Observation *observe(const char *address, Outcome outcome, int64_t now)
{
    Address parsed;
    assert_int_equal(address_parse(address, 5432, &parsed), 0);
    Observation *observation = observation_new(&parsed);
    observation->outcome = outcome;
    observation->observed_at = now;
    return observation;
}

void scene_fetch(EndpointState *state, const char *address, const char *not_before, const char *not_after)
{
    static const char root[] = "Amazon RDS us-east-1 Root CA RSA2048 G1";
    static const char subordinate[] = "Amazon RDS us-east-1 Subordinate CA RSA2048 G1.A.1";
    Observation *o = observe(address, OUTCOME_FETCHED, at(not_before));
    o->stage = STAGE_DONE;
    chain_append(&o->chain,
                 certificate(ROLE_SERVER, state->endpoint->host, subordinate, not_before, not_after));
    chain_append(&o->chain, certificate(ROLE_INTERMEDIATE, subordinate, root, "2022-01-01T00:00:00Z",
                                        "2032-01-01T00:00:00Z"));
    chain_append(&o->chain, certificate(ROLE_ROOT, root, root, "2021-05-25T22:34:57Z", "2061-05-25T23:34:57Z"));
    assert_true(endpoint_state_note(state, o));
    AddressState *a = endpoint_state_find(state, address);
    verification_deinit(&a->verification);
    a->verification = (Verification) {
        .possible = true,
        .trusted = true,
        .name_matches = true,
        .anchored = true,
    };
    for (size_t i = 1; i < o->chain.n; i++)
        chain_append(&a->verification.path, certificate_ref(o->chain.certificates[i]));
    observation_unref(o);
}

void scene_fail(EndpointState *state, const char *address, Outcome outcome, const char *now)
{
    Observation *o = observe(address, outcome, at(now));
    o->stage = STAGE_DIAL;
    o->detail = xstrdup("connection refused");
    assert_false(endpoint_state_note(state, o));
    observation_unref(o);
}

void scene_judge(EndpointState *state, int64_t now)
{
    judge(state, &(Policy) { .unreachable_after = 3 }, now);
}

const char *scene_findings(const EndpointState *state)
{
    static char text[1024];
    text[0] = 0;
    for (size_t i = 0; i < state->findings.n; i++) {
        const Finding *f = &state->findings.items[i];
        size_t length = strlen(text);
        if (f->pending)
            continue;
        snprintf(text + length, sizeof text - length, "%s%s=%s", length ? " " : "", finding_to_string(f->id),
                 severity_to_string(f->severity));
    }
    return text;
}
