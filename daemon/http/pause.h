#pragma once

/* When to ask again what is asked from time to time. */

#include <stdint.h>

/* Seconds until then: the interval; after so many failures in a row sooner, from a minute on, and ever less so.
 */
int64_t pause_until_next(int64_t interval, unsigned n_failures);

/* The same without an interval: the first pause, twice that after each further failure, and at most so long. */
int64_t pause_backoff(int64_t first, int64_t most, unsigned n_failures);

/* Returns the longer of both: a peer can lengthen a pause up to `most`, and shorten none. */
int64_t pause_asked(int64_t pause, int64_t most, int64_t retry_after_seconds);

/*
 * Returns the pause in microseconds without a random part of a tenth of it at most, so that the hosts of a
 * fleet that failed or started together do not come again together.
 */
uint64_t pause_spread_usec(int64_t pause_seconds);
