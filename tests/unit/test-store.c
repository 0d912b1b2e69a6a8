#include "unit.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/file.h"
#include "base/instant.h"
#include "pki/facts.h"
#include "report/timeline.h"
#include "scene.h"
#include "store/store.h"

/* A directory for one test, and the store in it. */
typedef struct Place {
    char *directory, *path;
    Store *store;
} Place;

static unsigned n_kept; /* how often the store had news */

static void on_kept(void *userdata _unused_)
{
    n_kept++;
}

/* id: where it goes. */
static void on_history(const char *name _unused_, History *history, int64_t id, void *userdata _unused_)
{
    History *to = (History *)(intptr_t)id;
    *to = *history;
    *history = (History) { 0 };
}

static const StoreEvents events = { .kept = on_kept, .history = on_history };

static void read_history(Store *store, const char *name, History *ret)
{
    store_history(store, name, (intptr_t)ret);
}

static Store *open_at(const char *path, int64_t now)
{
    _cleanup_free_ char *words = NULL;
    Store *store = NULL;
    assert_int_equal(store_open(&store, path, scene_read, NULL, now, &words), 0);
    assert_int_equal(store_start(store, NULL, &events, NULL), 0);
    return store;
}

static Place place(void)
{
    const char *under = getenv("TMPDIR");
    char *directory = xasprintf("%s/dbcertd-store-XXXXXX", under ? under : "/tmp");
    assert_non_null(mkdtemp(directory));
    Place p = { .directory = directory, .path = xasprintf("%s/d.db", directory) };
    p.store = open_at(p.path, at(BEGIN_TEXT));
    return p;
}

static void place_deinit(Place *p)
{
    _cleanup_free_ char *pattern = xasprintf("%s/*", p->directory);
    glob_t found = { 0 };
    store_free(p->store);
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)unlink(found.gl_pathv[i]);
    globfree(&found);
    assert_int_equal(rmdir(p->directory), 0);
    free(p->directory);
    free(p->path);
}

static void reopen(Place *p)
{
    store_free(p->store);
    p->store = open_at(p->path, at(BEGIN_TEXT));
}

static TransitionList transitions(size_t n)
{
    TransitionList list = { 0 };
    for (size_t i = 0; i < n; i++)
        transition_list_append(&list, (Transition) {
                                          .kind = TRANSITION_ESCALATED,
                                          .at = (int64_t)i + 1,
                                          .about = SUBJECT_BUNDLE,
                                          .subject = xasprintf("s%zu", i),
                                          .engine = xstrdup("postgres"),
                                          .ca = xstrdup("rds-ca-rsa2048-g1"),
                                          .configured_ca = NULL,
                                          .fingerprint = xstrdup("f"),
                                          .not_after = INSTANT_NONE,
                                          .raises = 4,
                                          .finding = { .id = FINDING_CA_EXPIRED,
                                                       .severity = SEVERITY_CRITICAL,
                                                       .address = xstrdup("10.0.0.1"),
                                                       .since = 7,
                                                       .due = INSTANT_NONE,
                                                       .message = xstrdup("it's 'quoted'; \"twice\"\n\xff"),
                                                       .steps = steps_read("r"),
                                                       .cause = xstrdup("c") },
                                      });
    return list;
}

TEST(the_outbox_outlives_the_process_in_order_and_each_is_delivered_once)
{
    _cleanup_(place_deinit) Place p = place();
    TransitionList list = transitions(3);
    char ids[3][TRANSITION_ID_MAX];
    store_commit(p.store, &(Change) { .about = SUBJECT_BUNDLE, .subject = "s", .transitions = &list }, 1);
    assert_int_equal(list.n, 0);
    transition_list_deinit(&list);
    for (size_t i = 0; i < 3; i++)
        memcpy(ids[i], store_outbox(p.store, OUTBOX_JOURNAL)->items[i].id, TRANSITION_ID_MAX);
    assert_string_not_equal(ids[0], ids[1]);
    reopen(&p);
    const Transition *second = &store_outbox(p.store, OUTBOX_JOURNAL)->items[1];
    assert_int_equal(store_outbox(p.store, OUTBOX_JOURNAL)->n, 3);
    assert_int_equal(second->kind, TRANSITION_ESCALATED);
    assert_int_equal(second->about, SUBJECT_BUNDLE);
    assert_string_equal(second->subject, "s1");
    assert_string_equal(second->ca, "rds-ca-rsa2048-g1");
    assert_null(second->configured_ca);
    assert_int_equal(second->not_after, INSTANT_NONE);
    assert_int_equal(second->raises, 4);
    assert_int_equal(second->finding.id, FINDING_CA_EXPIRED);
    assert_int_equal(second->finding.since, 7);
    assert_int_equal(second->finding.due, INSTANT_NONE);
    assert_string_equal(second->finding.message, "it's 'quoted'; \"twice\"\n\xff");
    assert_string_equal(second->finding.cause, "c");
    assert_string_equal(second->finding.address, "10.0.0.1");
    store_delivered(p.store, OUTBOX_JOURNAL, &second, 1);
    reopen(&p);
    assert_int_equal(store_outbox(p.store, OUTBOX_JOURNAL)->n, 2);
    assert_string_equal(store_outbox(p.store, OUTBOX_JOURNAL)->items[0].id, ids[0]);
    assert_string_equal(store_outbox(p.store, OUTBOX_JOURNAL)->items[1].id, ids[2]);
}

TEST(the_alertmanager_has_an_outbox_of_its_own_as_long_as_there_is_one)
{
    _cleanup_(place_deinit) Place p = place();
    TransitionList list = transitions(2);
    store_commit(p.store, &(Change) { .about = SUBJECT_BUNDLE, .subject = "s", .transitions = &list }, 1);
    transition_list_deinit(&list);
    assert_int_equal(store_outbox(p.store, OUTBOX_ALERTMANAGER)->n, 0);
    store_feed_alertmanager(p.store, true);
    list = transitions(3);
    store_commit(p.store, &(Change) { .about = SUBJECT_BUNDLE, .subject = "s", .transitions = &list }, 2);
    transition_list_deinit(&list);
    assert_int_equal(store_outbox(p.store, OUTBOX_JOURNAL)->n, 5);
    assert_int_equal(store_outbox(p.store, OUTBOX_ALERTMANAGER)->n, 3);
    assert_string_equal(store_outbox(p.store, OUTBOX_ALERTMANAGER)->items[0].id,
                        store_outbox(p.store, OUTBOX_JOURNAL)->items[2].id);
    reopen(&p);
    store_feed_alertmanager(p.store, true);
    const Transition *second = &store_outbox(p.store, OUTBOX_ALERTMANAGER)->items[1];
    assert_string_equal(second->finding.message, "it's 'quoted'; \"twice\"\n\xff");
    store_delivered(p.store, OUTBOX_ALERTMANAGER, &second, 1);
    reopen(&p);
    assert_int_equal(store_outbox(p.store, OUTBOX_JOURNAL)->n, 5);
    assert_int_equal(store_outbox(p.store, OUTBOX_ALERTMANAGER)->n, 2);
    store_feed_alertmanager(p.store, false);
    reopen(&p);
    assert_int_equal(store_outbox(p.store, OUTBOX_JOURNAL)->n, 5);
    assert_int_equal(store_outbox(p.store, OUTBOX_ALERTMANAGER)->n, 0);
}

TEST(many_steps_may_be_kept_together)
{
    _cleanup_(place_deinit) Place p = place();
    store_begin(p.store);
    assert_false(store_is_open(p.store)); /* as long as nothing is committed, there is nothing to end */
    for (size_t i = 1; i <= 3; i++) {
        TransitionList list = transitions(i);
        store_commit(p.store, &(Change) { .about = SUBJECT_BUNDLE, .subject = "s", .transitions = &list }, 1);
        transition_list_deinit(&list);
    }
    assert_int_equal(store_counters(p.store).n_commits, 0);
    assert_true(store_is_open(p.store));
    store_begin(p.store); /* once more, and still one end */
    store_end(p.store);
    assert_int_equal(store_counters(p.store).n_commits, 1);
    assert_false(store_is_open(p.store));
    store_begin(p.store);
    store_end(p.store);
    assert_int_equal(store_counters(p.store).n_commits, 1);
    assert_null(store_error(p.store));
    reopen(&p);
    assert_int_equal(store_outbox(p.store, OUTBOX_JOURNAL)->n, 6);
}

static void tend(Store *store)
{
    store_tend(store, NULL, 0, 1);
}

static void forget(Store *store)
{
    store_forget(store, 0);
}

static void flush(Store *store)
{
    store_flush(store, NULL, 0, 1);
}

/* What looks after the whole file ends what is open; what was not ended is not lost by a close. */
TEST(nothing_that_is_open_is_lost)
{
    _cleanup_(place_deinit) Place p = place();
    void (*const ends[])(Store *) = { tend, forget, flush };
    for (size_t i = 0; i <= ARRAY_SIZE(ends); i++) {
        TransitionList list = transitions(1);
        store_begin(p.store);
        store_commit(p.store, &(Change) { .about = SUBJECT_BUNDLE, .subject = "s", .transitions = &list }, 1);
        transition_list_deinit(&list);
        if (i < ARRAY_SIZE(ends)) {
            ends[i](p.store);
            assert_false(store_is_open(p.store));
        }
    }
    reopen(&p);
    assert_int_equal(store_outbox(p.store, OUTBOX_JOURNAL)->n, 4);
    assert_null(store_error(p.store));
}

TEST(what_stands_outlives_the_process_by_subject)
{
    _cleanup_(place_deinit) Place p = place();
    Finding finding = { .id = FINDING_ROTATION_OVERDUE,
                        .severity = SEVERITY_WARNING,
                        .message = xstrdup("m"),
                        .steps = steps_read("r"),
                        .since = 5,
                        .due = INSTANT_NONE };
    alert_list_append(store_alerts(p.store, SUBJECT_ENDPOINT, "a"), (Alert) { .finding = finding,
                                                                              .state = ALERT_FIRING,
                                                                              .said = SEVERITY_NOTICE,
                                                                              .worst = SEVERITY_CRITICAL,
                                                                              .sent_at = 9,
                                                                              .calmer_since = INSTANT_NONE,
                                                                              .raises = 2,
                                                                              .raises_since = 8 });
    assert_int_equal(store_alerts(p.store, SUBJECT_TRUST_STORE, "a")->n, 0);
    store_commit(p.store, &(Change) { .about = SUBJECT_TRUST_STORE, .subject = "a" }, 1);
    store_commit(p.store, &(Change) { .about = SUBJECT_ENDPOINT, .subject = "a" }, 1);
    reopen(&p);
    const AlertList *alerts = store_alerts(p.store, SUBJECT_ENDPOINT, "a");
    assert_int_equal(alerts->n, 1);
    assert_false(alerts->changed);
    const Alert *a = &alerts->items[0];
    assert_int_equal(a->finding.id, FINDING_ROTATION_OVERDUE);
    assert_int_equal(a->state, ALERT_FIRING);
    assert_int_equal(a->said, SEVERITY_NOTICE);
    assert_int_equal(a->worst, SEVERITY_CRITICAL);
    assert_int_equal(a->sent_at, 9);
    assert_int_equal(a->calmer_since, INSTANT_NONE);
    assert_int_equal(a->raises, 2);
    assert_int_equal(a->raises_since, 8);
    assert_int_equal(store_alerts(p.store, SUBJECT_TRUST_STORE, "a")->n, 0);
}

static void seal(EndpointState *state)
{
    for (size_t i = 0; i < state->n_addresses; i++)
        for (size_t j = 0; state->addresses[i].seen && j < state->addresses[i].seen->chain.n; j++)
            scene_seal(state->addresses[i].seen->chain.certificates[j]);
}

static void keep(Place *p, EndpointState *state, int64_t now)
{
    seal(state);
    store_commit(p->store,
                 &(Change) { .about = SUBJECT_ENDPOINT, .subject = state->endpoint->name, .state = state },
                 now);
}

static EndpointState *recall(Place *p, const EndpointState *of)
{
    EndpointState *state = endpoint_state_new(of->endpoint);
    store_recall(p->store, state);
    return state;
}

TEST(all_that_was_seen_of_an_endpoint_comes_back)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fetch(state, "2001:db8::1", "2026-02-01T00:00:00Z", "2027-02-01T00:00:00Z");
    scene_fail(state, "10.0.0.1", OUTCOME_TLS_REFUSED, "2026-03-01T00:00:00Z");
    scene_fail(state, "10.0.0.1", OUTCOME_PROBER_BLOCKED, "2026-03-02T00:00:00Z");
    AddressState *a = endpoint_state_find(state, "10.0.0.1");
    a->counted = 17;
    a->plaintext = PLAINTEXT_ACCEPTED;
    a->plaintext_at = at("2026-03-03T00:00:00Z");
    a->seen->tls_version = xstrdup("TLS1.3");
    a->seen->tls_age = TLS_AGE_OLD_SUITE;
    assert_true(address_state_replaces(a, "before", at("2026-03-03T00:00:00Z")));
    endpoint_state_note_unresolved(state, "no such host", at("2026-03-04T00:00:00Z"));
    keep(&p, state, at("2026-03-04T00:00:00Z"));
    reopen(&p);

    _cleanup_(endpoint_state_freep) EndpointState *again = recall(&p, state);
    assert_int_equal(again->n_addresses, 2);
    assert_string_equal(again->addresses[1].address.text, "2001:db8::1");
    AddressState *b = endpoint_state_find(again, "10.0.0.1");
    assert_int_equal(b->latest->outcome, OUTCOME_PROBER_BLOCKED);
    assert_string_equal(b->latest->detail, "connection refused");
    assert_int_equal(b->latest->observed_at, at("2026-03-02T00:00:00Z"));
    assert_int_equal(b->failures.n, 2);
    assert_int_equal(b->failures.first_at, at("2026-03-01T00:00:00Z"));
    assert_int_equal(b->seen->observed_at, at(BEGIN_TEXT));
    assert_int_equal(b->seen->chain.n, 3);
    assert_int_equal(b->seen->chain.certificates[0]->role, ROLE_SERVER);
    assert_string_equal(b->seen->chain.certificates[0]->sha256, BEGIN_TEXT "/" END_TEXT);
    assert_string_equal(b->seen->tls_version, "TLS1.3");
    assert_int_equal(b->seen->tls_age, TLS_AGE_OLD_SUITE);
    assert_int_equal(b->counted, 17);
    assert_int_equal(b->plaintext, PLAINTEXT_ACCEPTED);
    assert_int_equal(b->plaintext_at, at("2026-03-03T00:00:00Z"));
    assert_false(address_state_replaces(b, "before", at("2026-03-03T01:00:00Z"))); /* said already */
    assert_int_equal(again->unresolved.n, 1);
    assert_string_equal(again->unresolved_detail, "no such host");
    AddressState *c = endpoint_state_find(again, "2001:db8::1");
    assert_ptr_equal(c->latest, c->seen);
    assert_int_equal(c->plaintext_at, INSTANT_NONE);
}

TEST(another_server_under_the_same_name_starts_anew)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    keep(&p, state, at(BEGIN_TEXT));
    reopen(&p);
    state->endpoint->port = 5433;
    _cleanup_(endpoint_state_freep) EndpointState *again = recall(&p, state);
    assert_int_equal(again->n_addresses, 0);
}

/* What a restart finds after a heartbeat: the times of the latest probe, of the same certificate. */
TEST(the_heartbeat_keeps_the_times_of_many_in_one_transaction)
{
    _cleanup_(place_deinit) Place p = place();
    EndpointState *states[STORE_HEARTBEATS_MAX + 1];
    int64_t later = at(BEGIN_TEXT) + 2 * STORE_HEARTBEAT;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        states[i] = scene_new();
        free(states[i]->endpoint->name);
        states[i]->endpoint->name = xasprintf("orders-%03zu", i);
        scene_fetch(states[i], "10.0.0.1", BEGIN_TEXT, END_TEXT);
        keep(&p, states[i], at(BEGIN_TEXT));
        states[i]->addresses[0].seen->observed_at = later - 5;
        states[i]->addresses[0].plaintext_at = later - 4;
    }
    uint64_t n = store_counters(p.store).n_commits;
    for (uint64_t i = 1; i <= 3; i++) {
        store_heartbeat(p.store, states, ARRAY_SIZE(states), later);
        assert_int_equal(store_counters(p.store).n_commits,
                         n + (i < 2 ? i : 2)); /* the third time nobody is left */
    }
    reopen(&p);
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        _cleanup_(endpoint_state_freep) EndpointState *again = recall(&p, states[i]);
        _cleanup_(history_deinit) History history = { 0 };
        assert_int_equal(again->addresses[0].seen->observed_at, later - 5);
        assert_int_equal(again->addresses[0].latest->observed_at, later - 5);
        assert_int_equal(again->addresses[0].plaintext_at, later - 4);
        read_history(p.store, states[i]->endpoint->name, &history);
        assert_int_equal(history.n, 1);
        assert_int_equal(history.items[0].first_seen, at(BEGIN_TEXT));
        assert_int_equal(history.items[0].last_seen, later - 5);
        endpoint_state_free(states[i]);
    }
}

TEST(nothing_is_written_while_nothing_changes_but_for_the_heartbeat)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    keep(&p, state, at(BEGIN_TEXT));
    uint64_t n = store_counters(p.store).n_commits;
    assert_int_equal(n, 1);
    for (int64_t t = 1; t < STORE_HEARTBEAT; t += HOUR) {
        state->addresses[0].latest->observed_at = at(BEGIN_TEXT) + t;
        state->addresses[0].plaintext_at = at(BEGIN_TEXT) + t; /* as SQL Server's, with every probe */
        keep(&p, state, at(BEGIN_TEXT) + t);
        assert_int_equal(store_counters(p.store).n_commits, n);
    }
    store_heartbeat(p.store, &state, 1, at(BEGIN_TEXT) + STORE_HEARTBEAT - 1);
    assert_int_equal(store_counters(p.store).n_commits, n);
    store_heartbeat(p.store, &state, 1, at(BEGIN_TEXT) + STORE_HEARTBEAT);
    store_heartbeat(p.store, &state, 1, at(BEGIN_TEXT) + STORE_HEARTBEAT + 60); /* it is fresh again */
    assert_int_equal(store_counters(p.store).n_commits, n + 1);
    store_heartbeat(p.store, &state, 1, at(BEGIN_TEXT)); /* the clock was set back */
    assert_int_equal(store_counters(p.store).n_commits, n + 2);
    n++;
    scene_fail(state, "10.0.0.1", OUTCOME_UNREACHABLE, "2026-01-01T07:00:00Z");
    keep(&p, state, at("2026-01-01T07:00:00Z"));
    assert_int_equal(store_counters(p.store).n_commits, n + 2);
    reopen(&p);
    _cleanup_(endpoint_state_freep) EndpointState *again = recall(&p, state);
    keep(&p, again, at("2026-01-01T08:00:00Z")); /* as it was left */
    assert_int_equal(store_counters(p.store).n_commits, 0);
}

/* Another certificate at the address, seen at that instant. */
static void replace(Place *p, EndpointState *state, const char *begin, const char *end, const char *last_seen)
{
    _cleanup_(observation_unrefp) Observation *before = observation_ref(state->addresses[0].seen);
    before->observed_at = at(last_seen);
    scene_fetch(state, "10.0.0.1", begin, end);
    seal(state);
    store_commit(
        p->store,
        &(Change) { .about = SUBJECT_ENDPOINT, .subject = "orders", .state = state, .replaced = before },
        at(begin));
}

/* A new certificate of some 1,200 bytes at each of the addresses, at that hour. */
static void storm(Place *p, EndpointState *state, unsigned n_addresses, unsigned hour)
{
    for (unsigned i = 0; i < n_addresses; i++) {
        char address[16], begin[INSTANT_TEXT_MAX], end[INSTANT_TEXT_MAX];
        int64_t now = at(BEGIN_TEXT) + hour * HOUR + i;
        snprintf(address, sizeof address, "10.0.0.%u", i + 1);
        AddressState *known = endpoint_state_find(state, address);
        _cleanup_(observation_unrefp) Observation *before = known ? observation_ref(known->seen) : NULL;
        scene_fetch(state, address, instant_text(now, begin), instant_text(now + 365 * DAY, end));
        Certificate *c = endpoint_state_find(state, address)->seen->chain.certificates[0];
        text_set(&c->subject, xasprintf("CN=%01000d", 7));
        seal(state);
        store_commit(
            p->store,
            &(Change) { .about = SUBJECT_ENDPOINT, .subject = "orders", .state = state, .replaced = before },
            now);
    }
}

static int64_t bytes_of(const Place *p)
{
    store_tend(p->store, NULL, 0, at(BEGIN_TEXT));
    return store_counters(p->store).bytes;
}

TEST(history_keeps_the_first_and_the_latest_of_a_storm_and_counts_the_others)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    History history = { 0 };
    storm(&p, state, 1, 0);
    for (unsigned hour = 1; hour < 300; hour++)
        storm(&p, state, 1, hour);
    reopen(&p);
    read_history(p.store, "orders", &history);
    assert_between(history.n, 64, 2 * 64 + 1 + 16);
    assert_int_equal(history.n + history.n_left_out, 300);
    assert_int_equal(history.items[0].first_seen, at(BEGIN_TEXT));
    assert_int_equal(history.items[history.n - 1].first_seen, at(BEGIN_TEXT) + 299 * HOUR);
    assert_true(history.left_out_from > history.items[0].first_seen);
    assert_true(history.left_out_to < history.items[history.n - 1].first_seen);
    history_deinit(&history);
    assert_null(store_error(p.store));
}

TEST(the_file_ends_to_grow_however_long_a_storm_lasts)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    for (unsigned hour = 0; hour < 60; hour++)
        storm(&p, state, 8, hour);
    int64_t bytes = bytes_of(&p);
    for (unsigned hour = 60; hour < 300; hour++)
        storm(&p, state, 8, hour);
    assert_between(bytes_of(&p), 1, bytes + 64 * 1024);
    assert_between(bytes_of(&p), 1, 512 * 1024);
    assert_null(store_error(p.store));
}

TEST(years_of_rotations_lose_nothing)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    for (unsigned half_year = 0; half_year < 60; half_year++) {
        for (size_t i = 0; i < state->n_addresses; i++)
            state->addresses[i].seen->observed_at = at(BEGIN_TEXT) + (half_year * 182 - 1) * DAY;
        storm(&p, state, 4, half_year * 182 * 24);
    }
    History history = { 0 };
    read_history(p.store, "orders", &history);
    assert_int_equal(history.n, 60 * 4);
    assert_int_equal(history.n_left_out, 0);
    history_deinit(&history);
}

TEST(a_certificate_that_is_not_kept_whole_is_counted_and_nothing_else)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    _cleanup_(observation_unrefp) Observation *before = observation_ref(state->addresses[0].seen);
    const Change change = {
        .about = SUBJECT_ENDPOINT, .subject = "orders", .state = state, .replaced = before
    };
    scene_fetch(state, "10.0.0.1", "2026-01-01T01:00:00Z", END_TEXT); /* none of them was sealed */
    store_commit(p.store, &change, at("2026-01-01T01:00:00Z"));
    assert_null(store_error(p.store));
    reopen(&p);
    History history = { 0 };
    read_history(p.store, "orders", &history);
    assert_int_equal(history.n, 0);
    assert_int_equal(history.n_left_out, 1);
    _cleanup_(endpoint_state_freep) EndpointState *again = recall(&p, state);
    assert_int_equal(again->n_addresses, 1);
    assert_non_null(again->addresses[0].latest);
    assert_null(again->addresses[0].seen);
    assert_non_null(again->addresses[0].shown);
}

TEST(history_knows_from_when_to_when_each_was_served_and_how_old_it_was)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    keep(&p, state, at(BEGIN_TEXT));
    replace(&p, state, "2026-07-05T05:30:00Z", "2027-07-05T05:30:00Z", "2026-07-05T05:00:00Z");
    replace(&p, state, BEGIN_TEXT, END_TEXT, "2026-07-06T00:00:00Z"); /* taken back, */
    state->addresses[0].seen->observed_at = at("2026-07-07T00:00:00Z");
    replace(&p, state, "2026-07-12T05:30:00Z", "2027-07-12T05:30:00Z", "2026-07-12T05:00:00Z");
    History history = { 0 };
    read_history(p.store, "orders", &history);
    timeline_complete(&history, state, NULL);
    assert_int_equal(history.n, 3);
    const HistoryLine *line = history.items;
    assert_string_equal(line[0].ca, "rds-ca-rsa2048-g1");
    assert_int_equal(line[0].first_seen, at(BEGIN_TEXT));
    assert_int_equal(line[0].last_seen, at("2026-07-12T05:00:00Z"));
    assert_int_equal(line[0].age, at("2026-07-05T05:30:00Z") - at(BEGIN_TEXT));
    assert_int_equal(line[1].first_seen, at("2026-07-05T05:30:00Z"));
    assert_int_equal(line[1].last_seen, at("2026-07-06T00:00:00Z"));
    assert_int_equal(line[1].age, 7 * DAY);
    assert_int_equal(line[2].age, INSTANT_NONE);
    assert_int_equal(line[0].current + 2 * line[1].current + 4 * line[2].current, 4);
    history_deinit(&history);
    read_history(p.store, "nobody", &history);
    assert_int_equal(history.n, 0);
}

TEST(what_is_long_past_is_forgotten_and_what_is_served_is_not)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    keep(&p, state, at(BEGIN_TEXT));
    replace(&p, state, "2026-07-05T05:30:00Z", "2027-07-05T05:30:00Z", "2026-07-05T05:00:00Z");
    History history = { 0 };
    store_forget(p.store, at("2026-07-05T04:00:00Z"));
    read_history(p.store, "orders", &history);
    assert_int_equal(history.n, 2);
    history_deinit(&history);
    store_forget(p.store, at("2026-07-05T05:30:00Z")); /* a minute ago it still was */
    read_history(p.store, "orders", &history);
    assert_int_equal(history.n, 1);
    assert_string_equal(history.items[0].chain.certificates[0]->sha256,
                        "2026-07-05T05:30:00Z/2027-07-05T05:30:00Z");
    assert_int_equal(history.items[0].chain.n, 3);
    history_deinit(&history);
    reopen(&p);
    _cleanup_(endpoint_state_freep) EndpointState *again = recall(&p, state);
    assert_int_equal(again->n_addresses, 1);
    assert_null(store_error(p.store));
}

TEST(silences_keep_their_ids_and_end)
{
    _cleanup_(place_deinit) Place p = place();
    FindingList findings = { 0 };
    const Silence wish = { .finding = FINDING_CA_MISMATCH, .begins_at = 10, .ends_at = 20 };
    for (int i = 0; i < 3; i++) {
        Silence silence = wish;
        silence.subject = i == 1 ? xstrdup("orders") : NULL;
        silence.reason = xstrdup("because");
        silence.author = xstrdup("uid 0");
        assert_int_equal(store_silence(p.store, silence), i + 1);
    }
    assert_true(store_unsilence(p.store, 3));
    assert_false(store_unsilence(p.store, 3));
    reopen(&p);
    const SilenceList *silences = store_silences(p.store);
    assert_int_equal(silences->n, 2);
    assert_string_equal(silences->items[1].subject, "orders");
    assert_int_equal(silences->items[1].finding, FINDING_CA_MISMATCH);
    finding_list_append(&findings, (Finding) { .id = FINDING_CA_MISMATCH });
    finding_list_append(&findings, (Finding) { .id = FINDING_UNREACHABLE });
    silence_list_apply(silences, "billing", &findings, 19);
    assert_int_equal(findings.items[0].silenced_until, 20);
    assert_int_equal(findings.items[1].silenced_until, INSTANT_NONE);
    silence_list_apply(silences, "billing", &findings, 20);
    assert_int_equal(findings.items[0].silenced_until, INSTANT_NONE);
    assert_true(store_unsilence(p.store, 1));
    silence_list_apply(store_silences(p.store), "billing", &findings, 19);
    assert_int_equal(findings.items[0].silenced_until, INSTANT_NONE);
    silence_list_apply(store_silences(p.store), "orders", &findings, 19);
    assert_int_equal(findings.items[0].silenced_until, 20);
    finding_list_deinit(&findings);
}

/* Every member of it is another value than the others'. */
static RdsEndpoint discovered(const char *source, const char *identifier, int64_t seed)
{
    RdsEndpoint e = { 0 };
    for (size_t i = 0; i < n_rds_fields; i++) {
        if (rds_fields[i].is_text)
            *rds_field_text(&e, &rds_fields[i]) = xasprintf("%s-%lld", rds_fields[i].name, (long long)seed);
        else
            *rds_field_number(&e, &rds_fields[i]) = seed + (int64_t)i;
    }
    text_set(&e.source, xstrdup(source));
    text_set(&e.identifier, xstrdup(identifier));
    text_set(&e.problem, NULL);
    e.kind = RDS_CLUSTER;
    e.missing_since = INSTANT_NONE;
    return e;
}

TEST(what_the_api_said_comes_back_by_its_source_and_what_it_does_not_say_any_more_goes)
{
    _cleanup_(place_deinit) Place p = place();
    RdsInventory east = { 0 }, west = { 0 }, got;
    rds_inventory_append(&east, discovered("east", "a", 100));
    rds_inventory_append(&east, discovered("east", "b", 200));
    rds_inventory_append(&west, discovered("west", "a", 300));
    store_keep_discovered(p.store, "west", &west);
    store_keep_discovered(p.store, "east", &east);
    reopen(&p);
    store_recall_discovered(p.store, "east", &got);
    assert_int_equal(got.n_endpoints, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(rds_endpoint_same(&got.endpoints[i], &east.endpoints[i]));
    rds_inventory_deinit(&got);

    const uint64_t commits = store_counters(p.store).n_commits;
    text_set(&east.endpoints[1].status, xstrdup("stopped"));
    rds_endpoint_deinit(&east.endpoints[0]);
    east.endpoints[0] = east.endpoints[1];
    east.n_endpoints = 1;
    store_keep_discovered(p.store, "east", &east);
    assert_true(store_counters(p.store).n_commits == commits + 1);
    assert_int_equal(unlink(p.path), 0); /* and it is part of what is written anew */
    store_tend(p.store, NULL, 0, at(BEGIN_TEXT));
    reopen(&p);
    store_recall_discovered(p.store, "east", &got);
    assert_int_equal(got.n_endpoints, 1);
    assert_string_equal(got.endpoints[0].status, "stopped");
    rds_inventory_deinit(&got);
    _cleanup_(strv_freep) char **sources = store_discovered_sources(p.store);
    assert_int_equal(strv_length(sources), 2);
    rds_inventory_deinit(&east);
    rds_inventory_deinit(&west);
}

TEST(a_file_that_is_removed_under_it_is_written_anew_with_all)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    TransitionList list = transitions(2);
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    keep(&p, state, at(BEGIN_TEXT));
    store_commit(p.store, &(Change) { .about = SUBJECT_BUNDLE, .subject = "s", .transitions = &list }, 1);
    transition_list_deinit(&list);
    assert_int_equal(unlink(p.path), 0);
    store_tend(p.store, &state, 1, at(BEGIN_TEXT));
    assert_null(store_error(p.store));
    reopen(&p);
    _cleanup_(endpoint_state_freep) EndpointState *again = recall(&p, state);
    assert_int_equal(again->n_addresses, 1);
    assert_int_equal(store_outbox(p.store, OUTBOX_JOURNAL)->n, 2);
}

/* As dbcertd 0.9 left it: its text of a remedy in the column that has steps now. */
static void write_as_0_9(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "DROP TRIGGER served_gone; DROP TRIGGER chain_gone; DROP TABLE left_out;"
                                  "DROP INDEX served_server; DROP INDEX chain_certificate;"
                                  "ALTER TABLE address DROP COLUMN shown;"
                                  "ALTER TABLE alert RENAME COLUMN steps TO remedy;"
                                  "ALTER TABLE outbox RENAME COLUMN steps TO remedy;"
                                  "ALTER TABLE posting RENAME COLUMN steps TO remedy;"
                                  "UPDATE outbox SET remedy = 'aws rds x; then here: dbcertctl probe a';"
                                  "PRAGMA user_version = 5;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

TEST(steps_outlive_the_process_and_the_text_of_an_older_one_is_shown)
{
    _cleanup_(place_deinit) Place p = place();
    TransitionList list = transitions(1);
    StepList *steps = &list.items[0].finding.steps;
    steps_deinit(steps);
    Step *step = steps_append(steps, STEP_CHANGE, PLACE_AWS);
    step_words(step, "aws rds x --name");
    step_value(step, "a b");
    step_effect(step, "restarts it");
    store_commit(p.store, &(Change) { .subject = "orders", .transitions = &list }, 1);
    transition_list_deinit(&list);
    store_free(TAKE(p.store));
    p.store = open_at(p.path, 2);
    const Finding *kept = &store_outbox(p.store, OUTBOX_JOURNAL)->items[0].finding;
    _cleanup_free_ char *script = steps_script(&kept->steps);
    assert_string_equal(script, "# Change (aws): restarts it\naws rds x --name 'a b'");
    store_free(TAKE(p.store));
    write_as_0_9(p.path);
    p.store = open_at(p.path, 3);
    kept = &store_outbox(p.store, OUTBOX_JOURNAL)->items[0].finding;
    _cleanup_free_ char *old = steps_script(&kept->steps);
    assert_string_equal(old, "# Look (here), by hand: aws rds x; then here: dbcertctl probe a");
}

TEST(a_place_that_cannot_be_written_is_said_and_taken_as_soon_as_it_can)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    _cleanup_free_ char *directory = xasprintf("%s/later", p.directory),
                        *path = xasprintf("%s/d.db", directory);
    _cleanup_(store_freep) Store *store = open_at(path, 1);
    TransitionList list = transitions(2);
    assert_non_null(strstr(store_error(store), "later/d.db: unable to open database file"));
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    seal(state);
    store_commit(store, &(Change) { .subject = "orders", .state = state, .transitions = &list }, 1);
    transition_list_deinit(&list);
    assert_int_equal(store_outbox(store, OUTBOX_JOURNAL)->n, 2);
    store_tend(store, &state, 1, 2);
    assert_non_null(store_error(store));
    assert_int_equal(mkdir(directory, 0700), 0);
    store_tend(store, &state, 1, 3);
    assert_null(store_error(store));
    assert_int_equal(store_counters(store).n_commits, 1);
    store_free(TAKE(store));
    store = open_at(path, 4);
    assert_int_equal(store_outbox(store, OUTBOX_JOURNAL)->n, 2);
    store_free(TAKE(store));
    _cleanup_free_ char *wal = xasprintf("%s-wal", path);
    (void)unlink(wal);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

TEST(one_process_alone_has_it_and_the_next_may)
{
    _cleanup_(place_deinit) Place p = place();
    _cleanup_free_ char *words = NULL;
    Store *second = NULL;
    assert_int_equal(store_open(&second, p.path, scene_read, NULL, 1, &words), -EBUSY);
    assert_non_null(strstr(words, "another process has it open"));
    reopen(&p);
}

RUN_TESTS(cmocka_unit_test(steps_outlive_the_process_and_the_text_of_an_older_one_is_shown),
          cmocka_unit_test(the_outbox_outlives_the_process_in_order_and_each_is_delivered_once),
          cmocka_unit_test(the_alertmanager_has_an_outbox_of_its_own_as_long_as_there_is_one),
          cmocka_unit_test(many_steps_may_be_kept_together), cmocka_unit_test(nothing_that_is_open_is_lost),
          cmocka_unit_test(the_heartbeat_keeps_the_times_of_many_in_one_transaction),
          cmocka_unit_test(what_stands_outlives_the_process_by_subject),
          cmocka_unit_test(all_that_was_seen_of_an_endpoint_comes_back),
          cmocka_unit_test(another_server_under_the_same_name_starts_anew),
          cmocka_unit_test(nothing_is_written_while_nothing_changes_but_for_the_heartbeat),
          cmocka_unit_test(history_knows_from_when_to_when_each_was_served_and_how_old_it_was),
          cmocka_unit_test(history_keeps_the_first_and_the_latest_of_a_storm_and_counts_the_others),
          cmocka_unit_test(the_file_ends_to_grow_however_long_a_storm_lasts),
          cmocka_unit_test(years_of_rotations_lose_nothing),
          cmocka_unit_test(a_certificate_that_is_not_kept_whole_is_counted_and_nothing_else),
          cmocka_unit_test(what_is_long_past_is_forgotten_and_what_is_served_is_not),
          cmocka_unit_test(silences_keep_their_ids_and_end),
          cmocka_unit_test(what_the_api_said_comes_back_by_its_source_and_what_it_does_not_say_any_more_goes),
          cmocka_unit_test(a_file_that_is_removed_under_it_is_written_anew_with_all),
          cmocka_unit_test(a_place_that_cannot_be_written_is_said_and_taken_as_soon_as_it_can),
          cmocka_unit_test(one_process_alone_has_it_and_the_next_may));
