#pragma once

/*
 * What history leaves out, so that no server makes the file grow without end. Shared by the store's own files
 * alone.
 */

#include "model/history.h"
#include "store/batch.h"

/*
 * Of certificates that an endpoint served for less than a day: the first and the latest of them. A storm of 64
 * addresses keeps one of each kind for each; a server that was restarted now and then keeps all of them.
 */
#define SURPLUS_SHORT       DAY
#define SURPLUS_SHORT_ROWS  64
#define SURPLUS_SHORT_BYTES (96 * 1024)

/*
 * Of all that an endpoint does not serve any more, the same: 16 instances with a rotation each year come to as
 * many bytes in a century. The bytes of a CA's certificate are shared among the chains that have it.
 */
#define SURPLUS_ROWS  1024
#define SURPLUS_BYTES (2 * 1024 * 1024)

/* It is looked for once in so many times that an endpoint is written: that costs as much as to write it. */
#define SURPLUS_INTERVAL 16

/* Forgets what is too much of an endpoint, after what it serves now was written. */
void surplus_remove(Batch *batch, const char *endpoint);

/* Notes one that was too large to be kept at all. */
void surplus_note(Batch *batch, const char *endpoint, int64_t served_at);

/* What was left out of an endpoint's history. */
int surplus_read(Database *database, const char *endpoint, History *ret);

/* Forgets what was left out before then. */
void surplus_forget(Batch *batch, int64_t before);
