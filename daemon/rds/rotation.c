#include "rds/rotation.h"

#include "base/instant.h"

/* "The new DB server certificate is valid for 12 months": 365 or 366 days, and some slack for the hour. */
#define ONLINE_LIFE_MIN (360 * DAY)
#define ONLINE_LIFE_MAX (370 * DAY)

/* "The new DB server certificate is valid for 36 months": 1095 or 1096 days. */
#define RESTART_LIFE_MIN (1090 * DAY)
#define RESTART_LIFE_MAX (1100 * DAY)

#define ONLINE_MONTHS  12
#define RESTART_MONTHS 36
#define NOTICE_MONTHS  6

/* AWS Certificate Manager renews 60 days before the end. */
#define ACM_RENEWAL (60 * DAY)

RotationClass rotation_class_of_lifetime(int64_t not_before, int64_t not_after)
{
    int64_t life = not_after - not_before;
    if (life >= ONLINE_LIFE_MIN && life <= ONLINE_LIFE_MAX)
        return CLASS_ONLINE;
    if (life >= RESTART_LIFE_MIN && life <= RESTART_LIFE_MAX)
        return CLASS_RESTART;
    return CLASS_EXTERNAL;
}

int64_t rotation_next_look(const Rotation *r, const Window *window, int64_t now)
{
    const int64_t instants[] = { r->due_at, r->overdue_after, r->critical_from };
    bool waits = r->due_at != INSTANT_NONE && now >= r->due_at;
    int64_t next = waits && window->known ? window_next_end(window, now) : INSTANT_NEVER;
    for (size_t i = 0; i < ARRAY_SIZE(instants); i++)
        if (instants[i] != INSTANT_NONE && instants[i] > now)
            next = instant_earlier(next, instants[i]);
    return next;
}

static void earliest_of(int64_t *instant, int64_t bound)
{
    if (*instant > bound)
        *instant = bound;
}

int rotation_months(RotationClass class)
{
    return class == CLASS_ONLINE ? ONLINE_MONTHS : class == CLASS_RESTART ? RESTART_MONTHS : 0;
}

Rotation rotation_of(RotationClass class, RotationSource source, int64_t not_before, int64_t not_after,
                     int64_t chain_end, const Window *window, const Thresholds *t)
{
    int64_t life = not_after - not_before, end = MIN(not_after, chain_end);
    Rotation r = {
        .class = class,
        .source = source,
        .half_life = not_before + life / 2,
        .due_at = INSTANT_NONE,
        .expected_by = INSTANT_NONE,
        .overdue_after = INSTANT_NONE,
        .critical_from = INSTANT_NONE,
    };
    switch (class) {
    case CLASS_ONLINE:
        /*
         * "If your DB engine supports rotation without restart, RDS automatically rotates the DB server
         * certificate without requiring any action from you. RDS attempts to rotate your DB server certificate
         * in your preferred maintenance window at the DB server certificate half life."
         */
        r.due_at = r.half_life;
        r.expected_by = window->known ? window_end_after(window, r.half_life) : r.half_life + t->online_grace;
        r.overdue_after = r.expected_by + t->online_grace;
        r.critical_from = not_before + life / 4 * 3 + life % 4 * 3 / 4;
        break;
    case CLASS_RESTART:
        /*
         * "If your DB engine doesn't support rotation without restart, RDS notifies you about a maintenance
         * event at least 6 months before the DB server certificate expires."
         */
        r.due_at = instant_add_months(end, -NOTICE_MONTHS);
        r.overdue_after = end - t->restart_warning;
        r.critical_from = end - t->restart_critical;
        r.expected_by = r.overdue_after;
        break;
    case CLASS_ACM:
        /*
         * "Amazon RDS Proxy and Aurora Serverless v1 use certificates from the AWS Certificate Manager (ACM).
         * If you're using RDS Proxy, when you rotate your SSL/TLS certificate, you don't need to update
         * applications that use RDS Proxy connections."
         */
        r.due_at = end - (life / 3 < ACM_RENEWAL ? life / 3 : ACM_RENEWAL);
        r.overdue_after = end - t->acm_warning;
        r.critical_from = end - t->acm_critical;
        r.expected_by = r.overdue_after;
        break;
    case CLASS_AUTO:
    case CLASS_EXTERNAL:
        return r;
    }
    /* Lives too short for the law's days must not turn its order around. */
    earliest_of(&r.overdue_after, r.critical_from);
    earliest_of(&r.due_at, r.overdue_after);
    earliest_of(&r.expected_by, r.overdue_after);
    return r;
}
