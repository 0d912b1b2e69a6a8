#include "manager/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/text.h"
#include "manager/manager-internal.h"
#include "manager/turn.h"
#include "rules/forecast.h"
#include "rules/plan.h"
#include "sink/journal.h"

#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)

#define DEFAULT_RUNTIME_DIRECTORY "/run/dbcertd"

void manager_free(Manager *manager)
{
    if (!manager)
        return;
    control_free(manager->control);
    fleet_deinit(&manager->fleet);
    trust_free(manager->trust);
    sd_event_source_disable_unref(manager->turns);
    sd_event_source_disable_unref(manager->wake);
    sd_event_unref(manager->event);
    store_free(manager->store);
    loaded_free(manager->loaded);
    free(manager->reload_error);
    free(manager);
}

static void deliver(Manager *manager)
{
    const Transition *transition;
    while ((transition = store_undelivered(manager->store))) {
        int r = journal_deliver(transition);
        if (r < 0)
            log_error("cannot write to the journal: %s; the alert is on the status socket only", strerror(-r));
        store_delivered(manager->store);
    }
}

void manager_commit(Manager *manager, const char *key, TransitionList *transitions)
{
    int r = store_commit(manager->store, key, transitions);
    if (r < 0)
        log_error("cannot store the alerts of %s: %s", key, strerror(-r));
    deliver(manager);
}

/* "42 endpoints, 1 warning, next probe at 2026-11-20T22:00:12Z" */
static void tell_status(Manager *manager, const Snapshot *snapshot)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    int64_t next = INSTANT_NONE;
    buffer_printf(&text, "%zu endpoints", snapshot->n_endpoints);
    for (Severity s = SEVERITY_CRITICAL; s > SEVERITY_OK; s--)
        if (snapshot_count(snapshot, s) > 0)
            buffer_printf(&text, ", %zu %s", snapshot_count(snapshot, s), severity_to_string(s));
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        next = instant_earlier(next, snapshot->endpoints[i]->next_probe_at);
    if (snapshot_trust_severity(snapshot) > SEVERITY_NOTICE)
        buffer_printf(&text, ", trust stores and bundles %s",
                      severity_to_string(snapshot_trust_severity(snapshot)));
    if (manager->stopping)
        buffer_printf(&text, "; stopping, %zu probes still to leave", manager->n_running);
    else if (manager->n_running > 0)
        buffer_printf(&text, ", probing %zu", manager->n_running);
    else if (next != INSTANT_NONE)
        buffer_printf(&text, ", next probe at %s", INSTANT_TEXT(next));
    (void)sd_notifyf(0, "STATUS=%s", (char *)text.data);
}

static void show_authorities(const Snapshot *snapshot, AuthorityUses *ret)
{
    authorities_list(snapshot, snapshot->userdata, ret);
}

static int show_plan(const Snapshot *snapshot, const char *ca, Plan *ret)
{
    return plan_make(snapshot, snapshot->userdata, ca, ret);
}

static void show_forecast(const Snapshot *snapshot, int64_t until, Forecast *ret)
{
    const Policy policy = { .catalogue = snapshot->userdata };
    forecast_make(snapshot, &policy, clock_now(), until, ret);
}

static void take_snapshot(Snapshot *ret, void *userdata)
{
    Manager *manager = userdata;
    int64_t now = clock_now();
    uint64_t now_usec = clock_boottime_usec();
    for (size_t i = 0; i < manager->fleet.n; i++) {
        const Slot *slot = &manager->fleet.members[i]->slot;
        int64_t wait = slot->due_usec > now_usec ? (int64_t)((slot->due_usec - now_usec) / USEC_PER_SEC) : 0;
        manager->fleet.states[i]->next_probe_at = slot->running ? INSTANT_NONE : now + wait;
    }
    *ret = (Snapshot) {
        .version = DBCERTD_VERSION,
        .config_path = manager->loaded->path,
        .started_at = manager->started_at,
        .reloaded_at = manager->reloaded_at,
        .reload_error = manager->reload_error,
        .n_probing = manager->n_running,
        .endpoints = manager->fleet.states,
        .n_endpoints = manager->fleet.n,
    };
    ret->catalogue_version = manager->loaded->catalogue->version;
    ret->authorities = show_authorities;
    ret->plan = show_plan;
    ret->forecast = show_forecast;
    ret->userdata = manager->loaded->catalogue;
    trust_show(manager->trust, ret);
}

static void arm_turns(Manager *manager, uint64_t usec)
{
    (void)sd_event_source_set_time(manager->turns, usec);
    (void)sd_event_source_set_enabled(manager->turns, usec == SCHEDULE_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void arm_wake(Manager *manager)
{
    int64_t at = trust_wakes_at(manager->trust);
    for (size_t i = 0; i < manager->fleet.n; i++)
        at = instant_earlier(at, manager->fleet.members[i]->wakes_at);
    if (at != INSTANT_NEVER)
        (void)sd_event_source_set_time(manager->wake, at > 0 ? (uint64_t)at * USEC_PER_SEC : 0);
    (void)sd_event_source_set_enabled(manager->wake, at == INSTANT_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static Member *member_of(const Fleet *fleet, const Slot *slot)
{
    for (size_t i = 0; i < fleet->n; i++)
        if (fleet->slots[i] == slot)
            return fleet->members[i];
    return NULL;
}

/* Starts every turn that is due, as many as may run at once, and arms the timers for what comes next. */
static void dispatch(Manager *manager)
{
    uint64_t wake_usec = SCHEDULE_NEVER;
    while (!manager->stopping && manager->n_running < (size_t)manager->loaded->config->concurrency) {
        uint64_t now_usec = clock_boottime_usec();
        Slot *slot = schedule_pick(manager->fleet.slots, manager->fleet.n, now_usec, &wake_usec);
        if (!slot)
            break;
        Member *member = member_of(&manager->fleet, slot);
        member->force = slot->asked;
        slot->asked = false;
        int r = turn_start(member);
        if (r < 0) {
            slot->due_usec = now_usec + (uint64_t)member->state->endpoint->interval_seconds * USEC_PER_SEC;
            log_error("%s: cannot start a probe: %s; trying again at the next interval",
                      member->state->endpoint->name, strerror(-r));
            control_given_up(manager->control,
                             member->state->endpoint->name); /* whoever waits is answered as it is */
            continue;
        }
        slot->running = true;
        manager->n_running++;
    }
    arm_turns(manager, wake_usec);
    arm_wake(manager);
}

static void announce(Manager *manager)
{
    Snapshot snapshot;
    take_snapshot(&snapshot, manager);
    tell_status(manager, &snapshot);
}

void manager_judged(Manager *manager)
{
    arm_wake(manager);
    announce(manager);
}

static void stop_if_idle(Manager *manager)
{
    if (manager->stopping && manager->n_running == 0)
        (void)sd_event_exit(manager->event, 0);
}

void manager_turn_over(Manager *manager, Member *member)
{
    manager->n_running--;
    member->slot.running = false;
    if (member->retired)
        fleet_drop_retired(&manager->fleet, member);
    else
        control_probed(manager->control, member->state->endpoint->name, member->turns);
    dispatch(manager);
    announce(manager);
    stop_if_idle(manager);
}

static int64_t on_probe_asked(const char *name, void *userdata)
{
    Manager *manager = userdata;
    Member *member = fleet_find(&manager->fleet, name);
    if (!member)
        return -ENOENT;
    member->slot.asked = true;
    int64_t turn = member->turns + 1 + member->slot.running; /* one that starts after the question */
    arm_turns(manager, 0);                                   /* from the loop, not from within the request */
    return turn;
}

static void on_snapshot_asked(Snapshot *ret, void *userdata)
{
    Manager *manager = userdata;
    trust_settle(manager->trust);
    take_snapshot(ret, manager);
}

static const ControlEvents control_events = { .snapshot = on_snapshot_asked, .probe = on_probe_asked };

static int on_turns(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    dispatch(userdata);
    announce(userdata);
    return 0;
}

static int on_wake(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Manager *manager = userdata;
    int64_t now = clock_now();
    for (size_t i = 0; i < manager->fleet.n; i++)
        if (manager->fleet.members[i]->wakes_at <= now)
            turn_judge(manager->fleet.members[i]);
    trust_wake(manager->trust, now);
    manager_judged(manager);
    return 0;
}

static void on_removed(Member *member)
{
    Manager *manager = member->manager;
    const char *name = member->state->endpoint->name;
    bool replaced = fleet_find(&manager->fleet, name) !=
                    NULL; /* another server under the same name goes on with its alerts */
    if (!replaced) {
        _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
        alert_resolve_all(store_alerts(manager->store, name), clock_now(), &transitions);
        alert_of_endpoint(&transitions, member->state);
        manager_commit(manager, name, &transitions);
    }
    control_given_up(manager->control, name);
    if (member->slot.running)
        fleet_retire(&manager->fleet, member); /* it leaves its server politely first */
    else
        member_free(member);
}

void manager_judge_all(Manager *manager)
{
    for (size_t i = 0; i < manager->fleet.n; i++) {
        turn_verify_all(manager->fleet.members[i]);
        if (manager->fleet.members[i]->state->judged_at != INSTANT_NONE)
            turn_judge(manager->fleet.members[i]);
    }
}

/* Takes loaded, also on error. */
static int take_over(Manager *manager, Loaded *loaded)
{
    Loaded *old = manager->loaded;
    Trust *trust;
    manager->loaded = loaded;
    int r = trust_new(&trust, manager, manager->trust);
    if (r < 0) {
        manager->loaded = old;
        loaded_free(loaded);
        return r;
    }
    trust_leave(manager->trust, trust);
    trust_free(manager->trust);
    manager->trust = trust;
    loaded_free(old);
    manager->reloaded_at = clock_now();
    fleet_replace(&manager->fleet, manager, loaded->config, on_removed);
    manager_judge_all(manager);
    return 0;
}

static char *join_lines(char **lines)
{
    Buffer text = { 0 };
    for (; lines && *lines; lines++)
        buffer_printf(&text, "%s%s", text.size ? "\n" : "", *lines);
    return buffer_take_text(&text);
}

/* All or nothing: with an error the old configuration goes on. */
static void reload(Manager *manager)
{
    _cleanup_(strv_freep) char **errors = NULL, **warnings = NULL;
    Loaded *loaded = NULL;
    uint64_t now_usec = 0;
    (void)sd_event_now(manager->event, CLOCK_MONOTONIC, &now_usec); /* cannot fail inside the loop */
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_usec);
    free(TAKE(manager->reload_error));
    int r = load(manager->loaded->path, false, &loaded, &errors, &warnings);
    if (r >= 0 && !text_same(loaded->config->socket, manager->loaded->config->socket))
        strv_append(&warnings, xstrdup("socket: is changed by a restart only, ignoring"));
    if (r >= 0 && (r = take_over(manager, loaded)) < 0)
        strv_append(&errors, xstrdup(strerror(-r)));
    if (r < 0) {
        manager->reload_error = join_lines(errors);
        journal_event(EVENT_RELOAD_FAILED, "the new configuration is not taken, the old one goes on:\n%s",
                      manager->reload_error);
    } else {
        for (size_t i = 0; warnings && warnings[i]; i++)
            log_warning("%s", warnings[i]);
        journal_event(EVENT_RELOADED, "configuration reloaded: %zu endpoints", manager->fleet.n);
    }
    (void)sd_notify(0, "READY=1");
    dispatch(manager);
    announce(manager);
}

static int on_hangup(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_,
                     void *userdata)
{
    Manager *manager = userdata;
    if (!manager->stopping)
        reload(manager);
    return 0;
}

/* Turns that run are let end, within their deadline: to hang up on MySQL is counted against this host. */
static int on_stop(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_,
                   void *userdata)
{
    Manager *manager = userdata;
    if (manager->stopping)
        return sd_event_exit(manager->event, 0); /* asked twice */
    manager->stopping = true;
    (void)sd_notify(0, "STOPPING=1");
    journal_event(EVENT_STOPPING, "stopping; %zu probes are let end first", manager->n_running);
    arm_turns(manager, SCHEDULE_NEVER);
    announce(manager);
    stop_if_idle(manager);
    return 0;
}

static int add_sources(Manager *manager)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    int r = sd_event_add_signal(manager->event, NULL, SIGTERM, on_stop, manager);
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGINT, on_stop, manager);
    if (r >= 0)
        r = sd_event_add_signal(manager->event, NULL, SIGHUP, on_hangup, manager);
    if (r >= 0)
        r = sd_event_set_watchdog(manager->event, true);
    if (r >= 0)
        r = sd_event_add_time(manager->event, &manager->turns, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_turns,
                              manager);
    if (r >= 0)
        r = sd_event_add_time(manager->event, &manager->wake, CLOCK_REALTIME, 0, TIMER_ACCURACY_USEC, on_wake,
                              manager);
    return r < 0 ? r : 0;
}

int manager_new(Manager **ret, Loaded *loaded)
{
    _cleanup_(manager_freep) Manager *manager = xcalloc(1, sizeof *manager);
    manager->loaded = loaded;
    manager->started_at = manager->reloaded_at = clock_now();
    manager->store = store_new();
    int r = sd_event_new(&manager->event);
    if (r < 0)
        return r;
    r = add_sources(manager);
    if (r < 0)
        return r;
    r = trust_new(&manager->trust, manager, NULL);
    if (r < 0)
        return r;
    r = control_new(&manager->control, manager->event, &control_events, manager);
    if (r < 0)
        return r;
    fleet_replace(&manager->fleet, manager, loaded->config, on_removed);
    *ret = TAKE(manager);
    return 0;
}

/* $RUNTIME_DIRECTORY is systemd's; the key is for runs by hand. */
static char *socket_path(const Manager *manager)
{
    const char *directory = getenv("RUNTIME_DIRECTORY");
    if (manager->loaded->config->socket)
        return xstrdup(manager->loaded->config->socket);
    return xasprintf("%s/status.sock", directory ? directory : DEFAULT_RUNTIME_DIRECTORY);
}

static int open_sockets(Manager *manager)
{
    int n = sd_listen_fds(1);
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++) {
        int r = control_serve(manager->control, SD_LISTEN_FDS_START + i);
        if (r < 0) {
            log_error("cannot serve the socket %d of %d that systemd passed: %s", i + 1, n, strerror(-r));
            return r;
        }
    }
    if (n > 0)
        return 0;
    _cleanup_free_ char *path = socket_path(manager);
    int r = control_listen(manager->control, path);
    if (r < 0)
        log_error("%s: %s; set `socket` to a path that this user may write", path,
                  r == -EADDRINUSE ? "another dbcertd answers there" : strerror(-r));
    return r;
}

int manager_run(Manager *manager)
{
    int r = open_sockets(manager);
    if (r < 0)
        return r;
    journal_event(EVENT_STARTED, "dbcertd %s watches %zu endpoints, %zu trusted certificates", DBCERTD_VERSION,
                  manager->fleet.n, bundle_size(trust_bundle(manager->trust)));
    (void)sd_notify(0, "READY=1");
    return sd_event_loop(manager->event);
}
