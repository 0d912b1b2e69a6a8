#pragma once

/* Shared by the manager's own files alone. */

#include <systemd/sd-event.h>

#include "control/control.h"
#include "manager/fleet.h"
#include "manager/load.h"
#include "manager/trust.h"
#include "model/transition.h"
#include "store/store.h"

struct Manager {
    sd_event *event;
    sd_event_source *turns; /* CLOCK_BOOTTIME: the next turn that is due */
    sd_event_source *wake;  /* CLOCK_REALTIME: the next verdict that time changes */
    Loaded *loaded;
    Trust *trust;
    Fleet fleet;
    Store *store;
    Control *control;
    int64_t started_at;
    int64_t reloaded_at;
    char *reload_error; /* NULL: the latest reload was fine */
    size_t n_running;   /* turns */
    bool stopping;
};

/* First durable, then loud: stores the alerts under a key with the transitions, then delivers. */
void manager_commit(Manager *manager, const char *key, TransitionList *transitions);

/* The bundle is another one, or this is the first verdict under a new configuration: verifies and judges all.
 */
void manager_judge_all(Manager *manager);

/* Something was judged outside of a turn: arms the timer for what time changes next, and tells the status. */
void manager_judged(Manager *manager);

/* A member's turn has ended; it may be freed by this. */
void manager_turn_over(Manager *manager, Member *member);
