/* The rules of what stands above a server's certificate: two of the three clocks, and whose they are. */

#include <string.h>

#include "base/instant.h"
#include "rds/hostname.h"
#include "rds/rotation.h"
#include "rules/case.h"

/* When the end of a CA is to be spoken of: seconds before it, for a CA that lives at least so long; shorter
 * lives scale all of it down. */
typedef struct Clock {
    FindingId expiring, expired;
    int64_t notice, warning, critical;
    int64_t full_life;
} Clock;

/* The CA that signs: as for a server's certificate. */
static Clock signer_clock(const Thresholds *t)
{
    return (Clock) {
        .expiring = FINDING_INTERMEDIATE_EXPIRING,
        .expired = FINDING_INTERMEDIATE_EXPIRED,
        .warning = t->expiring_warning,
        .critical = t->expiring_critical,
        .full_life = 90 * DAY,
    };
}

/* A root: to replace it in every client takes a year. RDS's oldest ones had five. */
static Clock root_clock(const Thresholds *t)
{
    return (Clock) {
        .expiring = FINDING_CA_EXPIRING,
        .expired = FINDING_CA_EXPIRED,
        .notice = t->ca_notice,
        .warning = t->ca_warning,
        .critical = t->ca_critical,
        .full_life = 5 * 365 * DAY,
    };
}

/* Whether that time before the CA's end has come. */
static bool is_near(Case *c, const Certificate *ca, const Clock *clock, int64_t before)
{
    int64_t end = ca->not_after;
    return before > 0 && case_reached(c, end - case_scaled(before, end - ca->not_before, clock->full_life));
}

static void add_about(Case *c, const Certificate *ca, FindingId id, Severity severity)
{
    evidence_add(c, id, severity, ca->not_after)->about = ca;
}

/* What the clock says of the CA; false: nothing as yet. */
static bool read_clock(Case *c, const Certificate *ca, const Clock *clock)
{
    if (case_reached(c, ca->not_after + 1))
        add_about(c, ca, clock->expired, SEVERITY_CRITICAL);
    else if (is_near(c, ca, clock, clock->critical))
        add_about(c, ca, clock->expiring, SEVERITY_CRITICAL);
    else if (is_near(c, ca, clock, clock->warning))
        add_about(c, ca, clock->expiring, SEVERITY_WARNING);
    else if (is_near(c, ca, clock, clock->notice))
        add_about(c, ca, clock->expiring, SEVERITY_NOTICE);
    else
        return false;
    return true;
}

/*
 * Whether a certificate of the class, issued when the next one is, would outlive a CA that ends then. It is
 * issued when the rotation is due, or else from now on.
 */
static bool is_outlived(Case *c, int64_t ca_end)
{
    int months = rotation_months(c->rotation.class);
    if (months == 0)
        return false;
    int64_t issued_by = instant_add_months(ca_end, -months);
    return c->rotation.due_at > issued_by || case_reached(c, issued_by + 1);
}

static const Certificate *first_intermediate(const Chain *path)
{
    const Certificate *first = NULL;
    for (size_t i = 0; i < path->n; i++) {
        const Certificate *ca = path->certificates[i];
        if (ca->role == ROLE_INTERMEDIATE && (!first || ca->not_after < first->not_after))
            first = ca;
    }
    return first;
}

/* The one that ends first; if the root ends before it, that is the clock that counts. */
void rule_intermediates(Case *c)
{
    const Certificate *ca = first_intermediate(c->path), *root = case_root(c);
    if (!ca || (root && root->not_after <= ca->not_after))
        return;
    const Clock clock = signer_clock(&c->state->endpoint->thresholds);
    if (!read_clock(c, ca, &clock) && is_outlived(c, ca->not_after))
        add_about(c, ca, clock.expiring, SEVERITY_NOTICE);
}

void rule_root(Case *c)
{
    const Certificate *root = case_root(c);
    if (!root)
        return;
    const Clock clock = root_clock(&c->state->endpoint->thresholds);
    (void)read_clock(c, root, &clock);
    if (c->now <= root->not_after && is_outlived(c, root->not_after)) {
        /* It becomes urgent when the next certificate is to be made. */
        bool due = case_reached(c, c->rotation.due_at);
        add_about(c, root, FINDING_CA_OUTLIVED, due ? SEVERITY_WARNING : SEVERITY_NOTICE);
    }
}

/* The API says that the configured CA is to come, with the next maintenance window or with a restart. */
static bool is_on_its_way(const Case *c)
{
    const Endpoint *e = c->state->endpoint;
    if (!e->rds)
        return false;
    return text_same(e->ca, e->rds->pending_ca) || (text_same(e->ca, e->rds->ca) && case_awaits_restart(c));
}

/* Beta and Preview are Amazon's own tests, in the public bundle like all others: they satisfy nobody. */
void rule_served_ca(Case *c)
{
    const char *configured = c->state->endpoint->ca;
    if (c->address->verification.self_signed)
        return; /* self-signed says it all */
    bool configured_differs = configured && strcmp(configured, c->authority.id) != 0 && !is_on_its_way(c);
    bool differs = configured_differs || c->authority.preview || case_is_elsewhere(c);
    bool rds_differs = case_differs_from_rds(c), settles = rds_differs && !differs && !case_is_settled(c);
    if (differs || rds_differs) {
        Evidence *mismatch = evidence_add(c, FINDING_CA_MISMATCH, SEVERITY_WARNING, INSTANT_NONE);
        mismatch->configured_differs = configured_differs;
        mismatch->pending = settles;
    }
    const Certificate *root = case_root(c);
    bool expired = root && c->now > root->not_after; /* that is said with it */
    if (c->authority.id[0] && !authority_rotates(&c->authority) && !expired)
        (void)evidence_add(c, FINDING_CA_RETIRED, SEVERITY_WARNING, INSTANT_NONE);
}

/* A root that bears the name of one of RDS's and is another one. */
static bool is_impostor(const Case *c)
{
    const Certificate *root = case_root(c);
    const char *region = c->authority.region[0] ? c->authority.region : c->state->endpoint->region;
    const KnownCertificate *known = catalogue_root(c->policy->catalogue, c->authority.id, region);
    return root && known && strcmp(root->sha256, known->sha256) != 0;
}

/* By its name the endpoint is RDS's, and who signs is not. */
static bool is_stranger(const Case *c)
{
    RdsHostname host;
    const Endpoint *endpoint = c->state->endpoint;
    return !c->authority.id[0] && !endpoint_ca(endpoint) && !endpoint_is_acm(endpoint) &&
           !c->address->verification.self_signed && rds_hostname_parse(endpoint->host, &host);
}

void rule_catalogue(Case *c)
{
    const Catalogue *catalogue = c->policy->catalogue;
    const Authority *a = &c->authority;
    if (!catalogue || a->preview)
        return;
    if (is_stranger(c) || (a->id[0] && !case_ca_is_known(c)))
        (void)evidence_add(c, FINDING_CA_UNKNOWN, SEVERITY_NOTICE, INSTANT_NONE);
    else if (a->id[0] && is_impostor(c))
        (void)evidence_add(c, FINDING_CA_UNKNOWN, SEVERITY_WARNING, INSTANT_NONE);
}

/* The API's word for the engine's version, else the user guide's, and no more: a server that serves the CA has
 * proved it wrong. */
void rule_offer(Case *c)
{
    const Endpoint *e = c->state->endpoint;
    const char *wanted = endpoint_next_ca(e);
    const Region *region = c->policy->catalogue ? catalogue_region(c->policy->catalogue, e->region) : NULL;
    if (!wanted || strcmp(wanted, c->authority.id) == 0)
        return;
    bool offered = e->rds && e->rds->offered ? rds_endpoint_offers(e->rds, wanted)
                                             : !region || region_offers(region, wanted);
    if (!offered)
        (void)evidence_add(c, FINDING_CA_NOT_OFFERED, SEVERITY_WARNING, INSTANT_NONE);
}
