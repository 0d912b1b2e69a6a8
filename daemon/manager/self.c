#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/timer.h"
#include "manager/manager-internal.h"
#include "rules/self.h"

#define DATABASE "dbcertd.db"

#define LOOK_USEC           (60 * USEC_PER_SEC)
#define LOOK_SOON_USEC      (2 * USEC_PER_SEC)    /* while a clock is waited for */
#define FORGET_FIRST_USEC   (3600 * USEC_PER_SEC) /* time enough to set a clock that is wrong */
#define FORGET_USEC         (24 * FORGET_FIRST_USEC)
#define TIMER_ACCURACY_USEC (100 * USEC_PER_MSEC)

static int read_certificate(const uint8_t *der, size_t size, bool server, Certificate **ret, void *userdata)
{
    const Manager *manager = userdata;
    return pool_get(manager->pool, der, size, server, ret);
}

int self_open_store(Manager *manager)
{
    _cleanup_free_ char *directory = loaded_state_directory(manager->loaded), *words = NULL;
    if (mkdir(directory, 0750) < 0 && errno != EEXIST)
        log_warning("%s: cannot make it: %m", directory); /* and a finding says what follows */
    manager->self.database = xasprintf("%s/" DATABASE, directory);
    manager->forget_usec = clock_boottime_usec() + FORGET_FIRST_USEC;
    int r = store_open(&manager->store, manager->self.database, read_certificate, manager, clock_now(), &words);
    if (r < 0)
        log_error("%s", words);
    return r;
}

static void note_files(Manager *manager)
{
    SelfState *self = &manager->self;
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

static void note_clock(SelfState *self)
{
    int synchronised = clock_is_synchronised();
    self->clock = synchronised < 0   ? CLOCK_UNKNOWN
                  : synchronised > 0 ? CLOCK_SYNCHRONISED
                                     : CLOCK_UNSYNCHRONISED;
    self->uptime_seconds = (int64_t)(clock_boottime_usec() / USEC_PER_SEC);
}

static void beat(Manager *manager, int64_t now)
{
    const Fleet *fleet = &manager->fleet;
    _cleanup_free_ EndpointState **states = xcalloc(fleet->n + 1, sizeof *states);
    for (size_t i = 0; i < fleet->n; i++)
        states[i] = fleet->by_name[i]->state;
    store_heartbeat(manager->store, states, fleet->n, now);
}

static void tend_store(Manager *manager, int64_t now)
{
    store_tend(manager->store, manager->fleet.states, manager->fleet.n, now);
    beat(manager, now);
    free(manager->self.unwritable);
    manager->self.unwritable = xstrdup(store_error(manager->store));
    if (clock_boottime_usec() < manager->forget_usec || manager->self.clock_waits ||
        manager->self.clock == CLOCK_UNSYNCHRONISED)
        return; /* by a clock that is ahead by years, all would be forgotten */
    manager->forget_usec = clock_boottime_usec() + FORGET_USEC;
    store_forget(manager->store, now - manager->loaded->config->retention_seconds);
}

void self_look(Manager *manager)
{
    SelfState *self = &manager->self;
    int64_t now = clock_now();
    bool waited = self->clock_waits;
    note_clock(self);
    note_files(manager);
    tend_store(manager, now);
    fleet_show_due(&manager->fleet);
    judge_self(self, now);
    (void)publisher_tell(manager->publisher, SUBJECT_DAEMON, SELF_NAME,
                         &self->findings); /* the next look is soon enough */
    if (waited && !self->clock_waits)
        manager_reload(manager); /* all that was begun by the wrong clock is begun anew */
    publisher_hold(manager->publisher, self->clock_waits);
    timer_arm(manager->look, self->clock_waits ? LOOK_SOON_USEC : LOOK_USEC);
}

static int on_look(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    self_look(userdata);
    return 0;
}

/* What was judged by another time is judged anew: set back, nothing else would ask for that. */
static int on_clock_set(sd_event_source *source, int fd, uint32_t events _unused_, void *userdata)
{
    Manager *manager = userdata;
    int r = clock_watch_again(fd);
    if (r < 0) {
        log_warning("cannot watch the clock any more: %s, ignoring", strerror(-r));
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    self_look(manager);
    manager_judge_again(manager, NULL);
    trust_touch(manager->trust);
    manager_dispatch_soon(manager);
    return 0;
}

static int watch_clock(Manager *manager)
{
    int fd = clock_watch();
    if (fd < 0)
        return fd;
    int r = sd_event_add_io(manager->event, &manager->clock_set, fd, EPOLLIN, on_clock_set, manager);
    if (r >= 0)
        r = sd_event_source_set_io_fd_own(manager->clock_set, true);
    return r;
}

int self_start(Manager *manager)
{
    note_clock(&manager->self);
    judge_self(&manager->self, clock_now());
    int r = sd_event_add_time_relative(manager->event, &manager->look, CLOCK_BOOTTIME, LOOK_USEC,
                                       TIMER_ACCURACY_USEC, on_look, manager);
    return r < 0 ? r : watch_clock(manager);
}

void self_stop(Manager *manager)
{
    if (manager->store)
        store_flush(manager->store, manager->fleet.states, manager->fleet.n, clock_now());
    sd_event_source_disable_unref(manager->look);
    sd_event_source_disable_unref(manager->clock_set);
    self_state_deinit(&manager->self);
}
