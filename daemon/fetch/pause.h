#pragma once

/* When to ask again what is asked from time to time. */

#include <stdint.h>

/* Seconds until then: the interval; after so many failures in a row sooner, from a minute on, and ever less so.
 */
int64_t fetch_pause(int64_t interval, unsigned n_failures);
