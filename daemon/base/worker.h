#pragma once

/*
 * A thread beside the event loop, for work that would hold up the loop. It runs one job after the other, in the
 * order in which they were submitted; the loop gets each result back. A job sees its own data and nothing else
 * that another thread may change.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

typedef struct Worker Worker;
typedef struct Job Job;

typedef struct JobType {
    void (*run)(void *data);  /* on the thread */
    void (*done)(void *data); /* on the loop, afterwards, unless the job was cancelled */
    void (*free)(void *data); /* on the loop, last of all */
} JobType;

/* Starts the thread, with all signals blocked. Results are delivered by the event loop, one for each turn. */
int worker_new(Worker **ret, sd_event *event);

/*
 * Cancels what waits. A job that is running gets THREAD_PATIENCE_USEC to return; then the thread is abandoned
 * (base/thread.h), and keeps the job's data. Not from within done() or free().
 */
void worker_free(Worker *worker);
CLEANUP_OF(Worker, worker_free);

/* Takes data. The job is borrowed until done() is called, or it is cancelled. */
Job *worker_submit(Worker *worker, const JobType *type, void *data);

/* done() will not be called. NULL is no job. */
void worker_cancel(Worker *worker, Job *job);

/* Delivers results until no job is left: 0, or -ETIMEDOUT after so long. */
int worker_wait(Worker *worker, uint64_t patience_usec);
