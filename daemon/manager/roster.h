#pragma once

/* Who is watched: the endpoints of the configuration, and those that the RDS API names. */

#include "model/state.h"

typedef struct Manager Manager;
typedef struct Roster Roster;

/*
 * Begins to ask what the configuration says is to be asked, with what was known before: of the old roster
 * (NULL: there is none), else of the store. Errors: negative errno.
 */
int roster_new(Roster **ret, Manager *manager, Roster *old);
void roster_free(Roster *roster);
CLEANUP_OF(Roster, roster_free);

/* The endpoints as they are to be watched now; borrowed until the next answer. */
Endpoint *const *roster_endpoints(const Roster *roster, size_t *ret_n);

/* When the source that has it answered last; INSTANT_NONE: not in this run. */
int64_t roster_answered_at(const Roster *roster, const RdsEndpoint *rds);

/* Judges again the sources of which time alone has changed something. */
void roster_wake(Roster *roster, int64_t now);
int64_t roster_wakes_at(const Roster *roster);

/* Fills in the snapshot's members about sources. */
void roster_show(const Roster *roster, Snapshot *snapshot);

/* Whether a source of that name is configured. */
bool roster_has(const Roster *roster, const char *source);

/* Resolves what stands of sources that the new one has not. */
void roster_leave(const Roster *roster, const Roster *successor);
