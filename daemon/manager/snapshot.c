#include <stdio.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/timer.h"
#include "manager/manager-internal.h"
#include "rules/forecast.h"
#include "rules/history.h"
#include "rules/plan.h"

static const Catalogue *catalogue_of(const Snapshot *snapshot)
{
    const Manager *manager = snapshot->userdata;
    return manager->loaded->catalogue;
}

static void show_authorities(const Snapshot *snapshot, AuthorityUses *ret)
{
    authorities_list(snapshot, catalogue_of(snapshot), ret);
}

static int show_plan(const Snapshot *snapshot, const char *ca, Plan *ret)
{
    return plan_make(snapshot, catalogue_of(snapshot), ca, ret);
}

static void show_forecast(const Snapshot *snapshot, int64_t until, Forecast *ret)
{
    const Policy policy = { .catalogue = catalogue_of(snapshot) };
    forecast_make(snapshot, &policy, clock_now(), until, ret);
}

void snapshot_history(Manager *manager, const char *endpoint, History *history, int64_t id)
{
    const Member *member = fleet_find(&manager->fleet, endpoint);
    if (history)
        history_complete(history, member ? member->state : NULL, manager->loaded->catalogue);
    control_history(manager->control, id, endpoint, history);
}

void snapshot_take(Manager *manager, Snapshot *ret)
{
    *ret = (Snapshot) {
        .version = DBCERTD_VERSION,
        .config_path = manager->loaded->path,
        .started_at = manager->started_at,
        .reloaded_at = manager->reloaded_at,
        .reload_error = manager->reload_error,
        .n_probing = manager->n_running,
        .endpoints = manager->fleet.states,
        .n_endpoints = manager->fleet.n,
        .catalogue_version = manager->loaded->catalogue->version,
        .socket_hosts = manager->loaded->config->socket_hosts,
        .self = &manager->self,
        .silences = store_silences(manager->store),
        .store = store_figures(manager->store),
        .figures = &manager->figures,
        .authorities = show_authorities,
        .plan = show_plan,
        .forecast = show_forecast,
        .userdata = manager,
    };
    trust_show(manager->trust, ret);
    roster_show(manager->roster, ret);
}

/* It is made of the whole fleet, and each probe changes it. */
#define ANNOUNCE_USEC (1 * USEC_PER_SEC)

/* "42 endpoints, 1 warning, next probe at 2026-11-20T22:00:12Z" */
void snapshot_announce(Manager *manager)
{
    Snapshot snapshot;
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    int64_t next = INSTANT_NONE;
    manager->announced_usec = clock_boottime_usec();
    snapshot_take(manager, &snapshot);
    buffer_printf(&text, "%zu endpoints", snapshot.n_endpoints);
    for (Severity s = SEVERITY_CRITICAL; s > SEVERITY_OK; s--)
        if (snapshot_count(&snapshot, s) > 0)
            buffer_printf(&text, ", %zu %s", snapshot_count(&snapshot, s), severity_to_string(s));
    for (size_t i = 0; i < snapshot.n_endpoints; i++)
        next = instant_earlier(next, snapshot.endpoints[i]->next_probe_at);
    if (snapshot_trust_severity(&snapshot) > SEVERITY_NOTICE)
        buffer_printf(&text, ", trust stores and bundles %s",
                      severity_to_string(snapshot_trust_severity(&snapshot)));
    if (snapshot_rds_severity(&snapshot) > SEVERITY_NOTICE)
        buffer_printf(&text, ", the RDS API %s", severity_to_string(snapshot_rds_severity(&snapshot)));
    if (snapshot_self_severity(&snapshot) > SEVERITY_NOTICE)
        buffer_printf(&text, ", dbcertd itself %s", severity_to_string(snapshot_self_severity(&snapshot)));
    if (manager->stopping)
        buffer_printf(&text, "; stopping, %zu probes still to leave", manager->n_running);
    else if (manager->self.clock_waits)
        buffer_printf(&text, "; waiting for a clock that is right");
    else if (manager->n_running > 0)
        buffer_printf(&text, ", probing %zu", manager->n_running);
    else if (next != INSTANT_NONE)
        buffer_printf(&text, ", next probe at %s", INSTANT_TEXT(next));
    notify_status(manager->notifier, (char *)text.data);
}

static int on_announce(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    snapshot_announce(userdata);
    return 0;
}

void snapshot_announce_soon(Manager *manager)
{
    uint64_t at = manager->announced_usec + ANNOUNCE_USEC;
    if (manager->announce && timer_is_armed(manager->announce))
        return; /* it is coming */
    if (clock_boottime_usec() >= at) {
        snapshot_announce(manager);
        return;
    }
    if (!manager->announce &&
        sd_event_add_time(manager->event, &manager->announce, CLOCK_BOOTTIME, at, 0, on_announce, manager) < 0)
        return;
    timer_arm_at(manager->announce, at);
}
