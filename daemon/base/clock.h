#pragma once

/* The two clocks. Only what has effects reads them; everything that evaluates gets `now` as an argument. */

#include <stdint.h>

#include "base/instant.h"

/* Wall clock, seconds since the epoch: what certificates are evaluated by. */
int64_t clock_now(void);

/* Whether the kernel calls it synchronised: 1 yes, 0 no; -EPERM where a sandbox does not let it be asked. */
int clock_is_synchronised(void);

/*
 * A descriptor that becomes readable when somebody sets the wall clock, or the host wakes from its sleep; the
 * caller's, or a negative errno. clock_watch_again() makes it ready for the next time.
 */
int clock_watch(void);
int clock_watch_again(int fd);

/* Microseconds since boot, sleep included; never set back: what deadlines and schedules are counted in. */
uint64_t clock_boottime_usec(void);
