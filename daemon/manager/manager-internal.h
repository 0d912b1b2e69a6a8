#pragma once

/* Shared by the manager's own files alone. */

#include <systemd/sd-event.h>

#include "base/worker.h"
#include "control/control.h"
#include "http/http.h"
#include "manager/fleet.h"
#include "manager/load.h"
#include "manager/notify.h"
#include "manager/roster.h"
#include "manager/trust.h"
#include "model/transition.h"
#include "pki/pool.h"
#include "publish/publisher.h"

/* A probe that a client asked for, answered once its result is in the state database. */
typedef struct Promise {
    char *name;
    int64_t turn;
    Ticket ticket;
} Promise;

struct Manager {
    sd_event *event;
    sd_event_source *turns; /* CLOCK_BOOTTIME: the next turn that is due */
    sd_event_source *wake;  /* CLOCK_REALTIME: the next verdict that time changes */
    sd_event_source *stop;  /* CLOCK_BOOTTIME: the next look whether all has ended; NULL: nobody wants it to */
    sd_event_source *look;  /* CLOCK_BOOTTIME: the next look at ourselves */
    sd_event_source *clock_set; /* the wall clock was, or the host has slept */
    sd_event_source *announce;  /* CLOCK_BOOTTIME: when systemctl's line is made anew; NULL: never yet */
    uint64_t announced_usec;    /* CLOCK_BOOTTIME: when it last was */
    Notifier *notifier;
    Loaded *loaded;
    Worker *worker; /* what files and fetched bodies make take long */
    Http *http;
    Trust *trust;
    Roster *roster;
    Fleet fleet;
    Pool *pool; /* of the certificates that were seen */
    Store *store;
    Publisher *publisher;
    Promise *promises; /* probes that were asked for, until what they have changed is kept */
    size_t n_promises;
    SelfState self;
    uint64_t forget_usec; /* CLOCK_BOOTTIME: when the store is to forget what is old */
    Control *control;
    int64_t started_at;
    int64_t reloaded_at;
    char *reload_error;    /* NULL: the latest reload was fine */
    size_t n_running;      /* turns */
    uint64_t trimmed_usec; /* when free memory was last returned to the kernel */
    Figures figures;
    bool stopping;
    uint64_t stop_by_usec; /* CLOCK_BOOTTIME; who has not ended by then is cut short */
    bool out_of_patience;
};

/*
 * stop.c: ends the loop within a second. Probes that run may take their leave, clients that have asked are
 * answered, and new ones wait in the backlog of systemd's socket for the next dbcertd. Asked a second time it
 * ends at once.
 */
int stop_begin(Manager *manager);

/* Starts the turns that are due, from the loop. */
void manager_dispatch_soon(Manager *manager);

/* Arms the timer for what time changes next. */
void manager_arm_wake(Manager *manager);

/* members.c: watches whom the roster names; due: all are probed now. */
void manager_take_endpoints(Manager *manager, bool due);

/* Resolves what stood when the daemon was stopped, and was taken out of the configuration before it was started
 * again. */
void manager_resolve_unwatched(Manager *manager);

/* Judges what has been judged before anew; name: that endpoint, at once; NULL: all, bit by bit from the loop.
 */
void manager_judge_again(Manager *manager, const char *name);

/* The same for all, and their chains are verified: the bundle or the configuration is another one. */
void manager_verify_again(Manager *manager);

/* Something was judged outside of a turn: arms the timer for what time changes next, and tells the status. */
void manager_judged(Manager *manager);

/* A member is to be probed by then, if it would be later; a turn that is running comes to that at its end. */
void manager_probe_by(Manager *manager, Member *member, int64_t at);

/* A member's turn has ended; it may be freed by this. asked: a client may wait for it. */
void manager_turn_over(Manager *manager, Member *member, bool asked);

/* The evaluations that a silence of that subject, NULL: of all, may change. */
void manager_silenced(const char *subject, void *userdata);

/* Reads the configuration again; with an error in it, the old one goes on. */
void manager_reload(Manager *manager);

/* snapshot.c: what the status socket shows, and systemctl's line: at once, or within a second. */
void snapshot_take(Manager *manager, Snapshot *ret);
void snapshot_history(Manager *manager, const char *endpoint, History *history, int64_t id); /* was read */
void snapshot_announce(Manager *manager);
void snapshot_announce_soon(Manager *manager);

/* promise.c: answers who has asked for a probe, now or when its result is kept. */
void promise_make(Manager *manager, const char *endpoint, int64_t turn);
void promise_keep_all(Manager *manager); /* as far as their results are kept */
void promise_drop_all(Manager *manager);

/* self.c: the clock, and what is kept. */
int self_open_store(Manager *manager);
int self_start(Manager *manager);
void self_look(Manager *manager);
void self_stop(Manager *manager); /* keeps the times of the latest probes */
