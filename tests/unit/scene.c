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

void scene_verify(AddressState *address)
{
    verification_deinit(&address->verification);
    address->verification = (Verification) {
        .possible = true,
        .trusted = true,
        .name_matches = true,
        .anchored = true,
    };
    const Chain *chain = &address->seen->chain;
    for (size_t i = 1; i < chain->n; i++)
        chain_append(&address->verification.path, certificate_ref(chain->certificates[i]));
}

#define SEAL "%d|%m[^|]|%m[^|]|%m[^|]|%m[^|]|%m[^|]|%m[^|]|%lld|%lld|%d|%m[^|]|"

void scene_seal(Certificate *c)
{
    free(c->der);
    c->der = (uint8_t *)xasprintf("%d|%s|%s|%s|%s|%s|%s|%lld|%lld|%d|%s|", c->role, c->subject, c->issuer,
                                  c->subject_cn, c->issuer_cn, c->serial, c->sha256, (long long)c->not_before,
                                  (long long)c->not_after, c->self_issued, c->names ? c->names[0] : "-");
    c->der_size = strlen((char *)c->der);
}

int scene_read(const uint8_t *der, size_t size, bool server _unused_, Certificate **ret,
               void *userdata _unused_)
{
    _cleanup_free_ char *text = xstrndup((const char *)der, size);
    Certificate *c = certificate_new();
    char *name = NULL;
    int role, self_issued;
    long long not_before, not_after;
    int n = sscanf(text, SEAL, &role, &c->subject, &c->issuer, &c->subject_cn, &c->issuer_cn, &c->serial,
                   &c->sha256, &not_before, &not_after, &self_issued, &name);
    assert_int_equal(n, 11);
    c->role = (CertificateRole)role;
    c->not_before = not_before;
    c->not_after = not_after;
    c->self_issued = self_issued;
    c->key = xstrdup("RSA 2048");
    c->signature = xstrdup("RSA-SHA256");
    if (strcmp(name, "-") != 0)
        strv_append(&c->names, xstrdup(name));
    free(name);
    scene_seal(c);
    *ret = c;
    return 0;
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
    scene_verify(endpoint_state_find(state, address));
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

void scene_evaluate(EndpointState *state, int64_t now)
{
    rule_evaluate_endpoint(state, &(Policy) { .unreachable_after = 3 }, now);
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
