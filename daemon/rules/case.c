#include "rules/case.h"

#include <string.h>

#include "base/instant.h"
#include "rds/hostname.h"
#include "rds/rotation.h"

/* Ends of two certificates of one instance are months apart; the API's may be rounded. */
#define SAME_END (1 * DAY)

bool case_reached(Case *c, int64_t instant)
{
    if (c->now >= instant)
        return true;
    c->changes_at = instant_earlier(c->changes_at, instant);
    return false;
}

int64_t case_scaled(int64_t period, int64_t life, int64_t full_life)
{
    return life >= full_life ? period : period * life / full_life;
}

const Certificate *case_root(const Case *c)
{
    const Certificate *last = c->path->n > 0 ? c->path->certificates[c->path->n - 1] : NULL;
    return last && last->role == ROLE_ROOT ? last : NULL;
}

const Certificate *case_first_to_end(const Chain *path)
{
    const Certificate *first = NULL;
    for (size_t i = 0; i < path->n; i++)
        if (!first || path->certificates[i]->not_after < first->not_after)
            first = path->certificates[i];
    return first;
}

/*
 * The class that is configured, with a proxy's being `acm`; else what the API says of the engine's version,
 * else what the lifetime shows: both hold for authorities which still rotate.
 */
static Rotation rotation_of_case(const Case *c)
{
    const Endpoint *endpoint = c->state->endpoint;
    const Certificate *s = c->server;
    RotationClass class = (RotationClass)endpoint->rotation;
    RotationSource source = SOURCE_CONFIGURED;
    if (class == CLASS_AUTO && endpoint_is_acm(endpoint))
        class = CLASS_ACM;
    else if (class == CLASS_AUTO && endpoint->rds && endpoint->rds->online != SUPPORT_UNKNOWN &&
             authority_rotates(&c->authority)) {
        class = endpoint->rds->online == SUPPORT_YES ? CLASS_ONLINE : CLASS_RESTART;
        source = SOURCE_API;
    } else if (class == CLASS_AUTO) {
        class = authority_rotates(&c->authority) ? rotation_class_of_lifetime(s->not_before, s->not_after)
                                                 : CLASS_EXTERNAL;
        source = SOURCE_LIFETIME;
    }
    return rotation_of(class, source, s->not_before, s->not_after,
                       c->first ? c->first->not_after : INSTANT_NEVER, &endpoint->maintenance_window,
                       &endpoint->thresholds);
}

void case_look_at(Case *c, const Certificate *server, const Chain *path)
{
    c->server = server;
    c->path = path;
    const Certificate *first = case_first_to_end(c->path);
    c->first = first && first->not_after < c->server->not_after ? first : NULL;
    (void)authority_of_server(c->server, c->path, c->policy->catalogue, &c->authority);
    c->rotation = rotation_of_case(c);
}

void case_look(Case *c)
{
    case_look_at(c, address_certificate(c->address), &c->address->verification.path);
}

bool case_is_elsewhere(const Case *c)
{
    const char *region = c->state->endpoint->region;
    return region && c->authority.region[0] && strcmp(region, c->authority.region) != 0;
}

bool case_ca_is_known(const Case *c)
{
    const Authority *a = &c->authority;
    return a->id[0] && catalogue_root(c->policy->catalogue, a->id, a->region[0] ? a->region : NULL);
}

bool case_is_rds(const Case *c)
{
    RdsHostname host;
    return rds_hostname_parse(c->state->endpoint->host, &host);
}

bool case_is_away(const Case *c)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    return rds && rds_endpoint_is_away(rds);
}

bool case_is_scheduled(const Case *c)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    return rds && rds->maintenance && rds->current_apply != INSTANT_NONE &&
           rds->current_apply <= c->rotation.overdue_after;
}

/* Of instances alone it says what they should serve; ACM's certificates are none of RDS's. */
static const RdsEndpoint *instance_of(const Case *c)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    return rds && rds->kind == RDS_INSTANCE && !endpoint_is_acm(c->state->endpoint) ? rds : NULL;
}

/*
 * "The API reports the new certificate while the old one is still served until a restart." A later end says so,
 * and a CA that rotates in place of one that does not. With another CA an earlier end does as well: the engine
 * may have come to certificates of 12 months.
 */
bool case_awaits_restart(const Case *c)
{
    const RdsEndpoint *rds = instance_of(c);
    if (!rds || !c->server)
        return false;
    bool other_ca = rds->ca && c->authority.id[0] && strcmp(rds->ca, c->authority.id) != 0;
    int64_t till = rds->valid_till, end = c->server->not_after;
    if (till != INSTANT_NONE && till > end + SAME_END)
        return true;
    if (!other_ca)
        return false;
    if (authority_id_rotates(rds->ca) && !authority_rotates(&c->authority))
        return true;
    return till != INSTANT_NONE && till < end - SAME_END;
}

bool case_differs_from_rds(const Case *c)
{
    const RdsEndpoint *rds = instance_of(c);
    return rds && rds->ca && strcmp(rds->ca, c->authority.id) != 0 && !case_awaits_restart(c);
}

/*
 * A change shows on one side first. A difference counts once RDS is done with it, a probe has come a while
 * after the API began to say so, and the API has answered a while after the wire changed; a probe that is
 * wanted for that is asked for.
 */
bool case_is_settled(Case *c)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    const AddressState *address = c->address;
    int64_t looked_from = rds->since + rds->settle_seconds;
    if (address->seen->observed_at < looked_from) {
        if (looked_from > c->now) /* later, its own turns will do: it may not answer */
            c->state->look_at = instant_earlier(c->state->look_at, looked_from);
        return false;
    }
    if (rds_endpoint_is_changing(rds))
        return false;
    return address->changed_at == INSTANT_NONE ||
           (c->policy->rds_answered_at != INSTANT_NONE &&
            c->policy->rds_answered_at >= address->changed_at + rds->settle_seconds);
}
