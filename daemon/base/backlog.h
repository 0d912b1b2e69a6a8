#pragma once

/*
 * What waits to be written, in order, to something that may not take it at once. It is bounded: when it is full
 * the oldest is dropped, and once there is room again a report comes in its place.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Some 5,000 lines: more than a daemon in trouble writes in minutes. */
#define BACKLOG_BYTES_MAX (1024 * 1024)

typedef struct BacklogItem BacklogItem;

typedef struct Backlog {
    /* Does not wait. Returns how many bytes it took, or a negative errno. */
    int (*write)(const void *data, size_t size);
    void (*report)(Buffer *ret, size_t n_dropped);
    BacklogItem *first, *last;
    size_t bytes;
    size_t n_dropped; /* and not reported yet */
} Backlog;

/* Takes what is in the buffer, and writes as much as goes. */
void backlog_put(Backlog *backlog, Buffer *item);

/* Writes as much as goes. Returns 0 if nothing is left, else the error. */
int backlog_drain(Backlog *backlog);

bool backlog_is_empty(const Backlog *backlog);
