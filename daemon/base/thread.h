#pragma once

/* A thread beside the event loop: how it starts, how it ends although it may be stuck, and the lock that it
 * shares. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts it with all signals blocked: the loop reads them from a descriptor. */
int thread_start(pthread_t *ret, void *(*run)(void *userdata), void *userdata);

/*
 * Waits THREAD_PATIENCE_USEC for its end. False: it is abandoned, and keeps what it uses. The process then has
 * to end by _exit() (see thread_was_abandoned()), since what exit() tears down may be in use.
 */
bool thread_join(pthread_t thread);
#define THREAD_PATIENCE_USEC UINT64_C(100000)

/* Whether a thread of this process was abandoned. */
bool thread_was_abandoned(void);

/* They cannot fail, but for a mutex that is none or whose owner asks again: then they abort. */
void thread_lock(pthread_mutex_t *mutex);
void thread_unlock(pthread_mutex_t *mutex);
