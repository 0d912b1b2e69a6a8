/* The rules that compare what the RDS API says with what the wire serves. */

#include <string.h>

#include "base/instant.h"
#include "rds/authority.h"
#include "rules/case.h"

/* Ends of two certificates of one instance are months apart; the API's may be rounded. */
#define SAME_END (1 * DAY)

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

void rule_restart(Case *c)
{
    if (!case_awaits_restart(c))
        return;
    c->pending = !case_is_settled(c);
    case_find(c, FINDING_RESTART_PENDING, SEVERITY_WARNING, c->server->not_after);
    c->pending = false;
}

bool case_differs_from_rds(const Case *c)
{
    const RdsEndpoint *rds = instance_of(c);
    return rds && rds->ca && strcmp(rds->ca, c->authority.id) != 0 && !case_awaits_restart(c);
}

/* By when RDS does it: the date that is set, else the one on which it does not ask any more. */
static int64_t date_of(const Case *c, const RdsEndpoint *rds)
{
    const Window *window = &c->state->endpoint->maintenance_window;
    const int64_t dates[] = { rds->current_apply, rds->forced_apply, rds->auto_applied_after };
    for (size_t i = 0; i < ARRAY_SIZE(dates) && rds->maintenance; i++)
        if (dates[i] != INSTANT_NONE)
            return dates[i];
    return rds->pending_ca && window->known ? window_next_end(window, c->now) : INSTANT_NONE;
}

/* Of the endpoint as a whole: it is about what is to come. */
void rule_maintenance(Case *c)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    if (!rds || (!rds->maintenance && !rds->pending_ca))
        return;
    int64_t date = date_of(c, rds);
    if (!rds->maintenance && date != INSTANT_NONE)
        c->changes_at = instant_earlier(c->changes_at, date + 1); /* then the next window is meant */
    case_find(c, FINDING_MAINTENANCE_SCHEDULED, SEVERITY_NOTICE, date);
}

bool case_is_scheduled(const Case *c)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    return rds && rds->maintenance && rds->current_apply != INSTANT_NONE &&
           rds->current_apply <= c->rotation.overdue_after;
}
