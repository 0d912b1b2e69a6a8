#include "monitor/health.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/timer.h"
#include "rules/rule-daemon.h"

#define LOOK_USEC           (60 * USEC_PER_SEC)
#define LOOK_SOON_USEC      (2 * USEC_PER_SEC)    /* while a clock is waited for */
#define FORGET_FIRST_USEC   (3600 * USEC_PER_SEC) /* time enough to set a clock that is wrong */
#define FORGET_USEC         (24 * FORGET_FIRST_USEC)
#define TIMER_ACCURACY_USEC (100 * USEC_PER_MSEC)

struct Health {
    Subject subject;
    const Context *context;
    const Endpoints *endpoints;
    const HealthEvents *events;
    void *userdata;
    DaemonState state;
    sd_event_source *look;      /* CLOCK_BOOTTIME: the next look */
    sd_event_source *clock_set; /* the wall clock was, or the host has slept */
    uint64_t forget_usec;       /* CLOCK_BOOTTIME: when the store is to forget what is old */
};

static void note_files(DaemonState *self)
{
    _cleanup_free_ char *pattern = xasprintf("%s.damaged-*", self->database);
    char **found = NULL;
    self->damaged = strv_free(self->damaged);
    if (file_glob(pattern, &found) < 0)
        return;
    for (size_t i = 0; found && found[i]; i++) {
        const char *end = strrchr(found[i], '-');
        if (strcmp(end, "-wal") != 0 && strcmp(end, "-shm") != 0 && strcmp(end, "-journal") != 0)
            strv_append(&self->damaged, xstrdup(found[i]));
    }
    strv_free(found);
}

static void note_clock(DaemonState *self)
{
    int synchronised = clock_is_synchronised();
    self->clock = synchronised < 0   ? CLOCK_UNKNOWN
                  : synchronised > 0 ? CLOCK_SYNCHRONISED
                                     : CLOCK_UNSYNCHRONISED;
    self->uptime_seconds = (int64_t)(clock_boottime_usec() / USEC_PER_SEC);
}

static void tend_store(Health *health, int64_t now)
{
    const Context *context = health->context;
    DaemonState *self = &health->state;
    size_t n;
    EndpointState *const *states = endpoints_states(health->endpoints, &n);
    store_tend(context->store, states, n, now);
    states = endpoints_states_by_name(health->endpoints, &n);
    store_heartbeat(context->store, states, n, now);
    free(self->unwritable);
    self->unwritable = xstrdup(store_error(context->store));
    if (clock_boottime_usec() < health->forget_usec || self->clock_waits || self->clock == CLOCK_UNSYNCHRONISED)
        return; /* by a clock that is ahead by years, all would be forgotten */
    health->forget_usec = clock_boottime_usec() + FORGET_USEC;
    store_forget(context->store, now - context->loaded->config->retention_seconds);
}

/* The next look is soon enough for what time changes. */
static int64_t on_evaluate(Subject *subject, int64_t now)
{
    Health *health = CONTAINER_OF(subject, Health, subject);
    rule_evaluate_daemon(&health->state, now);
    return INSTANT_NEVER;
}

static const SubjectType type = { .kind = SUBJECT_DAEMON, .by_any_clock = true, .evaluate = on_evaluate };

void health_look(Health *health)
{
    DaemonState *self = &health->state;
    int64_t now = clock_now();
    bool waited = self->clock_waits;
    note_clock(self);
    note_files(self);
    tend_store(health, now);
    (void)subject_evaluate(&health->subject);
    publisher_hold(health->context->publisher, self->clock_waits);
    subjects_hold(health->context->subjects, self->clock_waits);
    timer_arm(health->look, self->clock_waits ? LOOK_SOON_USEC : LOOK_USEC);
    if (waited && !self->clock_waits)
        health->events->clock_usable(health->userdata);
}

void health_look_soon(Health *health)
{
    timer_arm(health->look, 0);
}

const DaemonState *health_state(const Health *health)
{
    return &health->state;
}

static int on_look(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    health_look(userdata);
    return 0;
}

/* What was evaluated by another time is evaluated again: set back, nothing else would ask for that. */
static int on_clock_set(sd_event_source *source, int fd, uint32_t events _unused_, void *userdata)
{
    Health *health = userdata;
    int r = clock_watch_again(fd);
    if (r < 0) {
        log_warning("cannot watch the clock any more: %s, ignoring", strerror(-r));
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    health_look(health);
    health->events->clock_set(health->userdata);
    return 0;
}

static int watch_clock(Health *health)
{
    int fd = clock_watch();
    if (fd < 0)
        return fd;
    int r = sd_event_add_io(health->context->event, &health->clock_set, fd, EPOLLIN, on_clock_set, health);
    if (r < 0) {
        close(fd);
        return r;
    }
    return sd_event_source_set_io_fd_own(health->clock_set, true);
}

int health_new(Health **ret, const Context *context, const Endpoints *endpoints, const char *database,
               const HealthEvents *events, void *userdata)
{
    _cleanup_(health_freep) Health *health = xcalloc(1, sizeof *health);
    health->context = context;
    health->endpoints = endpoints;
    health->events = events;
    health->userdata = userdata;
    health->state.database = xstrdup(database);
    health->forget_usec = clock_boottime_usec() + FORGET_FIRST_USEC;
    note_clock(&health->state);
    rule_evaluate_daemon(&health->state, clock_now());
    subjects_hold(context->subjects, health->state.clock_waits);
    int r = timer_new(&health->look, context->event, TIMER_ACCURACY_USEC, on_look, health);
    if (r < 0)
        return r;
    timer_arm(health->look, LOOK_USEC);
    r = watch_clock(health);
    if (r < 0)
        return r;
    health->subject = (Subject) { .type = &type, .name = DAEMON_NAME, .findings = &health->state.findings };
    subject_add(context->subjects, &health->subject);
    *ret = TAKE(health);
    return 0;
}

void health_free(Health *health)
{
    size_t n;
    if (!health)
        return;
    EndpointState *const *states = endpoints_states(health->endpoints, &n);
    store_flush(health->context->store, states, n, clock_now());
    subject_remove(&health->subject);
    sd_event_source_disable_unref(health->look);
    sd_event_source_disable_unref(health->clock_set);
    daemon_state_deinit(&health->state);
    free(health);
}
