/*
 * What is done to the file: task by task, in the order in which they were handed over, by a thread of its own;
 * without a thread, at once. The loop never waits for the disk, only for an answer: what waits for that may be
 * told after STORE_PATIENCE_USEC that there is none.
 */

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/timer.h"
#include "store/store-internal.h"

#define ACCURACY_USEC (10 * USEC_PER_MSEC)

static void task_free(void *data)
{
    Task *task = data;
    batch_free(task->batch);
    history_deinit(&task->history);
    free(task->name);
    free(task->error);
    free(task);
}

/* On the thread. */
static void task_run(void *data)
{
    Task *task = data;
    Disk *disk = task->disk;
    uint64_t began_usec = clock_boottime_usec();
    switch (task->kind) {
    case TASK_WRITE:
        task->error = disk_write(disk, task->batch);
        break;
    case TASK_RENEW:
        task->error = disk_renew(disk, task->batch);
        break;
    case TASK_LOOK:
        disk_look(disk);
        break;
    case TASK_HISTORY:
        task->error = disk_history(disk, task->name, &task->history);
        break;
    case TASK_ABANDON:
        disk_abandon(disk, clock_now());
        break;
    case TASK_CLOSE:
        database_close(TAKE(disk->db));
        break;
    }
    task->usec = clock_boottime_usec() - began_usec;
    task->lacks = disk->lacks;
    task->bytes = disk_bytes(disk);
}

static void permit(size_t *unkept, size_t n)
{
    *unkept -= n < *unkept ? n : *unkept;
}

/* The file cannot be waited for: what is to be said is said without it. */
static void permit_all(Store *store)
{
    memset(store->unkept, 0, sizeof store->unkept);
    memset(store->news, 0, sizeof store->news);
    for (Task *task = store->tasks; task; task = task->next)
        memset(task->news, 0, sizeof task->news);
    store->kept = store->handed;
}

/* Drops the open batch: the next write to the file has to have everything in it. */
static void lose(Store *store)
{
    store->lacks = true;
    batch_free(TAKE(store->batch));
    permit_all(store);
}

void tasks_note_error(Store *store, const char *words)
{
    char *error = xasprintf("%s: %s", store->disk->path ? store->disk->path : "memory", words);
    free(store->error);
    store->error = error;
    lose(store);
}

static Task *task_new(Store *store, TaskKind kind)
{
    Task *task = xcalloc(1, sizeof *task);
    task->kind = kind;
    task->disk = store->disk;
    task->store = store;
    task->ticket = store->handed;
    return task;
}

static void take_out(Store *store, const Task *task)
{
    for (Task **at = &store->tasks; *at; at = &(*at)->next)
        if (*at == task) {
            *at = task->next;
            if (!*at)
                store->tasks_end = at;
            return;
        }
}

/* Whether the disk answers, and when to ask that next. */
static void mind_patience(Store *store)
{
    const Task *oldest = store->tasks;
    uint64_t until_usec = oldest ? oldest->since_usec + STORE_PATIENCE_USEC : UINT64_MAX;
    store->stalled = clock_boottime_usec() >= until_usec;
    timer_arm_at(store->impatience, store->stalled ? UINT64_MAX : until_usec);
}

static void call_kept(Store *store)
{
    if (store->events)
        store->events->kept(store->userdata);
}

static void finish_write(Store *store, const Task *task)
{
    if (task->error || task->lacks) {
        lose(store);
        return;
    }
    if (task->kind == TASK_RENEW)
        free(TAKE(store->error));
    store->counters.n_commits++;
    if (task->usec > store->counters.longest_usec)
        store->counters.longest_usec = task->usec;
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        permit(&store->unkept[box], task->news[box]);
    if (task->ticket > store->kept)
        store->kept = task->ticket;
}

static void submit(Store *store, Task *task);

/* history: NULL: the disk does not answer. */
static void answer_history(const Store *store, const Task *task, History *history)
{
    if (store->events)
        store->events->history(task->name, history, task->id, store->userdata);
}

/* What is read besides the alerts is no reason to stop: without it, an endpoint starts anew. */
static void finish_history(Store *store, Task *task)
{
    if (seen_read_history(&store->reader, &task->history) != SQLITE_OK) {
        tasks_note_error(store, "it is damaged");
        submit(store, task_new(store, TASK_ABANDON));
    }
    answer_history(store, task, &task->history);
}

/* On the loop. */
static void task_done(void *data)
{
    Task *task = data;
    Store *store = task->store;
    take_out(store, task);
    store->counters.bytes = task->bytes;
    if (task->error)
        tasks_note_error(store, task->error);
    if (task->kind == TASK_WRITE || task->kind == TASK_RENEW)
        finish_write(store, task);
    else if (task->kind == TASK_HISTORY)
        finish_history(store, task);
    else if (task->lacks)
        lose(store);
    if (store->worker)
        mind_patience(store);
    call_kept(store);
}

static const JobType job_type = { .run = task_run, .done = task_done, .free = task_free };

static void submit(Store *store, Task *task)
{
    task->since_usec = clock_boottime_usec();
    *store->tasks_end = task;
    store->tasks_end = &task->next;
    if (store->worker) {
        task->job = worker_submit(store->worker, &job_type, task);
        mind_patience(store);
        return;
    }
    task_run(task);
    task_done(task);
    task_free(task);
}

static void cancel(Store *store, Task *task)
{
    take_out(store, task);
    if (task->kind == TASK_HISTORY)
        answer_history(store, task, NULL);
    worker_cancel(store->worker, task->job); /* frees it, at once or once it has run */
}

/* Behind the task that is under way, memory is not to fill up: then all is written anew, once the disk answers.
 */
static bool queue_is_full(const Store *store)
{
    size_t bytes = batch_bytes(store->batch);
    for (const Task *task = store->tasks; task; task = task->next)
        bytes += task->batch && task != store->tasks ? batch_bytes(task->batch) : 0;
    return store->tasks && bytes > STORE_QUEUE_BYTES_MAX;
}

void tasks_hand_over_batch(Store *store)
{
    store->handed++;
    if (queue_is_full(store)) {
        while (store->tasks->next) /* the first one may be under way */
            cancel(store, store->tasks->next);
        lose(store);
        return;
    }
    Task *task = task_new(store, TASK_WRITE);
    task->batch = TAKE(store->batch);
    memcpy(task->news, store->news, sizeof task->news);
    memset(store->news, 0, sizeof store->news);
    submit(store, task);
    if (store->stalled)
        permit_all(store);
}

void tasks_renew(Store *store, Batch *batch)
{
    store->handed++;
    Task *task = task_new(store, TASK_RENEW);
    task->batch = batch;
    store->lacks = false;
    submit(store, task);
}

void tasks_look(Store *store)
{
    submit(store, task_new(store, TASK_LOOK));
}

void tasks_history(Store *store, const char *name, int64_t id)
{
    Task *task = task_new(store, TASK_HISTORY);
    task->name = xstrdup(name);
    task->id = id;
    if (store->stalled) {
        answer_history(store, task, NULL);
        task_free(task);
    } else
        submit(store, task);
}

/* Answers all who wait. */
static int on_impatience(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Store *store = userdata;
    mind_patience(store);
    if (!store->stalled)
        return 0;
    for (Task *task = store->tasks, *next; task; task = next) {
        next = task->next;
        if (task->kind == TASK_HISTORY)
            cancel(store, task);
    }
    permit_all(store);
    call_kept(store);
    return 0;
}

int store_start(Store *store, sd_event *event, const StoreEvents *events, void *userdata)
{
    store->events = events;
    store->userdata = userdata;
    if (!event)
        return 0;
    int r = timer_new(&store->impatience, event, ACCURACY_USEC, on_impatience, store);
    if (r >= 0)
        r = worker_new(&store->worker, event);
    return r < 0 ? r : 0;
}

Ticket store_kept(const Store *store)
{
    return store->kept;
}

/* Whether all tasks are done. */
static bool settle(Store *store)
{
    uint64_t now_usec = clock_boottime_usec();
    store->events = NULL;
    if (!store->worker)
        return true;
    if (store->settled_by_usec == 0)
        store->settled_by_usec = now_usec + STORE_SETTLE_USEC;
    uint64_t left_usec = store->settled_by_usec > now_usec ? store->settled_by_usec - now_usec : 0;
    return worker_wait(store->worker, left_usec) >= 0;
}

void tasks_settle(Store *store)
{
    if (!settle(store))
        permit_all(store);
}

/* A thread that the disk has is left behind, and what it works on with it. */
void tasks_deinit(Store *store)
{
    submit(store, task_new(store, TASK_CLOSE));
    bool settled = settle(store);
    worker_free(TAKE(store->worker));
    sd_event_source_disable_unref(store->impatience);
    if (settled)
        disk_free(store->disk);
}
