#pragma once

/* Who is due, and when to wake. Pure; times are CLOCK_BOOTTIME in microseconds. */

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"

#define SCHEDULE_NEVER UINT64_MAX

/* One endpoint's place. Read by all, written by the functions below alone. */
typedef struct Slot {
    HeapItem waiting;
    uint64_t due_usec;
    bool running;
    bool asked; /* somebody waits for it: goes first, and once more if it is running already */
} Slot;

/* Those that wait for their turn; all zeros, it is empty. */
typedef struct Schedule {
    Heap waiting;
    void (*moved)(Slot *slot); /* it is due at another time, or running; NULL: nobody wants to know */
} Schedule;

/* How the last turn of an endpoint went. */
typedef struct Result {
    unsigned failures; /* in a row; 0: it was fetched */
    bool counted;      /* the server may count such failures against this host */
} Result;

/*
 * When the next turn is due. Endpoints are spread over the interval by a hash of their names, so neither a
 * fleet nor a restart makes them fire in step. After a failure it is sooner: from 15 seconds on, doubling up to
 * the interval. Failures that the server counts are tried again twice like that and then ever less often, down
 * to once a day: 100 of them block this host.
 */
uint64_t schedule_next(const char *name, uint64_t interval_usec, Result result, uint64_t now_usec);

/*
 * The same, but no later than wait_seconds from now and up to half an hour more, spread by the names: at an
 * instant that is worth a look, and not at the same second for all that share it.
 */
uint64_t schedule_sooner(const char *name, uint64_t due_usec, int64_t wait_seconds, uint64_t now_usec);

/* Sets when it is due; one that is running is from then on not running any more. */
void schedule_put(Schedule *schedule, Slot *slot, uint64_t due_usec);

/* Somebody waits for it. */
void schedule_ask(Schedule *schedule, Slot *slot);

/*
 * The slot whose turn it is: asked ones first, then the longest due. It is running then, and still shows
 * whether it was asked: the caller puts that aside. NULL if it is nobody's, and then *ret_wake_usec says when
 * to ask again. The caller minds how many run at once.
 */
Slot *schedule_take(Schedule *schedule, uint64_t now_usec, uint64_t *ret_wake_usec);

/* It goes. */
void schedule_remove(Schedule *schedule, Slot *slot);

void schedule_deinit(Schedule *schedule);
