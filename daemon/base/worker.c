#include "base/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"

/* GnuTLS and SQLite use some ten KB; sanitizers multiply that. Only what is used becomes memory. */
#define STACK_BYTES ((size_t)2 * 1024 * 1024)

struct Job {
    const JobType *type;
    void *data;
    bool cancelled;
    Job *next;
};

typedef struct Queue {
    Job *first, **end; /* where the next one goes */
} Queue;

struct Worker {
    pthread_t thread;
    int fd; /* an eventfd that counts the jobs in `finished` */
    sd_event_source *source;

    /* All below is shared, and looked at under the lock alone. */
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* something is waiting, or the worker is ending */
    Queue waiting, finished;
    Job *running;
    bool ending;
};

static bool abandoned;

bool worker_was_abandoned(void)
{
    return abandoned;
}

/* They fail for a mutex that is none, or whose owner asks again. */
static void lock(Worker *worker)
{
    if (pthread_mutex_lock(&worker->lock) != 0)
        abort();
}

static void unlock(Worker *worker)
{
    if (pthread_mutex_unlock(&worker->lock) != 0)
        abort();
}

static void queue_put(Queue *queue, Job *job)
{
    job->next = NULL;
    if (!queue->first)
        queue->end = &queue->first;
    *queue->end = job;
    queue->end = &job->next;
}

/* NULL if there is none. */
static Job *queue_take(Queue *queue)
{
    Job *job = queue->first;
    if (job)
        queue->first = job->next;
    return job;
}

static void job_free(Job *job)
{
    job->type->free(job->data);
    free(job);
}

/* The thread. */
static void *work(void *userdata)
{
    Worker *worker = userdata;
    lock(worker);
    for (;;) {
        while (!worker->waiting.first && !worker->ending)
            if (pthread_cond_wait(&worker->wanted, &worker->lock) != 0)
                abort();
        if (worker->ending)
            break;
        Job *job = worker->running = queue_take(&worker->waiting);
        unlock(worker);
        job->type->run(job->data);
        lock(worker);
        worker->running = NULL;
        queue_put(&worker->finished, job);
        if (eventfd_write(worker->fd, 1) < 0)
            abort(); /* as many results as it can count are not there */
    }
    unlock(worker);
    return NULL;
}

/* One result. A job that is cancelled is freed here, too, once it has run. */
static void deliver(Worker *worker)
{
    eventfd_t one;
    if (eventfd_read(worker->fd, &one) < 0)
        return; /* there is none */
    lock(worker);
    Job *job = queue_take(&worker->finished);
    unlock(worker);
    if (!job->cancelled)
        job->type->done(job->data);
    job_free(job);
}

static int on_finished(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                       void *userdata)
{
    deliver(userdata);
    return 0;
}

/* No signal is delivered to it: the loop reads them from a descriptor. */
static int start_thread(Worker *worker)
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
        r = pthread_create(&worker->thread, &attributes, work, worker);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* as it was */
    }
    (void)pthread_attr_destroy(&attributes);
    return -r;
}

static void release(Worker *worker)
{
    sd_event_source_disable_unref(worker->source);
    closep(&worker->fd);
    (void)pthread_cond_destroy(&worker->wanted); /* nobody waits for it */
    (void)pthread_mutex_destroy(&worker->lock);
    free(worker);
}

int worker_new(Worker **ret, sd_event *event)
{
    Worker *worker = xcalloc(1, sizeof *worker);
    if (pthread_mutex_init(&worker->lock, NULL) != 0 || pthread_cond_init(&worker->wanted, NULL) != 0)
        out_of_memory(); /* nothing else can be wrong */
    worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    int r = worker->fd < 0 ? -errno : 0;
    if (r >= 0)
        r = sd_event_add_io(event, &worker->source, worker->fd, EPOLLIN, on_finished, worker);
    if (r >= 0)
        r = start_thread(worker);
    if (r < 0) {
        release(worker);
        return r;
    }
    *ret = worker;
    return 0;
}

/* Whether it has ended in time. */
static bool join(Worker *worker)
{
    uint64_t until_usec;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
    until_usec = (uint64_t)until.tv_sec * USEC_PER_SEC + (uint64_t)until.tv_nsec / 1000 + WORKER_PATIENCE_USEC;
    until.tv_sec = (time_t)(until_usec / USEC_PER_SEC);
    until.tv_nsec = (long)(until_usec % USEC_PER_SEC * 1000);
    return pthread_clockjoin_np(worker->thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

void worker_free(Worker *worker)
{
    if (!worker)
        return;
    lock(worker);
    worker->ending = true;
    for (Job *job; (job = queue_take(&worker->waiting));)
        job_free(job);
    if (pthread_cond_signal(&worker->wanted) != 0)
        abort();
    unlock(worker);
    if (!join(worker)) {
        sd_event_source_disable_unref(worker->source);
        (void)pthread_detach(worker->thread);
        abandoned = true;
        return;
    }
    for (Job *job; (job = queue_take(&worker->finished));)
        job_free(job);
    release(worker);
}

Job *worker_submit(Worker *worker, const JobType *type, void *data)
{
    Job *job = xcalloc(1, sizeof *job);
    *job = (Job) { .type = type, .data = data };
    lock(worker);
    queue_put(&worker->waiting, job);
    if (pthread_cond_signal(&worker->wanted) != 0)
        abort();
    unlock(worker);
    return job;
}

/* Takes it out, if it is in there. */
static bool queue_remove(Queue *queue, const Job *job)
{
    for (Job **at = &queue->first; *at; at = &(*at)->next)
        if (*at == job) {
            *at = job->next;
            if (!*at)
                queue->end = at;
            return true;
        }
    return false;
}

void worker_cancel(Worker *worker, Job *job)
{
    if (!job)
        return;
    lock(worker);
    job->cancelled = true; /* the thread does not look at it */
    bool waited = queue_remove(&worker->waiting, job);
    unlock(worker);
    if (waited)
        job_free(job);
}

static bool is_idle(Worker *worker)
{
    lock(worker);
    bool idle = !worker->waiting.first && !worker->running && !worker->finished.first;
    unlock(worker);
    return idle;
}

int worker_wait(Worker *worker, uint64_t patience_usec)
{
    uint64_t until_usec = clock_boottime_usec() + patience_usec;
    while (!is_idle(worker)) {
        struct pollfd ready = { .fd = worker->fd, .events = POLLIN };
        uint64_t now_usec = clock_boottime_usec();
        if (now_usec >= until_usec)
            return -ETIMEDOUT;
        if (poll(&ready, 1, (int)((until_usec - now_usec) / USEC_PER_MSEC) + 1) > 0)
            deliver(worker);
    }
    return 0;
}
