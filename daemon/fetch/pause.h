#pragma once

/* When to ask again what is asked from time to time. */

#include <stdint.h>

/* Seconds until then: the interval; after so many failures in a row sooner, from a minute on, and ever less so.
 */
int64_t fetch_pause(int64_t interval, unsigned n_failures);

/* The same without an interval: the first pause, twice that after each further failure, and at most so long. */
int64_t fetch_backoff(int64_t first, int64_t most, unsigned n_failures);
