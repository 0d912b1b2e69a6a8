#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/clock.h"
#include "scene.h"
#include "store/batch.h"
#include "store/store.h"

#define WAIT_USEC (10 * USEC_PER_SEC)

/* The disk: SQLite writes by this function, which is found here before it is in the C library. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool closed, full;

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    (void)pthread_mutex_lock(&lock);
    while (closed)
        (void)pthread_cond_wait(&opened, &lock);
    bool fails = full;
    (void)pthread_mutex_unlock(&lock);
    if (fails) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, size, at);
}

static void set_disk(bool is_closed, bool is_full)
{
    (void)pthread_mutex_lock(&lock);
    closed = is_closed;
    full = is_full;
    (void)pthread_cond_broadcast(&opened);
    (void)pthread_mutex_unlock(&lock);
}

/* A store with a thread, and the loop that it answers to. */
typedef struct Place {
    char directory[32], path[48];
    sd_event *event;
    Store *store;
    size_t visible[8]; /* so many transitions, each time the store had news */
    unsigned n_news;
    History history;
    bool was_read;
} Place;

static void on_kept(void *userdata)
{
    Place *p = userdata;
    if (p->n_news < ARRAY_SIZE(p->visible))
        p->visible[p->n_news++] = store_outbox(p->store, OUTBOX_JOURNAL)->n;
}

static void on_history(const char *name, History *history, int64_t id, void *userdata)
{
    Place *p = userdata;
    assert_string_equal(name, "orders");
    assert_int_equal(id, 7);
    assert_non_null(history);
    p->history = *history;
    *history = (History) { 0 };
    p->was_read = true;
}

static const StoreEvents events = { .kept = on_kept, .history = on_history };

static void open_store(Place *p, bool with_thread)
{
    _cleanup_free_ char *words = NULL;
    assert_int_equal(store_open(&p->store, p->path, scene_read, NULL, at(BEGIN_TEXT), &words), 0);
    assert_int_equal(store_start(p->store, with_thread ? p->event : NULL, &events, p), 0);
}

static Place *place_new(void)
{
    Place *p = xcalloc(1, sizeof *p);
    strcpy(p->directory, "/tmp/dbcertd-tasks-XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    snprintf(p->path, sizeof p->path, "%s/d.db", p->directory);
    assert_true(sd_event_new(&p->event) >= 0);
    open_store(p, true);
    return p;
}

static void place_free(Place *p)
{
    set_disk(false, false);
    store_free(p->store);
    sd_event_unref(p->event);
    history_deinit(&p->history);
    (void)unlink(p->path);
    assert_int_equal(rmdir(p->directory), 0);
    free(p);
}
CLEANUP_OF(Place, place_free);

/* As a restart finds it, without a thread. */
static void reopen(Place *p)
{
    store_free(TAKE(p->store));
    open_store(p, false);
}

/* A transition of a batch of its own. */
static Ticket say(Place *p, const char *message)
{
    TransitionList list = { 0 };
    transition_list_append(&list, (Transition) { .about = SUBJECT_BUNDLE,
                                                 .subject = xstrdup("s"),
                                                 .finding = { .message = xstrdup(message) } });
    store_begin(p->store);
    store_commit(p->store, &(Change) { .about = SUBJECT_BUNDLE, .subject = "s", .transitions = &list }, 1);
    transition_list_deinit(&list);
    return store_end(p->store);
}

static size_t n_visible(const Place *p)
{
    return store_outbox(p->store, OUTBOX_JOURNAL)->n;
}

static bool all_is_kept(const Place *p)
{
    return store_kept(p->store) == store_end(p->store);
}

static bool wants_tending(const Place *p)
{
    return store_wants_tending(p->store);
}

static bool has_error(const Place *p)
{
    return store_error(p->store) != NULL;
}

static bool has_no_error(const Place *p)
{
    return store_error(p->store) == NULL;
}

static bool was_read(const Place *p)
{
    return p->was_read;
}

static void run_until(Place *p, bool (*condition)(const Place *p))
{
    uint64_t until_usec = clock_boottime_usec() + WAIT_USEC;
    while (!condition(p) && clock_boottime_usec() < until_usec)
        assert_true(sd_event_run(p->event, 10 * USEC_PER_MSEC) >= 0);
    assert_true(condition(p));
}

static void run_for(Place *p, uint64_t usec)
{
    for (uint64_t until_usec = clock_boottime_usec() + usec; clock_boottime_usec() < until_usec;)
        assert_true(sd_event_run(p->event, 10 * USEC_PER_MSEC) >= 0);
}

TEST(transitions_become_visible_in_order_once_they_are_kept)
{
    _cleanup_(place_freep) Place *p = place_new();
    set_disk(true, false);
    Ticket first = say(p, "first"), second = say(p, "second");
    assert_true(second > first && store_kept(p->store) < first);
    run_for(p, 100 * USEC_PER_MSEC);
    assert_int_equal(n_visible(p), 0);
    assert_int_equal(p->n_news, 0);
    set_disk(false, false);
    run_until(p, all_is_kept);
    assert_int_equal(p->n_news, 2);
    assert_int_equal(p->visible[0], 1);
    assert_int_equal(p->visible[1], 2);
    assert_string_equal(store_outbox(p->store, OUTBOX_JOURNAL)->items[0].finding.message, "first");
    assert_int_equal(store_counters(p->store).n_commits, 2);
    reopen(p);
    assert_int_equal(n_visible(p), 2);
    assert_string_equal(store_outbox(p->store, OUTBOX_JOURNAL)->items[1].finding.message, "second");
}

TEST(an_open_batch_is_not_visible)
{
    _cleanup_(place_freep) Place *p = place_new();
    TransitionList list = { 0 };
    transition_list_append(&list,
                           (Transition) { .subject = xstrdup("s"), .finding = { .message = xstrdup("") } });
    store_begin(p->store);
    store_commit(p->store, &(Change) { .about = SUBJECT_BUNDLE, .subject = "s", .transitions = &list }, 1);
    transition_list_deinit(&list);
    run_for(p, 50 * USEC_PER_MSEC);
    assert_true(store_is_open(p->store));
    assert_int_equal(n_visible(p), 0);
    run_until(p, all_is_kept); /* which ends it */
    assert_int_equal(n_visible(p), 1);
}

TEST(a_disk_that_is_full_holds_back_nothing_and_gets_all_later)
{
    _cleanup_(place_freep) Place *p = place_new();
    set_disk(false, true);
    (void)say(p, "first");
    (void)say(p, "second");
    run_until(p, has_error);
    assert_non_null(strstr(store_error(p->store), "d.db: database or disk is full"));
    assert_int_equal(n_visible(p), 2);
    run_for(p, 50 * USEC_PER_MSEC); /* the second one is not even tried */
    assert_true(all_is_kept(p));
    (void)say(p, "third"); /* not even handed over */
    assert_int_equal(n_visible(p), 3);
    assert_false(store_wants_tending(p->store)); /* a minute is soon enough */
    set_disk(false, false);
    store_tend(p->store, NULL, 0, 2);
    run_until(p, has_no_error);
    assert_int_equal(store_counters(p->store).n_commits, 1);
    reopen(p);
    assert_int_equal(n_visible(p), 3);
}

TEST(what_waits_for_the_disk_is_bounded)
{
    _cleanup_(place_freep) Place *p = place_new();
    size_t size = STORE_QUEUE_BYTES_MAX / 8;
    _cleanup_free_ char *long_text = xcalloc(size, 1);
    memset(long_text, 'x', size - 1);
    set_disk(true, false);
    for (size_t i = 0; i < 8; i++) /* one is under way */
        (void)say(p, long_text);
    assert_int_equal(n_visible(p), 0);
    (void)say(p, long_text);
    assert_int_equal(n_visible(p), 9); /* the queue is given up: nothing is waited for any more */
    assert_true(all_is_kept(p));
    assert_false(store_wants_tending(p->store)); /* the first one is under way */
    set_disk(false, false);
    run_until(p, wants_tending);
    store_tend(p->store, NULL, 0, 2);
    (void)say(p, "last");
    run_until(p, all_is_kept);
    reopen(p);
    assert_int_equal(n_visible(p), 10);
}

TEST(a_history_has_what_was_written_before_it_was_asked_for)
{
    _cleanup_(place_freep) Place *p = place_new();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    for (size_t i = 0; i < state->addresses[0].seen->chain.n; i++)
        scene_seal(state->addresses[0].seen->chain.certificates[i]);
    set_disk(true, false);
    store_begin(p->store);
    store_commit(p->store, &(Change) { .about = SUBJECT_ENDPOINT, .subject = "orders", .state = state }, 1);
    store_history(p->store, "orders", 7);
    run_for(p, 50 * USEC_PER_MSEC);
    assert_false(p->was_read);
    set_disk(false, false);
    run_until(p, was_read);
    assert_int_equal(p->history.n, 1);
    assert_int_equal(p->history.items[0].chain.n, 3);
    assert_string_equal(p->history.items[0].chain.certificates[0]->sha256, BEGIN_TEXT "/" END_TEXT);
}

TEST(an_endpoint_that_comes_back_goes_on_without_the_disk)
{
    _cleanup_(place_freep) Place *p = place_new();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fail(state, "10.0.0.1", OUTCOME_TLS_REFUSED, "2026-03-01T00:00:00Z");
    for (size_t i = 0; i < state->addresses[0].seen->chain.n; i++)
        scene_seal(state->addresses[0].seen->chain.certificates[i]);
    set_disk(true, false);
    store_remember(p->store, state, at("2026-03-01T00:00:00Z"));
    _cleanup_(endpoint_state_freep) EndpointState *again = endpoint_state_new(state->endpoint);
    store_recall(p->store, again);
    assert_int_equal(again->n_addresses, 1);
    assert_int_equal(again->addresses[0].failures.n, 1);
    assert_ptr_equal(again->addresses[0].seen, state->addresses[0].seen);
    store_remember(p->store, again, at("2026-03-02T00:00:00Z"));
    state->endpoint->port++;
    _cleanup_(endpoint_state_freep) EndpointState *other = endpoint_state_new(state->endpoint);
    store_recall(p->store, other); /* another server */
    assert_int_equal(other->n_addresses, 0);
    store_remember(p->store, again, at("2026-03-02T00:00:00Z"));
    store_forget(p->store, at("2026-03-03T00:00:00Z"));
    state->endpoint->port--;
    _cleanup_(endpoint_state_freep) EndpointState *forgotten = endpoint_state_new(state->endpoint);
    store_recall(p->store, forgotten);
    assert_int_equal(forgotten->n_addresses, 0);
}

TEST(a_file_that_is_removed_is_made_anew_without_a_word)
{
    _cleanup_(place_freep) Place *p = place_new();
    (void)say(p, "first");
    run_until(p, all_is_kept);
    assert_int_equal(unlink(p->path), 0);
    store_tend(p->store, NULL, 0, 2);
    run_until(p, wants_tending);
    assert_null(store_error(p->store));
    store_tend(p->store, NULL, 0, 2);
    (void)say(p, "second");
    run_until(p, all_is_kept);
    assert_null(store_error(p->store));
    reopen(p);
    assert_int_equal(n_visible(p), 2);
}

static int count(sqlite3_stmt *row, void *userdata)
{
    *(int *)userdata = sqlite3_column_int(row, 0);
    return SQLITE_OK;
}

TEST(a_batch_that_fails_in_the_middle_leaves_nothing)
{
    static const char insert[] = "INSERT INTO silence VALUES (?, NULL, NULL, 1, 2, ?, 'x')",
                      select[] = "SELECT count(*) FROM silence";
    _cleanup_(batch_freep) Batch *batch = batch_new(), *good = batch_new();
    _cleanup_(database_closep) Database *db = NULL;
    _cleanup_free_ char *words = NULL;
    int n = -1;
    char reason[] = "copied";
    assert_int_equal(database_open(&db, NULL, &words), SQLITE_OK);
    batch_add(batch, insert, VALUES(INTEGER(1), TEXT(reason)));
    batch_add(batch, insert, VALUES(INTEGER(1), TEXT("the same id")));
    batch_add(batch, insert, VALUES(INTEGER(2), TEXT("never run")));
    assert_int_equal(batch_run(batch, db) & 0xff, SQLITE_CONSTRAINT);
    assert_int_equal(database_run(db, "ROLLBACK", NO_VALUES), SQLITE_OK);
    assert_int_equal(database_query(db, select, NO_VALUES, count, &n), SQLITE_OK);
    assert_int_equal(n, 0);
    batch_add(good, insert, VALUES(INTEGER(1), TEXT(reason)));
    memset(reason, '-', sizeof reason - 1);
    assert_int_equal(batch_run(good, db), SQLITE_OK);
    assert_int_equal(
        database_query(db, "SELECT count(*) FROM silence WHERE reason = 'copied'", NO_VALUES, count, &n),
        SQLITE_OK);
    assert_int_equal(n, 1);
}

RUN_TESTS(cmocka_unit_test(transitions_become_visible_in_order_once_they_are_kept),
          cmocka_unit_test(an_open_batch_is_not_visible),
          cmocka_unit_test(a_disk_that_is_full_holds_back_nothing_and_gets_all_later),
          cmocka_unit_test(what_waits_for_the_disk_is_bounded),
          cmocka_unit_test(a_history_has_what_was_written_before_it_was_asked_for),
          cmocka_unit_test(an_endpoint_that_comes_back_goes_on_without_the_disk),
          cmocka_unit_test(a_file_that_is_removed_is_made_anew_without_a_word),
          cmocka_unit_test(a_batch_that_fails_in_the_middle_leaves_nothing));
