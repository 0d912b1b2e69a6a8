#include "manager/manager.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/text.h"
#include "base/timer.h"
#include "manager/manager-internal.h"
#include "manager/turn.h"
#include "publish/silencing.h"
#include "sink/journal.h"

#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)
#define TURNS_ACCURACY_USEC (250 * USEC_PER_MSEC) /* due within it start together: alone each costs twice */
#define TRIM_EVERY_USEC     (10 * USEC_PER_SEC)
#define TRIM_BYTES          ((size_t)8 * 1024 * 1024) /* less than that is used again by the next probes */
#define WAKE_SLICE_USEC     (10 * USEC_PER_MSEC)      /* then others have their turn */

#define DEFAULT_RUNTIME_DIRECTORY "/run/dbcertd"

void manager_free(Manager *manager)
{
    if (!manager)
        return;
    publisher_free(manager->publisher);
    promise_drop_all(manager);
    self_stop(manager);
    control_free(manager->control);
    fleet_deinit(&manager->fleet);
    trust_free(manager->trust);
    roster_free(manager->roster);
    http_free(manager->http);
    notifier_free(manager->notifier);
    worker_free(manager->worker);
    sd_event_source_disable_unref(manager->announce);
    sd_event_source_disable_unref(manager->turns);
    sd_event_source_disable_unref(manager->wake);
    sd_event_source_disable_unref(manager->stop);
    sd_event_unref(manager->event);
    store_free(manager->store);
    pool_free(manager->pool);
    loaded_free(manager->loaded);
    free(manager->reload_error);
    free(manager);
}

void manager_arm_wake(Manager *manager)
{
    int64_t at = instant_earlier(trust_wakes_at(manager->trust), silencing_wakes_at(manager->store));
    at = instant_earlier(at, roster_wakes_at(manager->roster));
    at = instant_earlier(at, fleet_wakes_at(&manager->fleet));
    if (at == INSTANT_NEVER)
        timer_disarm(manager->wake);
    else
        timer_arm_at(manager->wake, at > 0 ? (uint64_t)at * USEC_PER_SEC : 0);
}

/* Starts every turn that is due, as many as may run at once, and arms the timers for what comes next. */
static void dispatch(Manager *manager)
{
    uint64_t wake_usec = SCHEDULE_NEVER;
    while (!manager->stopping && !manager->self.clock_waits &&
           manager->n_running < (size_t)manager->loaded->config->concurrency) {
        uint64_t now_usec = clock_boottime_usec();
        Slot *slot = schedule_take(&manager->fleet.schedule, now_usec, &wake_usec);
        if (!slot)
            break;
        Member *member = member_of_slot(slot);
        member->force = slot->asked;
        slot->asked = false;
        int r = turn_start(member);
        if (r < 0) {
            schedule_put(&manager->fleet.schedule, slot,
                         now_usec + (uint64_t)member->state->endpoint->interval_seconds * USEC_PER_SEC);
            log_error("%s: cannot start a probe: %s; trying again at the next interval",
                      member->state->endpoint->name, strerror(-r));
            member->recalled = false; /* it goes on ageing without */
            turn_judge(member);
            control_given_up(manager->control,
                             member->state->endpoint->name); /* whoever waits is answered as it is */
            continue;
        }
        manager->n_running++;
    }
    timer_arm_at(manager->turns, wake_usec);
    manager_arm_wake(manager);
}

void manager_dispatch_soon(Manager *manager)
{
    timer_arm_at(manager->turns, 0);
}

void manager_probe_by(Manager *manager, Member *member, int64_t at)
{
    int64_t wait = at - clock_now();
    uint64_t due_usec = clock_boottime_usec() + (uint64_t)(wait > 0 ? wait : 0) * USEC_PER_SEC;
    if (at == INSTANT_NEVER || member->slot.running || member->slot.due_usec <= due_usec)
        return;
    schedule_put(&manager->fleet.schedule, &member->slot, due_usec);
    manager_dispatch_soon(manager);
}

void manager_judged(Manager *manager)
{
    manager_arm_wake(manager);
    snapshot_announce_soon(manager);
    control_changed(manager->control, NULL);
}

/*
 * Returns free memory to the kernel after large certificates: what they took lies between what is kept, and
 * free() returns only the end of the heap.
 */
static void return_memory(Manager *manager)
{
    uint64_t now_usec = clock_boottime_usec();
    if (now_usec < manager->trimmed_usec + TRIM_EVERY_USEC || mallinfo2().fordblks < TRIM_BYTES)
        return;
    manager->trimmed_usec = now_usec;
    (void)malloc_trim(0); /* says only whether there was any */
}

void manager_turn_over(Manager *manager, Member *member, bool asked)
{
    manager->n_running--;
    if (member->retired)
        fleet_drop_retired(&manager->fleet, member);
    else {
        if (asked)
            promise_make(manager, member->state->endpoint->name, member->turns);
        control_changed(manager->control, member->state->endpoint->name);
    }
    dispatch(manager);
    if (manager->n_running == 0)
        return_memory(manager);
    snapshot_announce_soon(manager);
}

static int64_t on_probe_asked(const char *name, void *userdata)
{
    Manager *manager = userdata;
    Member *member = fleet_find(&manager->fleet, name);
    if (!member)
        return -ENOENT;
    schedule_ask(&manager->fleet.schedule, &member->slot);
    int64_t turn = member->turns + 1 + member->slot.running; /* one that starts after the question */
    manager_dispatch_soon(manager);                          /* not from within the request */
    return turn;
}

static void on_snapshot_asked(Snapshot *ret, void *userdata)
{
    Manager *manager = userdata;
    trust_settle(manager->trust);
    snapshot_take(manager, ret);
}

static int64_t on_silence_asked(Silence silence, void *userdata)
{
    Manager *manager = userdata;
    int64_t id = silencing_add(manager->store, silence, manager_silenced, manager);
    manager_judged(manager);
    return id;
}

static void on_unsilence_asked(int64_t id, void *userdata)
{
    Manager *manager = userdata;
    silencing_end(manager->store, id, manager_silenced, manager);
    manager_judged(manager);
}

static void on_history_asked(const char *name, int64_t id, void *userdata)
{
    Manager *manager = userdata;
    store_history(manager->store, name, id);
}

static uint64_t on_keep_asked(void *userdata)
{
    Manager *manager = userdata;
    Ticket ticket = publisher_keep(manager->publisher);
    return store_kept(manager->store) >= ticket ? 0 : ticket;
}

static const ControlEvents control_events = {
    .snapshot = on_snapshot_asked,
    .probe = on_probe_asked,
    .silence = on_silence_asked,
    .unsilence = on_unsilence_asked,
    .history = on_history_asked,
    .keep = on_keep_asked,
};

static void on_kept(void *userdata)
{
    Manager *manager = userdata;
    promise_keep_all(manager);
    control_kept(manager->control, store_kept(manager->store));
}

static void on_troubled(void *userdata)
{
    Manager *manager = userdata;
    timer_arm(manager->look, 0); /* from the loop: a finding says so */
}

static void on_history(const char *name, History *history, int64_t id, void *userdata)
{
    snapshot_history(userdata, name, history, id);
}

static const PublisherEvents publisher_events = {
    .kept = on_kept,
    .troubled = on_troubled,
    .history = on_history,
};

void manager_silenced(const char *subject, void *userdata)
{
    Manager *manager = userdata;
    manager_judge_again(manager, subject);
    trust_touch(manager->trust);
    self_look(manager);
}

static int on_turns(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    dispatch(userdata);
    snapshot_announce_soon(userdata);
    return 0;
}

/*
 * A whole fleet may be due at one instant, when its CA is about to end or a bundle is another one: it is judged
 * in pieces, and whoever asks in between is answered.
 */
static int on_wake(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Manager *manager = userdata;
    int64_t now = clock_now();
    uint64_t until_usec = clock_boottime_usec() + WAKE_SLICE_USEC;
    silencing_expire(manager->store, now, manager_silenced, manager);
    if (manager->self.clock_waits)
        return 0; /* once it is set, all is judged */
    for (Member *member;
         clock_boottime_usec() < until_usec && (member = fleet_take_woken(&manager->fleet, now));)
        turn_judge(member);
    trust_wake(manager->trust, now);
    roster_wake(manager->roster, now);
    manager_judged(manager);
    return 0;
}

static void configure_publisher(Manager *manager)
{
    const Config *config = manager->loaded->config;
    publisher_configure(manager->publisher, &(PublishPolicy) {
                                                .remind_seconds = config->remind_seconds,
                                                .group_wait_seconds = config->group_wait_seconds,
                                                .group_interval_seconds = config->group_interval_seconds,
                                                .alertmanager = config->alertmanager,
                                                .alertmanager_credential = loaded_secret(
                                                    manager->loaded, config->alertmanager_credential),
                                            });
}

/* Takes loaded, also on error. */
static int take_over(Manager *manager, Loaded *loaded)
{
    Loaded *old = manager->loaded;
    Trust *trust;
    Roster *roster = NULL;
    manager->loaded = loaded;
    int r = trust_new(&trust, manager, manager->trust);
    if (r >= 0 && (r = roster_new(&roster, manager, manager->roster)) < 0)
        trust_free(trust);
    if (r < 0) {
        manager->loaded = old;
        loaded_free(loaded);
        return r;
    }
    trust_leave(manager->trust, trust);
    trust_free(manager->trust);
    manager->trust = trust;
    roster_leave(manager->roster, roster);
    roster_free(manager->roster);
    manager->roster = roster;
    loaded_free(old);
    manager->reloaded_at = clock_now();
    configure_publisher(manager);
    manager_take_endpoints(manager, true);
    manager_verify_again(manager);
    return 0;
}

static char *join(char **lines, const char *between)
{
    Buffer text = { 0 };
    for (; lines && *lines; lines++)
        buffer_printf(&text, "%s%s", text.size ? between : "", *lines);
    return buffer_take_text(&text);
}

/* All or nothing: with an error the old configuration goes on. */
void manager_reload(Manager *manager)
{
    _cleanup_(strv_freep) char **errors = NULL, **warnings = NULL;
    Loaded *loaded = NULL;
    uint64_t now_usec = 0;
    (void)sd_event_now(manager->event, CLOCK_MONOTONIC, &now_usec); /* cannot fail inside the loop */
    notify_reloading(manager->notifier, now_usec);
    free(TAKE(manager->reload_error));
    int r = load(manager->loaded->path, false, &loaded, &errors, &warnings);
    if (r >= 0 && !text_same(loaded->config->socket, manager->loaded->config->socket))
        strv_append(&warnings, xstrdup("socket: is changed by a restart only, ignoring"));
    if (r >= 0 && !text_same(loaded->config->state, manager->loaded->config->state))
        strv_append(&warnings, xstrdup("state: the database moves with a restart only"));
    if (r >= 0 && (r = take_over(manager, loaded)) < 0)
        strv_append(&errors, xstrdup(strerror(-r)));
    if (r < 0) {
        _cleanup_free_ char *line = join(errors, "; ");
        manager->reload_error = join(errors, "\n");
        journal_event(EVENT_RELOAD_FAILED, "the new configuration is not taken, the old one goes on: %s", line);
    } else {
        for (size_t i = 0; warnings && warnings[i]; i++)
            log_warning("%s", warnings[i]);
        journal_event(EVENT_RELOADED, "configuration reloaded: %zu endpoints", manager->fleet.n);
    }
    notify_ready(manager->notifier);
    control_changed(manager->control, NULL);
    dispatch(manager);
    snapshot_announce_soon(manager);
}

static int on_hangup(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_,
                     void *userdata)
{
    Manager *manager = userdata;
    if (!manager->stopping)
        manager_reload(manager);
    return 0;
}

static int on_stop(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_,
                   void *userdata)
{
    return stop_begin(userdata);
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
        r = sd_event_add_time(manager->event, &manager->turns, CLOCK_BOOTTIME, 0, TURNS_ACCURACY_USEC, on_turns,
                              manager);
    if (r >= 0)
        r = sd_event_add_time(manager->event, &manager->wake, CLOCK_REALTIME, 0, TIMER_ACCURACY_USEC, on_wake,
                              manager);
    return r < 0 ? r : 0;
}

/* All that waits for something. */
static int start(Manager *manager)
{
    int r = sd_event_new(&manager->event);
    if (r >= 0)
        r = add_sources(manager);
    if (r >= 0)
        r = notifier_new(&manager->notifier, manager->event);
    if (r >= 0)
        r = publisher_new(&manager->publisher, manager->event, manager->store, &publisher_events, manager);
    if (r >= 0)
        r = self_start(manager);
    if (r >= 0)
        r = worker_new(&manager->worker, manager->event);
    if (r >= 0)
        r = http_new(&manager->http, manager->event);
    if (r >= 0)
        configure_publisher(manager);
    if (r >= 0)
        r = trust_new(&manager->trust, manager, NULL);
    if (r >= 0)
        r = roster_new(&manager->roster, manager, NULL);
    if (r >= 0)
        r = control_new(&manager->control, manager->event, &control_events, manager);
    if (r < 0)
        log_error("cannot start: %s", strerror(-r));
    return r;
}

int manager_new(Manager **ret, Loaded *loaded)
{
    _cleanup_(manager_freep) Manager *manager = xcalloc(1, sizeof *manager);
    manager->loaded = loaded;
    manager->started_at = manager->reloaded_at = clock_now();
    manager->pool = pool_new();
    int r = self_open_store(manager);
    if (r >= 0)
        r = start(manager);
    if (r < 0)
        return r;
    manager_take_endpoints(manager, true);
    manager_resolve_unwatched(manager);
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
    int n = sd_listen_fds(0); /* without a change of the environment, which threads read */
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

/* sd_event_loop(), with a look at how long each step holds up the others. */
static int loop(Manager *manager)
{
    sd_event *event = manager->event;
    int r = 0, code = 0;
    while (r >= 0 && sd_event_get_state(event) != SD_EVENT_FINISHED) {
        r = sd_event_prepare(event);
        if (r == 0)
            r = sd_event_wait(event, log_is_waiting() ? LOG_RETRY_USEC : UINT64_MAX);
        log_drain();
        if (r <= 0)
            continue;
        uint64_t began_usec = clock_boottime_usec();
        r = sd_event_dispatch(event);
        histogram_add(&manager->figures.loop, figures_loop_bounds, clock_boottime_usec() - began_usec);
    }
    return r < 0 || (r = sd_event_get_exit_code(event, &code)) < 0 ? r : code;
}

int manager_run(Manager *manager)
{
    int r = open_sockets(manager);
    if (r < 0)
        return r;
    journal_event(EVENT_STARTED, "dbcertd %s watches %zu endpoints, %zu trusted certificates", DBCERTD_VERSION,
                  manager->fleet.n, bundle_size(trust_bundle(manager->trust)));
    notify_ready(manager->notifier);
    self_look(manager);
    r = loop(manager);
    if (r < 0)
        log_error("cannot wait for events: %s", strerror(-r));
    return r;
}
