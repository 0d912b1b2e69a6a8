#pragma once

/* First in, first out. The members are structs that begin with a Link, and each is in one queue at a time. */

#include <stdbool.h>

typedef struct Link {
    struct Link *next;
} Link;

typedef struct Queue {
    Link *first, **end; /* where the next one goes */
} Queue;

void queue_put(Queue *queue, Link *link);

/* Returns the first and takes it out; NULL if there is none. */
void *queue_take(Queue *queue);

/* Takes it out. False if it is not in there. */
bool queue_remove(Queue *queue, const Link *link);
