#pragma once

/*
 * Who is to be monitored: the endpoints of the configuration, and those that the RDS API names. And what is
 * known of the API itself, each source of it.
 */

#include "model/state.h"
#include "monitor/context.h"

typedef struct Targets Targets;

typedef struct TargetsEvents {
    /* A source has answered, and there are others than before: targets_endpoints(). */
    void (*changed)(void *userdata);
} TargetsEvents;

/*
 * Begins to ask what the configuration says is to be asked. context and events stay the caller's. Nobody knows
 * of it before targets_start(). Errors: negative errno.
 */
int targets_new(Targets **ret, const Context *context, const TargetsEvents *events, void *userdata);
void targets_free(Targets *targets);
CLEANUP_OF(Targets, targets_free);

/*
 * With what was known before: of the old ones, which lose it and are to be freed before anything else happens
 * (NULL: there are none), else of the store. From now on these are what is monitored; targets_endpoints() is
 * complete.
 */
void targets_start(Targets *targets, Targets *old);

/* The endpoints as they are to be monitored now; borrowed until the next answer. */
Endpoint *const *targets_endpoints(const Targets *targets, size_t *ret_n);

/* When the source that has it answered last; INSTANT_NONE: not since the start. */
int64_t targets_answered_at(const Targets *targets, const RdsEndpoint *rds);

/* In the order of the configuration; borrowed. */
RdsSourceState *const *targets_sources(const Targets *targets, size_t *ret_n);
