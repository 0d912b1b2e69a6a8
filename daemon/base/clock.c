#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <sys/timerfd.h>
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

/* An alarm that never comes, and is cancelled: timerfd_create(2), TFD_TIMER_CANCEL_ON_SET. */
int clock_watch_again(int fd)
{
    const struct itimerspec never = { .it_value.tv_sec = LONG_MAX };
    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno : 0;
}

int clock_watch(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = clock_watch_again(fd);
    if (r >= 0)
        return fd;
    (void)close(fd);
    return r;
}

uint64_t clock_boottime_usec(void)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}
