#include "base/thread.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/instant.h"

/* GnuTLS, libcurl and SQLite use some ten KB; sanitizers multiply that. Only what is used becomes memory. */
#define STACK_BYTES ((size_t)2 * 1024 * 1024)

static bool abandoned;

bool thread_was_abandoned(void)
{
    return abandoned;
}

void thread_lock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_lock(mutex) != 0)
        abort();
}

void thread_unlock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_unlock(mutex) != 0)
        abort();
}

int thread_start(pthread_t *ret, void *(*run)(void *userdata), void *userdata)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    int r = pthread_attr_init(&attributes);
    if (r != 0)
        return -r;
    r = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (r == 0)
        r = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (r == 0) {
        r = pthread_create(ret, &attributes, run, userdata);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* as it was */
    }
    (void)pthread_attr_destroy(&attributes);
    return -r;
}

bool thread_join(pthread_t thread)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
    uint64_t until_usec =
        (uint64_t)until.tv_sec * USEC_PER_SEC + (uint64_t)until.tv_nsec / 1000 + THREAD_PATIENCE_USEC;
    until.tv_sec = (time_t)(until_usec / USEC_PER_SEC);
    until.tv_nsec = (long)(until_usec % USEC_PER_SEC * 1000);
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
        return true;
    (void)pthread_detach(thread);
    abandoned = true;
    return false;
}
