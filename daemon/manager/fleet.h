#pragma once

/* The endpoints that are watched, each with what is known of it and its place in the schedule. */

#include "model/endpoint.h"
#include "model/state.h"
#include "model/transition.h"
#include "probe/survey.h"
#include "schedule/schedule.h"

typedef struct Manager Manager;

typedef struct Member {
    Manager *manager;
    EndpointState *state;
    Slot slot;
    TransitionList events; /* of the run that is under way: what happened, to be said when it is over */
    Survey *survey;        /* of the turn that is running; NULL: none */
    int64_t turns;         /* that are over */
    bool retired;          /* out of the configuration: nothing is said of it any more */
    bool force;            /* the next turn probes blocked addresses too: somebody asked */
    bool recalled;         /* what is known of it is of an earlier run: until its first turn is over, nothing is
                              said of that */
    bool farewell_failing; /* said once, until a farewell works again */
    size_t n_more_addresses; /* beyond its first: its part of the fleet's */
    bool cut;                /* said once: it has more addresses than may be probed */
    HeapItem wake;           /* when time alone asks for a new verdict or a reminder */
} Member;

typedef struct Fleet {
    Member **members; /* in the roster's order */
    size_t n;
    EndpointState **states; /* of the members, for snapshots */
    Member **by_name;       /* the members, sorted */
    Schedule schedule;      /* of their turns */
    Heap wakes;             /* by instants; a member without one is not in it */
    Member **retired;       /* gone, but for the turn that is still running */
    size_t n_retired;
    size_t n_more_addresses; /* of all members, beyond the first of each */
} Fleet;

/*
 * The addresses that all endpoints together may have beyond the first of each: so many, or two per endpoint
 * where that is more. A name server decides how many there are, and a hostile server fills 28 KB for each.
 */
#define FLEET_MORE_ADDRESSES_MAX     4096
#define FLEET_MORE_ADDRESSES_AVERAGE 2

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

/* How many of its n addresses, at least 1, a member may have; those count until the next call. */
size_t fleet_admit(Fleet *fleet, Member *member, size_t n);
size_t fleet_more_addresses_max(const Fleet *fleet);

/* The clock may have been set: says anew by it when each is to be probed next. */
void fleet_show_due(const Fleet *fleet);

/* Sets when time alone asks for a new verdict of it; INSTANT_NEVER: it does not. */
void fleet_wake_at(Fleet *fleet, Member *member, int64_t at);

/* The instant of the first of these; INSTANT_NEVER if there is none. */
int64_t fleet_wakes_at(const Fleet *fleet);

/* The one that was to be woken first, until now; NULL if there is none. It is woken no more. */
Member *fleet_take_woken(Fleet *fleet, int64_t now);

/* The member of a slot. */
Member *member_of_slot(Slot *slot);

/* Borrowed, NULL if there is none. */
Member *fleet_find(const Fleet *fleet, const char *name);

void fleet_deinit(Fleet *fleet);
void member_free(Member *member);
