#include "base/random.h"

#include <sys/random.h>

#include "base/clock.h"

uint64_t random_below(uint64_t limit)
{
    uint64_t n;
    if (getrandom(&n, sizeof n, GRND_NONBLOCK) != (ssize_t)sizeof n)
        n = clock_boottime_usec(); /* the kernel has none as yet */
    return limit > 0 ? n % limit : 0;
}
