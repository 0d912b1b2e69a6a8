#pragma once

/* The daemon about itself: whether the clock of this host can be right, and whether the state database is
 * written. */

#include "model/daemon-state.h"
#include "monitor/endpoints.h"

typedef struct Health Health;

typedef struct HealthEvents {
    /* The clock can be right from now on: what was begun by the wrong one is to be begun anew. */
    void (*clock_usable)(void *userdata);

    /* The clock was set, or the host has slept: what was evaluated by another time is to be evaluated again. */
    void (*clock_set)(void *userdata);
} HealthEvents;

/* database: its path. context, endpoints and events stay the caller's. Errors: negative errno. */
int health_new(Health **ret, const Context *context, const Endpoints *endpoints, const char *database,
               const HealthEvents *events, void *userdata);

/* Writes the times of the latest probes. */
void health_free(Health *health);
CLEANUP_OF(Health, health_free);

/* Looks at once, or from the loop. */
void health_look(Health *health);
void health_look_soon(Health *health);

const DaemonState *health_state(const Health *health);
