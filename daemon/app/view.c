#include <stdio.h>

#include "app/app-internal.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/timer.h"
#include "report/timeline.h"

void view_history(App *app, const char *endpoint, History *history, int64_t id)
{
    if (history)
        timeline_complete(history, endpoints_find(app->endpoints, endpoint), app->loaded->catalogue);
    control_history(app->control, id, endpoint, history);
}

void view_take(App *app, Snapshot *ret)
{
    *ret = (Snapshot) {
        .version = DBCERTD_VERSION,
        .config_path = app->loaded->path,
        .started_at = app->started_at,
        .reloaded_at = app->reloaded_at,
        .reload_error = app->reload_error,
        .n_probing = endpoints_n_running(app->endpoints),
        .trusted = bundles_fingerprints(app->bundles),
        .catalogue = app->loaded->catalogue,
        .socket_hosts = app->loaded->config->socket_hosts,
        .self = health_state(app->health),
        .silences = store_silences(app->store),
        .store = store_counters(app->store),
        .counters = &app->counters,
    };
    ret->endpoints = endpoints_states(app->endpoints, &ret->n_endpoints);
    ret->trust_stores = trust_stores_states(app->trust_stores, &ret->n_trust_stores);
    ret->sources = bundles_sources(app->bundles, &ret->n_sources);
    ret->rds_sources = targets_sources(app->targets, &ret->n_rds_sources);
}

/* It is made of the whole fleet, and each probe changes it. */
#define ANNOUNCE_USEC          (1 * USEC_PER_SEC)
#define ANNOUNCE_ACCURACY_USEC (10 * USEC_PER_MSEC)

/* "42 endpoints, 1 warning, next probe at 2026-11-20T22:00:12Z" */
void view_announce(App *app)
{
    Snapshot snapshot;
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    int64_t next = INSTANT_NONE;
    app->announced_usec = clock_boottime_usec();
    view_take(app, &snapshot);
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
    if (app->stopping)
        buffer_printf(&text, "; stopping, %zu probes still to leave", snapshot.n_probing);
    else if (app->subjects.held)
        buffer_printf(&text, "; waiting for a clock that is right");
    else if (snapshot.n_probing > 0)
        buffer_printf(&text, ", probing %zu", snapshot.n_probing);
    else if (next != INSTANT_NONE)
        buffer_printf(&text, ", next probe at %s", INSTANT_TEXT(next));
    notify_status(app->notifier, (char *)text.data);
}

static int on_announce(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    view_announce(userdata);
    return 0;
}

int view_init(App *app)
{
    return timer_new(&app->announce, app->event, ANNOUNCE_ACCURACY_USEC, on_announce, app);
}

void view_announce_soon(App *app)
{
    if (!timer_is_armed(app->announce))
        timer_arm_at(app->announce, app->announced_usec + ANNOUNCE_USEC); /* at once, if that is past */
}
