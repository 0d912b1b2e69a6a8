#include "unit.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "base/worker.h"

#define PATIENCE_USEC (10 * USEC_PER_SEC)

/* What happened to jobs: "r1" run, "d1" done, "f1" freed. run() writes its own letters only. */
typedef struct Work {
    int number;
    char *log;   /* written on the loop */
    sem_t *gate; /* run() waits for it; NULL: for nothing */
    pid_t ran_in;
    bool signals_blocked;
} Work;

static void run(void *data)
{
    Work *work = data;
    sigset_t mask;
    if (work->gate)
        (void)sem_wait(work->gate);
    work->ran_in = gettid();
    work->signals_blocked = pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGTERM) == 1;
}

static void note(const Work *work, char what)
{
    size_t length = strlen(work->log);
    work->log[length] = what;
    work->log[length + 1] = (char)('0' + work->number);
}

static void done(void *data)
{
    Work *work = data;
    assert_int_not_equal(work->ran_in, 0);
    assert_int_not_equal(work->ran_in, gettid());
    assert_true(work->signals_blocked);
    note(work, 'd');
}

static void release(void *data)
{
    note(data, 'f');
    free(data);
}

static const JobType type = { run, done, release };

static Work *work_new(int number, char *log, sem_t *gate)
{
    Work *work = xcalloc(1, sizeof *work);
    *work = (Work) { .number = number, .log = log, .gate = gate };
    return work;
}

static Worker *make_worker(sd_event **event)
{
    Worker *worker;
    assert_int_equal(sd_event_new(event), 0);
    assert_int_equal(worker_new(&worker, *event), 0);
    return worker;
}

TEST(jobs_run_on_another_thread_in_order_and_each_result_is_one_turn_of_the_loop)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_(worker_freep) Worker *worker = make_worker(&event);
    char log[32] = "";
    for (int i = 1; i <= 3; i++)
        (void)worker_submit(worker, &type, work_new(i, log, NULL));
    for (int i = 1; i <= 3; i++) {
        assert_true(sd_event_run(event, PATIENCE_USEC) > 0);
        assert_int_equal(strlen(log), 4 * i);
    }
    assert_string_equal(log, "d1f1d2f2d3f3");
    assert_int_equal(sd_event_run(event, 0), 0);
}

TEST(a_job_that_is_cancelled_is_freed_and_its_result_is_not_delivered)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_(worker_freep) Worker *worker = make_worker(&event);
    char log[32] = "";
    sem_t gate;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    Job *running = worker_submit(worker, &type, work_new(1, log, &gate));
    Job *waiting = worker_submit(worker, &type, work_new(2, log, &gate));
    (void)worker_submit(worker, &type, work_new(3, log, NULL));
    Job *last = worker_submit(worker, &type, work_new(4, log, NULL));
    worker_cancel(worker, running);
    worker_cancel(worker, waiting);
    worker_cancel(worker, last);
    worker_cancel(worker, NULL);
    (void)sem_post(&gate);
    assert_int_equal(worker_wait(worker, PATIENCE_USEC), 0);
    assert_non_null(strstr(log, "f1"));
    assert_null(strstr(log, "d1"));
    assert_non_null(strstr(log, "f2"));
    assert_null(strstr(log, "d2"));
    assert_non_null(strstr(log, "d3f3"));
    assert_non_null(strstr(log, "f4"));
    assert_null(strstr(log, "d4"));
    (void)sem_destroy(&gate);
}

TEST(a_worker_that_is_freed_runs_nothing_that_waits)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    Worker *worker = make_worker(&event);
    char log[32] = "";
    sem_t gate;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    (void)worker_submit(worker, &type, work_new(1, log, &gate));
    (void)sem_post(&gate);
    assert_int_equal(worker_wait(worker, PATIENCE_USEC), 0);
    for (int i = 2; i <= 4; i++)
        (void)worker_submit(worker, &type, work_new(i, log, NULL));
    worker_free(worker);
    for (const char *text = "f1f2f3f4"; *text; text += 2)
        assert_non_null(memmem(log, strlen(log), text, 2));
    assert_false(thread_was_abandoned());
    (void)sem_destroy(&gate);
}

/* In a process of its own: what an abandoned thread holds is never freed. */
TEST(a_job_that_does_not_return_holds_up_the_end_for_a_moment_only)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sd_event *event;
        Worker *worker;
        char log[32] = "";
        sem_t gate;
        if (sem_init(&gate, 0, 0) < 0 || sd_event_new(&event) < 0 || worker_new(&worker, event) < 0)
            _exit(1);
        (void)worker_submit(worker, &type, work_new(1, log, &gate));
        uint64_t began_usec = clock_boottime_usec();
        int r = worker_wait(worker, THREAD_PATIENCE_USEC);
        worker_free(worker);
        uint64_t took_usec = clock_boottime_usec() - began_usec;
        _exit(r != -ETIMEDOUT || !thread_was_abandoned() || took_usec > 10 * THREAD_PATIENCE_USEC ? 2 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

RUN_TESTS(cmocka_unit_test(jobs_run_on_another_thread_in_order_and_each_result_is_one_turn_of_the_loop),
          cmocka_unit_test(a_job_that_is_cancelled_is_freed_and_its_result_is_not_delivered),
          cmocka_unit_test(a_worker_that_is_freed_runs_nothing_that_waits),
          cmocka_unit_test(a_job_that_does_not_return_holds_up_the_end_for_a_moment_only));
