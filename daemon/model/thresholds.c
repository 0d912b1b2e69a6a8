#include "model/thresholds.h"

#include <stddef.h>

#include "base/instant.h"
#include "base/macro.h"

const Thresholds thresholds_default = {
    .expiring_warning = 30 * DAY,
    .expiring_critical = 7 * DAY,
    .ca_notice = 2 * 365 * DAY,
    .ca_warning = 365 * DAY,
    .ca_critical = 90 * DAY,
    .online_grace =
        8 * DAY, /* a window that was missed may be made up for in the next one, and that has a length */
    .restart_warning = 90 * DAY,
    .restart_critical = 30 * DAY,
    .acm_warning = 30 * DAY,
    .acm_critical = 14 * DAY,
};

static const size_t fields[] = {
    offsetof(Thresholds, expiring_warning), offsetof(Thresholds, expiring_critical),
    offsetof(Thresholds, ca_notice),        offsetof(Thresholds, ca_warning),
    offsetof(Thresholds, ca_critical),      offsetof(Thresholds, online_grace),
    offsetof(Thresholds, restart_warning),  offsetof(Thresholds, restart_critical),
    offsetof(Thresholds, acm_warning),      offsetof(Thresholds, acm_critical),
};

static const int64_t *field_of(const Thresholds *thresholds, size_t offset)
{
    return (const int64_t *)(const void *)((const char *)thresholds + offset);
}

void thresholds_inherit(Thresholds *thresholds, const Thresholds *from)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        int64_t *field = (int64_t *)(void *)((char *)thresholds + fields[i]);
        if (*field == 0)
            *field = *field_of(from, fields[i]);
    }
}

const char *thresholds_contradiction(const Thresholds *t)
{
    const struct {
        int64_t later, earlier;
        const char *words;
    } orders[] = {
        { t->expiring_critical, t->expiring_warning, "expiring_critical is more than expiring_warning" },
        { t->ca_critical, t->ca_warning, "ca_critical is more than ca_warning" },
        { t->ca_warning, t->ca_notice, "ca_warning is more than ca_notice" },
        { t->restart_critical, t->restart_warning, "restart_critical is more than restart_warning" },
        { t->acm_critical, t->acm_warning, "acm_critical is more than acm_warning" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
        if (orders[i].later > orders[i].earlier)
            return orders[i].words;
    return NULL;
}
