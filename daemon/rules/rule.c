#include "rules/rule.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "rules/case.h"

/* The thresholds of the last line are meant for lives of that length; shorter ones scale them down. */
#define FULL_LIFE (90 * DAY)

static void rule_rotation(Case *c)
{
    const Rotation *r = &c->rotation;
    if (r->due_at == INSTANT_NONE || !case_reached(c, r->due_at))
        return;
    if (!case_reached(c, r->overdue_after)) {
        /* A restart waits for a person, unless it has a date; the other two come by themselves. */
        Severity severity =
            r->class == CLASS_RESTART && !case_is_scheduled(c) ? SEVERITY_WARNING : SEVERITY_NOTICE;
        (void)evidence_add(c, FINDING_ROTATION_DUE, severity, r->overdue_after);
    } else if (!case_reached(c, r->critical_from))
        (void)evidence_add(c, FINDING_ROTATION_OVERDUE, SEVERITY_WARNING, r->critical_from);
    else
        (void)evidence_add(c, FINDING_ROTATION_OVERDUE, SEVERITY_CRITICAL, c->server->not_after);
}

static void rule_validity(Case *c)
{
    const Thresholds *t = &c->state->endpoint->thresholds;
    int64_t end = c->server->not_after, life = end - c->server->not_before;
    if (!case_reached(c, c->server->not_before)) {
        (void)evidence_add(c, FINDING_CERTIFICATE_NOT_YET_VALID, SEVERITY_CRITICAL, c->server->not_before);
        return;
    }
    if (!case_reached(c, end - case_scaled(t->expiring_warning, life, FULL_LIFE)))
        return;
    if (case_reached(c, end + 1)) /* not_after itself is still valid: RFC 5280, 4.1.2.5 */
        (void)evidence_add(c, FINDING_CERTIFICATE_EXPIRED, SEVERITY_CRITICAL, end);
    else if (case_reached(c, end - case_scaled(t->expiring_critical, life, FULL_LIFE)))
        (void)evidence_add(c, FINDING_CERTIFICATE_EXPIRING, SEVERITY_CRITICAL, end);
    else
        (void)evidence_add(c, FINDING_CERTIFICATE_EXPIRING, SEVERITY_WARNING, end);
}

/* The server sent its own certificate alone, and an intermediate of RDS's signed it: no root can verify that.
 */
static bool lacks_intermediate(const Case *c)
{
    Authority ignored;
    const Certificate *server = c->server;
    return c->address->seen->chain.n == 1 && server->issuer_cn &&
           (strstr(server->issuer_cn, " Subordinate CA ") || !strstr(server->issuer_cn, " Root ")) &&
           authority_from_names(server->issuer_cn, NULL, &ignored);
}

static void rule_trust(Case *c)
{
    const Verification *v = &c->address->verification;
    if (v->self_signed)
        (void)evidence_add(c, FINDING_SELF_SIGNED, SEVERITY_WARNING, INSTANT_NONE);
    else if (!v->possible)
        return; /* the configuration says so with a warning */
    else if (v->incomplete || (!v->trusted && lacks_intermediate(c)))
        (void)evidence_add(c, FINDING_CHAIN_INCOMPLETE, SEVERITY_WARNING, INSTANT_NONE);
    else if (!v->trusted)
        (void)evidence_add(c, FINDING_CHAIN_UNTRUSTED, SEVERITY_WARNING, INSTANT_NONE);
}

static void rule_name(Case *c)
{
    if (!c->address->verification.name_matches)
        (void)evidence_add(c, FINDING_NAME_MISMATCH, SEVERITY_WARNING, INSTANT_NONE);
}

/* Clients that keep to RFC 9525 (6.3) do not look at the CN any more. */
static void rule_names(Case *c)
{
    const Verification *v = &c->address->verification;
    if (!c->server->names && c->server->n_more_names == 0 && v->name_matches && !v->self_signed)
        (void)evidence_add(c, FINDING_NO_SUBJECT_ALTERNATIVE_NAME, SEVERITY_WARNING, INSTANT_NONE);
}

/* A root's own signature is looked at by nobody. */
static void rule_strength(Case *c)
{
    const Chain *chain = &c->address->seen->chain;
    const Certificate *weak_key = NULL, *weak_signature = NULL;
    for (size_t i = chain->n; i-- > 0;) {
        const Certificate *certificate = chain->certificates[i];
        if (certificate->weak_key)
            weak_key = certificate;
        if (certificate->weak_signature && certificate->role != ROLE_ROOT)
            weak_signature = certificate;
    }
    if (weak_key)
        evidence_add(c, FINDING_WEAK_KEY, SEVERITY_WARNING, INSTANT_NONE)->about = weak_key;
    if (weak_signature)
        evidence_add(c, FINDING_WEAK_SIGNATURE, SEVERITY_WARNING, INSTANT_NONE)->about = weak_signature;
}

static void rule_stability(Case *c)
{
    if (c->address->shown && c->address->shown->unstable)
        (void)evidence_add(c, FINDING_CERTIFICATE_UNSTABLE, SEVERITY_WARNING, INSTANT_NONE);
}

static void rule_tls(Case *c)
{
    static const Severity severities[] = {
        [TLS_AGE_OLD_SUITE] = SEVERITY_NOTICE,
        [TLS_AGE_OLD_VERSION] = SEVERITY_WARNING,
    };
    TlsAge age = c->address->seen->tls_age;
    if (age != TLS_AGE_CURRENT)
        (void)evidence_add(c, FINDING_LEGACY_TLS, severities[age], INSTANT_NONE);
}

static void rule_plaintext(Case *c)
{
    if (c->state->endpoint->check_plaintext && c->address->plaintext == PLAINTEXT_ACCEPTED)
        (void)evidence_add(c, FINDING_PLAINTEXT_ACCEPTED, SEVERITY_WARNING, INSTANT_NONE);
}

static const struct {
    Outcome outcome;
    FindingId id;
    Severity severity;
    bool at_once;
} failures[] = {
    { OUTCOME_UNREACHABLE, FINDING_UNREACHABLE, SEVERITY_UNKNOWN, false },
    { OUTCOME_TLS_REFUSED, FINDING_TLS_REFUSED, SEVERITY_WARNING, false },
    { OUTCOME_HANDSHAKE_FAILED, FINDING_HANDSHAKE_FAILED, SEVERITY_UNKNOWN, false },
    { OUTCOME_PROBER_BLOCKED, FINDING_PROBER_BLOCKED, SEVERITY_CRITICAL, true },
};

static void rule_failures(Case *c)
{
    if (!c->address->latest)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        if (failures[i].outcome != c->address->latest->outcome)
            continue;
        bool passes = c->address->failures.n < c->policy->unreachable_after || case_is_away(c);
        evidence_add(c, failures[i].id, failures[i].severity, INSTANT_NONE)->pending =
            passes && !failures[i].at_once;
    }
}

static void rule_resolution(Case *c)
{
    bool passes = c->state->unresolved.n < c->policy->unreachable_after || case_is_away(c);
    if (c->state->unresolved.n > 0)
        evidence_add(c, FINDING_NAME_UNRESOLVED, SEVERITY_UNKNOWN, INSTANT_NONE)->pending = passes;
}

static bool is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/*
 * Instances of a cluster have a certificate each, made at different times: they only differ if one is past the
 * time to rotate and another is not.
 */
static Difference difference_of(Case *a, Case *b)
{
    const Certificate *x = a->server, *y = b->server;
    if (!is_same(a->authority.id, b->authority.id) ||
        (!a->authority.id[0] && !is_same(certificate_issuer_label(x), certificate_issuer_label(y))))
        return DIFFERENCE_CA;
    if (is_same(x->sha256, y->sha256))
        return DIFFERENCE_NONE;
    if (is_same(x->subject, y->subject))
        return DIFFERENCE_SERIAL;
    if (a->rotation.due_at == INSTANT_NONE || b->rotation.due_at == INSTANT_NONE)
        return DIFFERENCE_NONE;
    bool a_is_due = case_reached(a, a->rotation.due_at), b_is_due = case_reached(b, b->rotation.due_at);
    return a_is_due == b_is_due ? DIFFERENCE_NONE : DIFFERENCE_AGE;
}

/* Its address does not answer, and the other's certificate was made after what was last seen there. */
static bool is_outlived(const Case *c, const Case *other)
{
    return c->address->latest != c->address->seen && other->server->not_before > c->address->seen->observed_at;
}

/*
 * Whether both certificates were served at one time, as far as probe runs have seen: one that was rotated is
 * not compared with what was seen elsewhere before, be it that the other address does not answer any more or
 * was not looked at yet.
 */
static bool is_comparable(const Case *a, const Case *b)
{
    return a->server && b->server && !a->address->gone && !b->address->gone &&
           a->address->shown_run <= b->address->seen_run && b->address->shown_run <= a->address->seen_run &&
           !is_outlived(a, b) && !is_outlived(b, a);
}

static void rule_disagreement(Case *whole, Case *parts)
{
    Difference worst = DIFFERENCE_NONE;
    for (size_t i = 0; i < whole->n_parts; i++)
        for (size_t j = i + 1; j < whole->n_parts; j++) {
            Difference difference =
                is_comparable(&parts[i], &parts[j]) ? difference_of(&parts[i], &parts[j]) : DIFFERENCE_NONE;
            worst = MAX(difference, worst);
        }
    Severity severity = worst == DIFFERENCE_AGE ? SEVERITY_NOTICE : SEVERITY_WARNING;
    if (worst != DIFFERENCE_NONE)
        evidence_add(whole, FINDING_ADDRESSES_DISAGREE, severity, INSTANT_NONE)->difference = worst;
}

typedef void (*Rule)(Case *c);

/* Of a certificate that was seen at an address; it goes on being judged while probes fail. */
static const Rule certificate_rules[] = {
    rule_rotation, rule_validity, rule_intermediates, rule_root,  rule_served_ca, rule_catalogue, rule_restart,
    rule_offer,    rule_trust,    rule_name,          rule_names, rule_strength,  rule_stability, rule_tls,
};

static void evaluate_address(Case *c)
{
    if (c->address->seen)
        case_look(c);
    rule_failures(c);
    rule_plaintext(c);
    if (!c->server)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(certificate_rules); i++)
        certificate_rules[i](c);

    EndpointState *state = c->state;
    if (state->oldest && address_certificate(state->oldest)->not_after <= c->server->not_after)
        return;
    state->oldest = c->address;
    state->rotation = c->rotation;
    free(state->served_ca);
    state->served_ca = c->authority.id[0] ? xstrdup(c->authority.id) : NULL;
    const Certificate *first = case_first_to_end(c->path);
    state->ca_not_after = first ? first->not_after : INSTANT_NONE;
}

void rule_evaluate_endpoint(EndpointState *state, const Policy *policy, int64_t now)
{
    _cleanup_free_ Case *parts = xcalloc(state->n_addresses + 1, sizeof *parts);
    _cleanup_(evidence_deinit) EvidenceList evidence = { 0 };
    Case whole = { .state = state,
                   .policy = policy,
                   .now = now,
                   .changes_at = INSTANT_NEVER,
                   .parts = parts,
                   .n_parts = state->n_addresses,
                   .evidence = &evidence };
    endpoint_state_clear_verdict(state);
    for (size_t i = 0; i < state->n_addresses; i++) {
        parts[i] = (Case) { .state = state,
                            .address = &state->addresses[i],
                            .policy = policy,
                            .now = now,
                            .changes_at = INSTANT_NEVER,
                            .evidence = &evidence };
        evaluate_address(&parts[i]);
    }
    rule_disagreement(&whole, parts);
    rule_resolution(&whole);
    rule_maintenance(&whole);
    evidence_render(&evidence, &state->findings);

    state->changes_at = instant_earlier(state->changes_at, whole.changes_at);
    for (size_t i = 0; i < state->n_addresses; i++)
        state->changes_at = instant_earlier(state->changes_at, parts[i].changes_at);
    state->severity = finding_list_worst(&state->findings, state->oldest ? SEVERITY_OK : SEVERITY_UNKNOWN);
    state->evaluated_at = now;
}
