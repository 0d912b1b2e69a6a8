#pragma once

/* Shared by the files of this folder alone. */

#include "app/notify.h"
#include "control/control.h"
#include "monitor/bundles.h"
#include "monitor/health.h"
#include "monitor/targets.h"
#include "monitor/truststores.h"

typedef struct App App;

/* A probe that a client asked for, answered once its result is in the state database. */
typedef struct Promise {
    char *name;
    int64_t run;
    Ticket ticket;
} Promise;

struct App {
    sd_event *event;
    Loaded *loaded;
    Context context; /* of all parts: what of the following they may use */
    Subjects subjects;
    Worker *worker;
    Http *http;
    Pool *pool;
    Store *store;
    Publisher *publisher;
    Counters counters;

    Endpoints *endpoints;
    Health *health;
    Bundles *bundles; /* these three: of the configuration, replaced by a reload */
    TrustStores *trust_stores;
    Targets *targets;

    Control *control;
    Notifier *notifier;
    Promise *promises; /* until what was seen is kept */
    size_t n_promises;
    int64_t started_at;
    int64_t reloaded_at;
    char *reload_error;        /* NULL: the latest reload was fine */
    sd_event_source *announce; /* CLOCK_BOOTTIME: when systemctl's line is made again */
    uint64_t announced_usec;   /* CLOCK_BOOTTIME: when it last was */
    sd_event_source *stop; /* CLOCK_BOOTTIME: the next look whether all has ended; NULL: nobody wants it to */
    uint64_t stop_by_usec; /* CLOCK_BOOTTIME; who has not ended by then is cut short */
    bool stopping;
    bool out_of_patience;
};

/* promise.c: answers who has asked for a probe, now or when its result is kept. */
void promise_make(App *app, const char *endpoint, int64_t run);
void promise_keep_all(App *app); /* as far as their results are kept */
void promise_drop_all(App *app);

/* view.c: what the status socket shows, and systemctl's line: at once, or within a second, from the loop.
 */
int view_init(App *app);
void view_take(App *app, Snapshot *ret);
void view_history(App *app, const char *endpoint, History *history, int64_t id); /* was read */
void view_announce(App *app);
void view_announce_soon(App *app);

/*
 * reload.c: all that a configuration makes, made and put in place of what the one before has made (at a start:
 * nothing). Takes loaded, also on error; then everything is as it was. Errors: negative errno.
 */
int reload_take(App *app, Loaded *loaded);

/* Reads the configuration again; with an error in it, the current one stays. */
void reload_configuration(App *app);

/*
 * stop.c: ends the loop within a second. Probes that run may take their leave, clients that have asked are
 * answered, and new ones wait in the backlog of systemd's socket for the next dbcertd. Asked a second time it
 * ends at once.
 */
int stop_begin(App *app);
