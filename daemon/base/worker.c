#include "base/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/queue.h"
#include "base/thread.h"

struct Job {
    Link link;
    const JobType *type;
    void *data;
    bool cancelled;
};

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

static void job_free(Job *job)
{
    job->type->free(job->data);
    free(job);
}

/* The thread. */
static void *work(void *userdata)
{
    Worker *worker = userdata;
    thread_lock(&worker->lock);
    for (;;) {
        while (!worker->waiting.first && !worker->ending)
            if (pthread_cond_wait(&worker->wanted, &worker->lock) != 0)
                abort();
        if (worker->ending)
            break;
        Job *job = worker->running = queue_take(&worker->waiting);
        thread_unlock(&worker->lock);
        job->type->run(job->data);
        thread_lock(&worker->lock);
        worker->running = NULL;
        queue_put(&worker->finished, &job->link);
        if (eventfd_write(worker->fd, 1) < 0)
            abort(); /* as many results as it can count are not there */
    }
    thread_unlock(&worker->lock);
    return NULL;
}

/* One result. A job that is cancelled is freed here, too, once it has run. */
static void deliver(Worker *worker)
{
    eventfd_t one;
    if (eventfd_read(worker->fd, &one) < 0)
        return; /* there is none */
    thread_lock(&worker->lock);
    Job *job = queue_take(&worker->finished);
    thread_unlock(&worker->lock);
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

static void release(Worker *worker)
{
    sd_event_source_disable_unref(worker->source);
    closep(&worker->fd);
    (void)pthread_cond_destroy(&worker->wanted); /* the thread has ended */
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
        r = thread_start(&worker->thread, work, worker);
    if (r < 0) {
        release(worker);
        return r;
    }
    *ret = worker;
    return 0;
}

void worker_free(Worker *worker)
{
    if (!worker)
        return;
    thread_lock(&worker->lock);
    worker->ending = true;
    if (pthread_cond_signal(&worker->wanted) != 0)
        abort();
    thread_unlock(&worker->lock);
    if (!thread_join(worker->thread)) {
        sd_event_source_disable_unref(worker->source);
        return;
    }
    for (Job *job; (job = queue_take(&worker->waiting)) || (job = queue_take(&worker->finished));)
        job_free(job); /* which may submit another one */
    release(worker);
}

Job *worker_submit(Worker *worker, const JobType *type, void *data)
{
    Job *job = xcalloc(1, sizeof *job);
    *job = (Job) { .type = type, .data = data };
    thread_lock(&worker->lock);
    queue_put(&worker->waiting, &job->link);
    if (pthread_cond_signal(&worker->wanted) != 0)
        abort();
    thread_unlock(&worker->lock);
    return job;
}

void worker_cancel(Worker *worker, Job *job)
{
    if (!job)
        return;
    thread_lock(&worker->lock);
    job->cancelled = true; /* the thread does not look at it */
    bool waited = queue_remove(&worker->waiting, &job->link);
    thread_unlock(&worker->lock);
    if (waited)
        job_free(job);
}

static bool is_idle(Worker *worker)
{
    thread_lock(&worker->lock);
    bool idle = !worker->waiting.first && !worker->running && !worker->finished.first;
    thread_unlock(&worker->lock);
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
