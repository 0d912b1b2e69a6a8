#pragma once

/* The endpoints that are watched, each with what is known of it and its place in the schedule. */

#include "model/endpoint.h"
#include "model/state.h"
#include "probe/survey.h"
#include "schedule/schedule.h"

typedef struct Manager Manager;

typedef struct Member {
    Manager *manager;
    EndpointState *state;
    Slot slot;
    Survey *survey;        /* of the turn that is running; NULL: none */
    int64_t turns;         /* that are over */
    bool retired;          /* out of the configuration: nothing is said of it any more */
    bool force;            /* the next turn probes blocked addresses too: somebody asked */
    bool recalled;         /* what is known of it is of an earlier run: until its first turn is over, nothing is
                              said of that */
    bool farewell_failing; /* said once, until a farewell works again */
    int64_t wakes_at;      /* when time alone asks for a new verdict or a reminder */
} Member;

typedef struct Fleet {
    Member **members; /* in the roster's order */
    size_t n;
    EndpointState **states; /* of the members, for snapshots */
    Slot **slots;           /* of the members, for the schedule */
    Member **retired;       /* gone, but for the turn that is still running */
    size_t n_retired;
} Fleet;

typedef struct FleetEvents {
    void (*added)(Member *member);
    void (*removed)(Member *member); /* owns it from then on */
    void (*changed)(Member *member); /* the API says something else of it than before */
} FleetEvents;

/*
 * Takes over the endpoints, with a reference of its own to each. A member whose server is the same keeps what
 * is known of it; others start anew. due: all are to be probed now.
 */
void fleet_replace(Fleet *fleet, Manager *manager, Endpoint *const *endpoints, size_t n, bool due,
                   const FleetEvents *events);

/* Keeps a removed member until its turn is over; then frees it. */
void fleet_retire(Fleet *fleet, Member *member);
void fleet_drop_retired(Fleet *fleet, Member *member);

/* Borrowed, NULL if there is none. */
Member *fleet_find(const Fleet *fleet, const char *name);

void fleet_deinit(Fleet *fleet);
void member_free(Member *member);
