#pragma once

/* Which of what is to be said is said now, and what of it in one breath. Pure. */

#include "model/transition.h"

/* From so many on, transitions of one cause are one entry; fewer are one each, with all that belongs to each.
 */
#define GROUP_LEAST 5

/* Transitions in one entry: a whole fleet; bounds the entry, not the outbox. */
#define GROUP_MOST 10000

typedef struct GroupPolicy {
    int64_t wait_seconds;     /* for others of the same cause, before the first is said */
    int64_t interval_seconds; /* once there were many, between two entries of one cause */
} GroupPolicy;

/* When something of a cause was last said, and how much. */
typedef struct GroupMemory {
    struct Spoken *items;
    size_t n;
} GroupMemory;

void group_memory_deinit(GroupMemory *memory);

/* Transitions that are one entry: of one finding, one severity, one kind. */
typedef struct Bulletin {
    const Transition **items; /* borrowed from the outbox; one alone may be of any kind */
    size_t n;
} Bulletin;

typedef struct BulletinList {
    Bulletin *items;
    size_t n;
} BulletinList;

void bulletin_list_deinit(BulletinList *list);

/*
 * What of the outbox is to be said now, in order; what has no cause is never kept waiting. Returns when to ask
 * again for what is, INSTANT_NEVER if nothing is.
 */
int64_t group_select(GroupMemory *memory, const GroupPolicy *policy, const TransitionList *outbox, int64_t now,
                     BulletinList *ret);
