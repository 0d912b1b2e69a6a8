/* The rules that compare what the RDS API says with what the wire serves. */

#include "base/instant.h"
#include "rules/case.h"

void rule_restart(Case *c)
{
    if (!case_awaits_restart(c))
        return;
    bool settles = !case_is_settled(c);
    evidence_add(c, FINDING_RESTART_PENDING, SEVERITY_WARNING, c->server->not_after)->pending = settles;
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
    (void)evidence_add(c, FINDING_MAINTENANCE_SCHEDULED, SEVERITY_NOTICE, date);
}
