#include "base/clock.h"

#include <time.h>

int64_t clock_now(void)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for a clock that exists */
    return now.tv_sec;
}

uint64_t clock_boottime_usec(void)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}
