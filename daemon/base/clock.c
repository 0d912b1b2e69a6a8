#include "base/clock.h"

#include <errno.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int64_t clock_now(void)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for a clock that exists */
    return now.tv_sec;
}

int clock_is_synchronised(void)
{
    struct timex state = { 0 }; /* nothing is set by it */
    if (access("/run/systemd/timesync/synchronized", F_OK) == 0)
        return 1; /* systemd-timesyncd's word, which a sandbox leaves */
    if (adjtimex(&state) < 0)
        return -errno;
    return !(state.status & STA_UNSYNC);
}

uint64_t clock_boottime_usec(void)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}
