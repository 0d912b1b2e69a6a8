/*
 * A clock that can be set, and a host that can be put to sleep, for one process: preloaded, it adds to the wall
 * clock and to the time since boot what the file $DBCERTD_TEST_CLOCK says (two numbers of microseconds, 8 bytes
 * each), and has the timers follow as the kernel's would, within LOOK_USEC. Where $DBCERTD_TEST_SYNCHRONISED is
 * set, it decides what the kernel says of that: 0 or 1.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define LOOK_USEC  5000
#define FDS_MAX    1024
#define USEC_PER_S INT64_C(1000000)

typedef struct Offsets {
    volatile int64_t wall_usec, boot_usec;
} Offsets;

typedef struct Timer {
    bool known, armed;
    int clock, flags;
    struct itimerspec at; /* as the process has it */
} Timer;

static const Offsets *offsets;
static Timer timers[FDS_MAX]; /* by descriptor */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_create)(int, int);
static int (*real_settime)(int, int, const struct itimerspec *, struct itimerspec *);

static int64_t offset_of(clockid_t clock)
{
    if (!offsets)
        return 0;
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? offsets->wall_usec
           : clock == CLOCK_BOOTTIME                                 ? offsets->boot_usec
                                                                     : 0;
}

static struct timespec later(struct timespec t, int64_t usec)
{
    int64_t nsec = t.tv_nsec + usec % USEC_PER_S * 1000;
    t.tv_sec += usec / USEC_PER_S;
    t.tv_sec += nsec < 0 ? -1 : nsec >= 1000000000 ? 1 : 0;
    t.tv_nsec = nsec < 0 ? nsec + 1000000000 : nsec % 1000000000;
    return t;
}

static void find(void)
{
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_create = (int (*)(int, int))dlsym(RTLD_NEXT, "timerfd_create");
    real_settime =
        (int (*)(int, int, const struct itimerspec *, struct itimerspec *))dlsym(RTLD_NEXT, "timerfd_settime");
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (!real_gettime)
        find();
    int r = real_gettime(clock, ret);
    if (r == 0)
        *ret = later(*ret, offset_of(clock));
    return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return -1;
    *ret = (struct timeval) { .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return -1;
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

int adjtimex(struct timex *state)
{
    const char *word = getenv("DBCERTD_TEST_SYNCHRONISED");
    int r = ntp_adjtime(state);
    if (word)
        state->status = *word == '1' ? state->status & ~STA_UNSYNC : state->status | STA_UNSYNC;
    return r;
}

int timerfd_create(int clock, int flags)
{
    if (!real_create)
        find();
    int fd = real_create(clock, flags);
    (void)pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS_MAX)
        timers[fd] = (Timer) { .known = true, .clock = clock };
    (void)pthread_mutex_unlock(&lock);
    return fd;
}

/* As the kernel has it: an absolute time is one of its own clock. One that is past is at once. */
static int arm(int fd, const Timer *timer, struct itimerspec *ret_old)
{
    struct itimerspec at = timer->at;
    if ((timer->flags & TFD_TIMER_ABSTIME) && at.it_value.tv_sec < INT32_MAX) {
        at.it_value = later(at.it_value, -offset_of(timer->clock));
        if (at.it_value.tv_sec <= 0)
            at.it_value = (struct timespec) { .tv_nsec = 1 };
    }
    return real_settime(fd, timer->flags, &at, ret_old);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *ret_old)
{
    if (!real_settime)
        find();
    if (fd < 0 || fd >= FDS_MAX || !timers[fd].known)
        return real_settime(fd, flags, at, ret_old);
    (void)pthread_mutex_lock(&lock);
    timers[fd].at = *at;
    timers[fd].flags = flags;
    timers[fd].armed = at->it_value.tv_sec || at->it_value.tv_nsec;
    int r = arm(fd, &timers[fd], ret_old);
    (void)pthread_mutex_unlock(&lock);
    return r;
}

/* Who waits for the clock to be set hears of it; an alarm that ends is as good as one that is cancelled. */
static void follow(bool wall_was_set)
{
    const struct itimerspec now = { .it_value.tv_nsec = 1 };
    (void)pthread_mutex_lock(&lock);
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (!timers[fd].known || !timers[fd].armed)
            continue;
        if ((timers[fd].flags & TFD_TIMER_CANCEL_ON_SET) && wall_was_set)
            (void)real_settime(fd, TFD_TIMER_ABSTIME, &now, NULL);
        else if (timers[fd].flags & TFD_TIMER_ABSTIME)
            (void)arm(fd, &timers[fd], NULL);
    }
    (void)pthread_mutex_unlock(&lock);
}

static void *look(void *ignored)
{
    Offsets before = { offsets->wall_usec, offsets->boot_usec };
    for (;;) {
        usleep(LOOK_USEC);
        Offsets now = { offsets->wall_usec, offsets->boot_usec };
        if (now.wall_usec != before.wall_usec || now.boot_usec != before.boot_usec)
            follow(now.wall_usec != before.wall_usec);
        before = now;
    }
    return ignored;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("DBCERTD_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    pthread_t thread;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *offsets, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED)
        return;
    offsets = map;
    /* Signals are the process's: a thread that blocks none would have it killed by one that it waits for. */
    sigset_t all, before;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0 || pthread_create(&thread, NULL, look, NULL) != 0 ||
        pthread_sigmask(SIG_SETMASK, &before, NULL) != 0)
        abort();
}
