/*
 * Years of rotations in virtual time. Each story states the whole list of what is said, and when: nothing else
 * is said in between. The clock stands still until the verdict, or a reminder, says that something is due, as
 * in monitor/ and publish/. Each is told twice: the second time the daemon is killed at every step, between
 * what it keeps and what it says and again after that, and goes on as if it had not been.
 */

#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "alert/alert.h"
#include "base/buffer.h"
#include "rules/event.h"
#include "rules/rule-daemon.h"
#include "scene.h"
#include "store/store.h"

#define ADDRESS      "10.0.0.1"
#define NO_REMINDERS (100000 * (int64_t)DAY)

static const Policy policy = { .unreachable_after = 3 };

static bool killing; /* at every step */

typedef struct Story {
    EndpointState *state;
    char *path;
    Store *store;
    Buffer said;
    int64_t now;
    int64_t remind_seconds;
    const char *signer_ends; /* NULL: as the scene has it, in 2032 */
} Story;

static Store *open_store(const char *path, int64_t now)
{
    _cleanup_free_ char *words = NULL;
    Store *store = NULL;
    assert_int_equal(store_open(&store, path, scene_read, NULL, now, &words), 0);
    assert_null(store_error(store));
    return store;
}

static Story story(const char *begin)
{
    char path[] = "/tmp/dbcertd-story-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    Story s = { .state = scene_new(), .path = xstrdup(path), .now = at(begin), .remind_seconds = NO_REMINDERS };
    s.store = open_store(s.path, s.now);
    return s;
}

static void story_deinit(Story *s)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    endpoint_state_free(s->state);
    store_free(s->store);
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        _cleanup_free_ char *path = xasprintf("%s%s", s->path, suffixes[i]);
        (void)unlink(path);
    }
    free(s->path);
    buffer_deinit(&s->said);
}

static AlertList *standing(const Story *s)
{
    return store_alerts(s->store, SUBJECT_ENDPOINT, s->state->endpoint->name);
}

/* The journal. */
static void deliver(Story *s)
{
    const TransitionList *outbox = store_outbox(s->store, OUTBOX_JOURNAL);
    for (size_t i = 0; i < outbox->n; i++) {
        const Transition *t = &outbox->items[i], *delivered = t;
        const Finding *f = &t->finding;
        bool elsewhere = f->address && strcmp(f->address, ADDRESS) != 0;
        assert_int_equal(strlen(t->id), 32);
        buffer_printf(&s->said, "%s %s %s %s%s%s\n", INSTANT_TEXT(t->at), transition_to_string(t->kind),
                      finding_to_string(f->id), severity_to_string(f->severity), elsewhere ? " at " : "",
                      elsewhere ? f->address : "");
        store_delivered(s->store, OUTBOX_JOURNAL, &delivered, 1);
        i--;
    }
}

/* Nothing is written in parting. What was seen is there again, and not yet judged. */
static void kill_and_start(Story *s)
{
    if (!killing)
        return;
    Endpoint *endpoint = endpoint_ref(s->state->endpoint);
    endpoint_state_free(s->state);
    store_free(s->store);
    s->store = open_store(s->path, s->now);
    s->state = endpoint_state_new(endpoint);
    endpoint_unref(endpoint);
    store_recall(s->store, s->state);
    alert_recall_endpoint(standing(s), s->state);
    for (size_t i = 0; i < s->state->n_addresses; i++)
        if (s->state->addresses[i].seen)
            scene_verify(&s->state->addresses[i]);
}

static void keep(Story *s, TransitionList *transitions, const Observation *replaced)
{
    for (size_t i = 0; i < s->state->n_addresses; i++)
        for (size_t j = 0; s->state->addresses[i].seen && j < s->state->addresses[i].seen->chain.n; j++)
            scene_seal(s->state->addresses[i].seen->chain.certificates[j]);
    alert_of_endpoint(transitions, s->state);
    store_commit(s->store,
                 &(Change) { .about = SUBJECT_ENDPOINT,
                             .subject = s->state->endpoint->name,
                             .transitions = transitions,
                             .state = s->state,
                             .replaced = replaced },
                 s->now);
}

static void evaluate_into(Story *s, TransitionList *transitions)
{
    rule_evaluate_endpoint(s->state, &policy, s->now);
    alert_update(standing(s), &s->state->findings, s->remind_seconds, s->now, transitions);
}

/* The first look after a start finds what was there before. */
static void look_again(Story *s)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    if (!killing)
        return;
    evaluate_into(s, &transitions);
    assert_int_equal(transitions.n, 0);
}

static void conclude(Story *s, TransitionList *transitions, const Observation *replaced)
{
    evaluate_into(s, transitions);
    keep(s, transitions, replaced);
    kill_and_start(s);
    deliver(s);
    kill_and_start(s);
    look_again(s);
}

static void evaluate_now(Story *s)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    conclude(s, &transitions, NULL);
}

/* Lets time pass. */
static void until(Story *s, const char *instant)
{
    for (int64_t end = at(instant); s->now < end;) {
        int64_t next =
            instant_earlier(s->state->changes_at, alert_next(standing(s), s->remind_seconds, s->now));
        s->now = instant_earlier(next, end);
        if (s->state->evaluated_at != INSTANT_NONE)
            evaluate_now(s);
    }
}

static void note(Story *s, const char *address, const Served *before, const Observation *replaced)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    Finding event;
    AddressState *known = endpoint_state_find(s->state, address);
    if (event_of(s->state, known, before, &policy, s->now, &event)) {
        if (address_state_replaces(known, before->server->sha256, s->now))
            transition_list_append(
                &transitions,
                (Transition) { .kind = TRANSITION_RAISED, .at = s->now, .finding = finding_copy(&event) });
        finding_deinit(&event);
    }
    conclude(s, &transitions, replaced);
}

static Observation *seen_at(const Story *s, const char *address)
{
    AddressState *known = endpoint_state_find(s->state, address);
    return known && known->seen ? observation_ref(known->seen) : NULL;
}

/* At that instant a probe finds a certificate that was made then. Instances of a cluster have names of their
 * own, and certificates of their own age; instance: NULL if there is but one. */
static void instance_serves(Story *s, const char *address, const char *instance, const char *begin,
                            const char *end)
{
    _cleanup_(served_deinit) Served before = { 0 };
    _cleanup_(observation_unrefp) Observation *replaced = seen_at(s, address);
    served_note(&before, endpoint_state_find(s->state, address));
    scene_fetch(s->state, address, begin, end);
    const Chain *chain = &endpoint_state_find(s->state, address)->seen->chain;
    if (s->signer_ends)
        chain->certificates[1]->not_after = at(s->signer_ends);
    if (instance) {
        free(chain->certificates[0]->subject);
        chain->certificates[0]->subject = xasprintf("CN=%s", instance);
    }
    note(s, address, &before, replaced);
}

static void serves(Story *s, const char *address, const char *begin, const char *end)
{
    instance_serves(s, address, NULL, begin, end);
}

static void probe_fails(Story *s, const char *instant)
{
    until(s, instant);
    for (int i = 0; i < 3; i++)
        scene_fail(s->state, ADDRESS, OUTCOME_UNREACHABLE, instant);
    evaluate_now(s);
}

static void assert_said(const Story *s, const char *expected)
{
    assert_string_equal(s->said.data ? (const char *)s->said.data : "", expected);
}

TEST(a_healthy_endpoint_is_rotated_each_half_year_and_nothing_else_is_said)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    static const char *const rotations[][2] = {
        { "2026-07-05T05:30:00Z", "2027-07-05T05:30:00Z" }, { "2027-01-10T05:30:00Z", "2028-01-10T05:30:00Z" },
        { "2027-07-18T05:30:00Z", "2028-07-18T05:30:00Z" }, { "2028-01-23T05:30:00Z", "2029-01-23T05:30:00Z" },
        { "2028-07-30T05:30:00Z", "2029-07-30T05:30:00Z" }, { "2029-02-04T05:30:00Z", "2030-02-04T05:30:00Z" },
        { "2029-08-12T05:30:00Z", "2030-08-12T05:30:00Z" }, { "2030-02-17T05:30:00Z", "2031-02-17T05:30:00Z" },
        { "2030-08-25T05:30:00Z", "2031-08-25T05:30:00Z" }, { "2031-03-02T05:30:00Z", "2032-03-02T05:30:00Z" },
    };
    s.signer_ends = "2042-01-01T00:00:00Z";
    serves(&s, ADDRESS, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    for (size_t i = 0; i < ARRAY_SIZE(rotations); i++) {
        until(&s, rotations[i][0]);
        serves(&s, ADDRESS, rotations[i][0], rotations[i][1]);
    }
    until(&s, "2031-07-30T05:30:00Z");
    assert_said(&s, "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-05T05:30:00Z raised rotated notice\n"
                    "2026-07-05T05:30:00Z resolved rotation-due notice\n"
                    "2027-01-03T17:30:00Z raised rotation-due notice\n"
                    "2027-01-10T05:30:00Z raised rotated notice\n"
                    "2027-01-10T05:30:00Z resolved rotation-due notice\n"
                    "2027-07-11T17:30:00Z raised rotation-due notice\n"
                    "2027-07-18T05:30:00Z raised rotated notice\n"
                    "2027-07-18T05:30:00Z resolved rotation-due notice\n"
                    "2028-01-17T05:30:00Z raised rotation-due notice\n"
                    "2028-01-23T05:30:00Z raised rotated notice\n"
                    "2028-01-23T05:30:00Z resolved rotation-due notice\n"
                    "2028-07-24T05:30:00Z raised rotation-due notice\n"
                    "2028-07-30T05:30:00Z raised rotated notice\n"
                    "2028-07-30T05:30:00Z resolved rotation-due notice\n"
                    "2029-01-28T17:30:00Z raised rotation-due notice\n"
                    "2029-02-04T05:30:00Z raised rotated notice\n"
                    "2029-02-04T05:30:00Z resolved rotation-due notice\n"
                    "2029-08-05T17:30:00Z raised rotation-due notice\n"
                    "2029-08-12T05:30:00Z raised rotated notice\n"
                    "2029-08-12T05:30:00Z resolved rotation-due notice\n"
                    "2030-02-10T17:30:00Z raised rotation-due notice\n"
                    "2030-02-17T05:30:00Z raised rotated notice\n"
                    "2030-02-17T05:30:00Z resolved rotation-due notice\n"
                    "2030-08-18T17:30:00Z raised rotation-due notice\n"
                    "2030-08-25T05:30:00Z raised rotated notice\n"
                    "2030-08-25T05:30:00Z resolved rotation-due notice\n"
                    "2031-02-23T17:30:00Z raised rotation-due notice\n"
                    "2031-03-02T05:30:00Z raised rotated notice\n"
                    "2031-03-02T05:30:00Z resolved rotation-due notice\n");
}

/* As RDS does it: half an hour into the first window that begins after half-life; windows begin on the hour. */
static int64_t rotated_at(int64_t begin, int64_t end, int day, int hour)
{
    int64_t t = begin + (end - begin) / 2;
    t += (3600 - t % 3600) % 3600;
    while ((t / DAY + 4) % 7 != day || t / 3600 % 24 != hour)
        t += 3600;
    return t + 1800;
}

/* One member of a fleet, with its own window; what is to be said is written down beside it. */
static void live_five_years(int day, int hour, const char *begin_text)
{
    static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };
    _cleanup_(story_deinit) Story s = story(begin_text);
    _cleanup_(buffer_deinit) Buffer expected = { 0 };
    _cleanup_free_ char *window =
        xasprintf("%s:%02d:00-%s:%02d:00", days[day], hour, days[(day + (hour == 23)) % 7], (hour + 1) % 24);
    int64_t begin = s.now, end = begin + 365 * DAY, last = begin + 5 * 365 * DAY;
    unsigned n = 0;
    assert_int_equal(window_parse(window, &s.state->endpoint->maintenance_window), 0);
    s.signer_ends = "2042-01-01T00:00:00Z";
    serves(&s, ADDRESS, begin_text, INSTANT_TEXT(end));
    for (;; n++) {
        int64_t half = begin + (end - begin) / 2;
        begin = rotated_at(begin, end, day, hour);
        end = begin + 365 * DAY;
        if (begin > last)
            break;
        until(&s, INSTANT_TEXT(begin));
        serves(&s, ADDRESS, INSTANT_TEXT(begin), INSTANT_TEXT(end));
        buffer_printf(
            &expected,
            "%s raised rotation-due notice\n%s raised rotated notice\n%s resolved rotation-due notice\n",
            INSTANT_TEXT(half), INSTANT_TEXT(begin), INSTANT_TEXT(begin));
    }
    assert_between(n, 9, 10);
    assert_said(&s, (const char *)expected.data);
}

TEST(a_fleet_with_a_window_at_every_hour_of_the_week_says_its_rotations_and_nothing_else)
{
    for (int i = 0; i < 7 * 24; i += killing ? 13 : 1) {
        int64_t begin = at("2026-01-01T00:00:00Z") + i * (2 * DAY + 7 * HOUR + 11);
        live_five_years(i / 24, i % 24, INSTANT_TEXT(begin));
    }
}

TEST(a_rotation_that_has_stalled_is_said_half_a_year_ahead_and_until_it_comes)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    serves(&s, ADDRESS, BEGIN_TEXT, END_TEXT);
    until(&s, "2026-12-28T12:00:00Z");
    serves(&s, ADDRESS, "2026-12-28T12:00:00Z", "2027-12-28T12:00:00Z");
    until(&s, "2027-06-01T00:00:00Z");
    assert_said(&s, "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-13T06:00:00Z resolved rotation-due notice\n"
                    "2026-07-13T06:00:00Z raised rotation-overdue warning\n"
                    "2026-10-01T18:00:00Z escalated rotation-overdue critical\n"
                    "2026-12-02T00:00:00Z raised certificate-expiring warning\n"
                    "2026-12-25T00:00:00Z escalated certificate-expiring critical\n"
                    "2026-12-28T12:00:00Z raised rotated notice\n"
                    "2026-12-28T12:00:00Z resolved certificate-expiring critical\n"
                    "2026-12-28T12:00:00Z resolved rotation-overdue critical\n");
}

TEST(a_window_that_is_missed_once_is_made_up_for_and_nobody_is_woken)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    serves(&s, ADDRESS, BEGIN_TEXT, END_TEXT);
    until(&s, "2026-07-12T05:45:00Z");
    serves(&s, ADDRESS, "2026-07-12T05:45:00Z", "2027-07-12T05:45:00Z");
    until(&s, "2026-12-31T00:00:00Z");
    assert_said(&s, "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-12T05:45:00Z raised rotated notice\n"
                    "2026-07-12T05:45:00Z resolved rotation-due notice\n");
}

TEST(three_years_from_notice_through_restart)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    serves(&s, ADDRESS, "2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z");
    until(&s, "2028-11-15T02:00:00Z");
    serves(&s, ADDRESS, "2028-11-15T02:00:00Z", "2031-11-15T02:00:00Z");
    until(&s, "2028-12-31T00:00:00Z");
    assert_said(&s, "2028-07-01T00:00:00Z raised rotation-due warning\n"
                    "2028-10-03T00:00:00Z resolved rotation-due warning\n"
                    "2028-10-03T00:00:00Z raised rotation-overdue warning\n"
                    "2028-11-15T02:00:00Z raised rotated notice\n"
                    "2028-11-15T02:00:00Z resolved rotation-overdue warning\n"
                    /* One of 2031 will live to 2034, and the CA that signs now ends in 2032. */
                    "2028-11-15T02:00:00Z raised intermediate-expiring notice\n");
}

TEST(an_endpoint_that_cannot_be_reached_goes_on_ageing)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    serves(&s, ADDRESS, BEGIN_TEXT, END_TEXT);
    probe_fails(&s, "2026-06-01T00:00:00Z");
    until(&s, "2027-02-01T00:00:00Z");
    serves(&s, ADDRESS, "2027-01-10T05:30:00Z", "2028-01-10T05:30:00Z"); /* it had been rotated, twice */
    assert_said(&s, "2026-06-01T00:00:00Z raised unreachable unknown\n"
                    "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-13T06:00:00Z resolved rotation-due notice\n"
                    "2026-07-13T06:00:00Z raised rotation-overdue warning\n"
                    "2026-10-01T18:00:00Z escalated rotation-overdue critical\n"
                    "2026-12-02T00:00:00Z raised certificate-expiring warning\n"
                    "2026-12-25T00:00:00Z escalated certificate-expiring critical\n"
                    "2027-01-01T00:00:01Z resolved certificate-expiring critical\n"
                    "2027-01-01T00:00:01Z raised certificate-expired critical\n"
                    "2027-02-01T00:00:00Z raised rotated notice\n"
                    "2027-02-01T00:00:00Z resolved certificate-expired critical\n"
                    "2027-02-01T00:00:00Z resolved rotation-overdue critical\n"
                    "2027-02-01T00:00:00Z resolved unreachable unknown\n");
}

/* rds-ca-2019: no half-life, no notice; the CA and all below it end in one second. */
static void serves_2019(Story *s)
{
    scene_fetch(s->state, ADDRESS, "2022-03-01T00:00:00Z", "2024-08-22T17:08:50Z");
    Chain *chain = &s->state->addresses[0].seen->chain;
    static const char *const cns[] = { "orders", "Amazon RDS us-east-1 2019 CA", "Amazon RDS Root 2019 CA" };
    for (size_t i = 0; i < chain->n; i++) {
        Certificate *c = chain->certificates[i];
        const char *issuer = cns[i + 1 < ARRAY_SIZE(cns) ? i + 1 : i];
        if (i > 0) {
            free(c->subject_cn);
            c->subject_cn = xstrdup(cns[i]);
            c->not_before = at(i == 1 ? "2019-09-19T18:16:53Z" : "2019-08-22T17:08:50Z");
            c->not_after = at("2024-08-22T17:08:50Z");
            free(c->sha256);
            c->sha256 = xstrdup(cns[i]);
        }
        free(c->issuer_cn);
        c->issuer_cn = xstrdup(issuer);
    }
    evaluate_now(s);
}

TEST(a_ca_that_ended_in_2024_is_replaced_late)
{
    _cleanup_(story_deinit) Story s = story("2022-03-01T00:00:00Z");
    free(s.state->endpoint->ca);
    s.state->endpoint->ca = NULL;
    serves_2019(&s);
    until(&s, "2024-10-01T00:00:00Z");
    serves(&s, ADDRESS, "2024-10-01T00:00:00Z", "2025-10-01T00:00:00Z");
    until(&s, "2024-12-31T00:00:00Z");
    assert_said(&s, "2022-03-01T00:00:00Z raised ca-retired warning\n"
                    "2022-08-23T17:08:50Z raised ca-expiring notice\n"
                    "2023-08-23T17:08:50Z escalated ca-expiring warning\n"
                    "2024-05-24T17:08:50Z escalated ca-expiring critical\n"
                    "2024-07-23T17:08:50Z raised certificate-expiring warning\n"
                    "2024-08-15T17:08:50Z escalated certificate-expiring critical\n"
                    "2024-08-22T17:08:51Z resolved certificate-expiring critical\n"
                    "2024-08-22T17:08:51Z resolved ca-expiring critical\n"
                    "2024-08-22T17:08:51Z resolved ca-retired warning\n"
                    "2024-08-22T17:08:51Z raised certificate-expired critical\n"
                    "2024-08-22T17:08:51Z raised ca-expired critical\n"
                    "2024-10-01T00:00:00Z raised ca-changed notice\n"
                    "2024-10-01T00:00:00Z resolved ca-expired critical\n"
                    "2024-10-01T00:00:00Z resolved certificate-expired critical\n");
}

TEST(a_rotation_that_is_taken_back_is_said)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    serves(&s, ADDRESS, BEGIN_TEXT, END_TEXT);
    until(&s, "2026-07-05T05:30:00Z");
    serves(&s, ADDRESS, "2026-07-05T05:30:00Z", "2027-07-05T05:30:00Z");
    until(&s, "2026-07-06T12:00:00Z");
    serves(&s, ADDRESS, BEGIN_TEXT, END_TEXT); /* a restore, say */
    until(&s, "2026-07-12T05:30:00Z");
    serves(&s, ADDRESS, "2026-07-12T05:30:00Z", "2027-07-12T05:30:00Z");
    assert_said(&s, "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-05T05:30:00Z raised rotated notice\n"
                    "2026-07-05T05:30:00Z resolved rotation-due notice\n"
                    "2026-07-06T12:00:00Z raised rotated-back warning\n"
                    "2026-07-06T12:00:00Z raised rotation-due notice\n"
                    "2026-07-12T05:30:00Z raised rotated notice\n"
                    "2026-07-12T05:30:00Z resolved rotation-due notice\n");
}

TEST(the_members_of_a_cluster_rotate_on_different_nights)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    instance_serves(&s, ADDRESS, "writer", BEGIN_TEXT, END_TEXT);
    instance_serves(&s, "10.0.0.2", "reader", BEGIN_TEXT, "2027-01-01T00:00:01Z");
    until(&s, "2026-07-05T05:30:00Z");
    instance_serves(&s, ADDRESS, "writer", "2026-07-05T05:30:00Z", "2027-07-05T05:30:00Z");
    until(&s, "2026-07-12T05:30:00Z");
    instance_serves(&s, "10.0.0.2", "reader", "2026-07-12T05:30:00Z", "2027-07-12T05:30:00Z");
    assert_said(&s, "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-02T12:00:00Z raised rotation-due notice at 10.0.0.2\n"
                    "2026-07-05T05:30:00Z raised rotated notice\n"
                    "2026-07-05T05:30:00Z resolved rotation-due notice\n"
                    "2026-07-05T05:30:00Z raised addresses-disagree notice\n"
                    "2026-07-12T05:30:00Z raised rotated notice at 10.0.0.2\n"
                    "2026-07-12T05:30:00Z resolved addresses-disagree notice\n"
                    "2026-07-12T05:30:00Z resolved rotation-due notice at 10.0.0.2\n");
}

TEST(the_ends_of_2037_and_2106_are_seconds_like_any_other)
{
    static const struct {
        const char *begin, *end, *said;
    } cases[] = {
        { "2037-06-01T00:00:00Z", "2038-06-01T00:00:00Z", /* 2038-01-19T03:14:07Z lies between */
          "2037-11-30T12:00:00Z raised rotation-due notice\n"
          "2037-12-14T06:00:00Z resolved rotation-due notice\n"
          "2037-12-14T06:00:00Z raised rotation-overdue warning\n"
          "2038-03-01T18:00:00Z escalated rotation-overdue critical\n" },
        { "2105-08-01T00:00:00Z", "2106-08-01T00:00:00Z", /* 2106-02-07T06:28:15Z does */
          "2106-01-30T12:00:00Z raised rotation-due notice\n"
          "2106-02-08T06:00:00Z resolved rotation-due notice\n"
          "2106-02-08T06:00:00Z raised rotation-overdue warning\n"
          "2106-05-01T18:00:00Z escalated rotation-overdue critical\n" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(story_deinit) Story s = story(cases[i].begin);
        scene_fetch(s.state, ADDRESS, cases[i].begin, cases[i].end);
        Chain *path = &s.state->addresses[0].verification.path;
        for (size_t j = 0; j < path->n; j++)
            path->certificates[j]->not_after = at("2221-01-01T00:00:00Z");
        evaluate_now(&s);
        until(&s, i == 0 ? "2038-04-01T00:00:00Z" : "2106-06-01T00:00:00Z");
        assert_said(&s, cases[i].said);
    }
}

TEST(a_warning_is_repeated_each_day_and_a_notice_never)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    s.remind_seconds = DAY;
    serves(&s, ADDRESS, BEGIN_TEXT, END_TEXT);
    until(&s, "2026-07-15T12:00:00Z");
    assert_said(&s, "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-13T06:00:00Z resolved rotation-due notice\n"
                    "2026-07-13T06:00:00Z raised rotation-overdue warning\n"
                    "2026-07-14T06:00:00Z reminded rotation-overdue warning\n"
                    "2026-07-15T06:00:00Z reminded rotation-overdue warning\n");
}

/* What a reload does to an endpoint that is taken out of the configuration, and later put back. */
static void take_out(Story *s)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    alert_resolve_all(standing(s), s->now, &transitions);
    keep(s, &transitions, NULL);
    kill_and_start(s);
    deliver(s);
}

static void put_back(Story *s)
{
    bool before = killing;
    killing = true; /* a new member knows what the store does */
    kill_and_start(s);
    killing = before;
}

TEST(a_reload_that_removes_an_endpoint_and_adds_it_again)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    serves(&s, ADDRESS, BEGIN_TEXT, END_TEXT);
    until(&s, "2026-08-01T00:00:00Z");
    take_out(&s);
    s.now = at("2026-09-01T00:00:00Z"); /* nobody looks */
    put_back(&s);
    evaluate_now(&s);
    until(&s, "2026-09-02T00:00:00Z");
    take_out(&s);
    s.now = at("2026-11-01T00:00:00Z");
    put_back(&s);
    serves(&s, ADDRESS, "2026-10-11T05:30:00Z", "2027-10-11T05:30:00Z"); /* late, and meanwhile */
    until(&s, "2027-01-01T00:00:00Z");
    assert_said(&s, "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-13T06:00:00Z resolved rotation-due notice\n"
                    "2026-07-13T06:00:00Z raised rotation-overdue warning\n"
                    "2026-08-01T00:00:00Z resolved rotation-overdue warning\n"
                    "2026-09-01T00:00:00Z raised rotation-overdue warning\n"
                    "2026-09-02T00:00:00Z resolved rotation-overdue warning\n"
                    "2026-11-01T00:00:00Z raised rotated notice\n");
}

/* The daemon looks at its own clock, and then at the endpoint, if it may. */
static void look_at_clock(Story *s, DaemonState *self, const char *now, int64_t uptime, ClockTrust clock)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    s->now = at(now);
    self->uptime_seconds = uptime;
    self->clock = clock;
    rule_evaluate_daemon(self, s->now);
    alert_update(store_alerts(s->store, SUBJECT_DAEMON, DAEMON_NAME), &self->findings, s->remind_seconds,
                 s->now, &transitions);
    alert_of(&transitions, SUBJECT_DAEMON, DAEMON_NAME);
    store_commit(s->store,
                 &(Change) { .about = SUBJECT_DAEMON, .subject = DAEMON_NAME, .transitions = &transitions },
                 s->now);
    kill_and_start(s);
    deliver(s);
    if (!self->clock_waits)
        serves(s, ADDRESS, BEGIN_TEXT, END_TEXT);
}

TEST(a_clock_that_starts_in_1970_and_is_then_set)
{
    _cleanup_(story_deinit) Story s = story("1970-01-01T00:00:10Z");
    _cleanup_(daemon_state_deinit) DaemonState self = { 0 };
    look_at_clock(&s, &self, "1970-01-01T00:00:10Z", 10, CLOCK_UNSYNCHRONISED);
    look_at_clock(&s, &self, "1970-01-01T00:01:59Z", 119, CLOCK_UNSYNCHRONISED);
    look_at_clock(&s, &self, "1970-01-01T00:02:00Z", 120, CLOCK_UNSYNCHRONISED);
    look_at_clock(&s, &self, "1970-01-01T08:00:00Z", 28800, CLOCK_UNSYNCHRONISED);
    look_at_clock(&s, &self, "2026-12-01T00:00:00Z", 28802, CLOCK_SYNCHRONISED);
    until(&s, "2026-12-03T00:00:00Z");
    assert_said(&s, "1970-01-01T00:02:00Z raised clock-unsynchronised critical\n"
                    "2026-12-01T00:00:00Z resolved clock-unsynchronised critical\n"
                    "2026-12-01T00:00:00Z raised rotation-overdue critical\n"
                    "2026-12-02T00:00:00Z raised certificate-expiring warning\n");
}

TEST(a_host_whose_clock_is_set_in_time_hears_nothing_of_it)
{
    _cleanup_(story_deinit) Story s = story("1970-01-01T00:00:10Z");
    _cleanup_(daemon_state_deinit) DaemonState self = { 0 };
    look_at_clock(&s, &self, "1970-01-01T00:00:10Z", 10, CLOCK_UNSYNCHRONISED);
    look_at_clock(&s, &self, "2026-12-01T00:00:00Z", 12, CLOCK_SYNCHRONISED);
    assert_said(&s, "2026-12-01T00:00:00Z raised rotation-overdue critical\n");
}

TEST(leap_days_are_days)
{
    _cleanup_(story_deinit) Story online = story("2027-03-01T00:00:00Z"),
                                  restart = story("2025-08-31T00:00:00Z");
    serves(&online, ADDRESS, "2027-03-01T00:00:00Z",
           "2028-03-01T00:00:00Z"); /* 366 days, the last on the 29th */
    until(&online, "2028-03-02T00:00:00Z");
    assert_said(&online, "2027-08-31T00:00:00Z raised rotation-due notice\n"
                         "2027-09-13T06:00:00Z resolved rotation-due notice\n"
                         "2027-09-13T06:00:00Z raised rotation-overdue warning\n"
                         "2027-11-30T12:00:00Z escalated rotation-overdue critical\n"
                         "2028-01-31T00:00:00Z raised certificate-expiring warning\n"
                         "2028-02-23T00:00:00Z escalated certificate-expiring critical\n"
                         "2028-03-01T00:00:01Z resolved certificate-expiring critical\n"
                         "2028-03-01T00:00:01Z raised certificate-expired critical\n");
    serves(&restart, ADDRESS, "2025-08-31T00:00:00Z", "2028-08-31T00:00:00Z");
    until(&restart, "2028-03-01T00:00:00Z"); /* six months before a 31st of August */
    assert_said(&restart, "2028-02-29T00:00:00Z raised rotation-due warning\n");
}

/* A probe at that instant finds what is served once more. */
static void serves_still(Story *s, const char *instant)
{
    until(s, instant);
    const AddressState *known = endpoint_state_find(s->state, ADDRESS);
    _cleanup_(observation_unrefp) Observation *o = observation_new(&known->address);
    o->outcome = OUTCOME_FETCHED;
    o->stage = STAGE_DONE;
    o->observed_at = s->now;
    chain_append_all(&o->chain, &known->seen->chain);
    assert_true(endpoint_state_note(s->state, o));
    evaluate_now(s);
}

/* A server that makes one at each start, and restarts in a loop for a night. */
TEST(a_server_that_makes_certificate_after_certificate_is_said_once_and_until_it_keeps_one)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    char instant[INSTANT_TEXT_MAX];
    for (unsigned hour = 0; hour < 12; hour++) {
        until(&s, instant_text(at("2026-01-01T00:00:00Z") + hour * HOUR, instant));
        serves(&s, ADDRESS, instant, "2027-01-01T00:00:00Z");
    }
    for (unsigned hour = 12; hour < 24; hour++)
        serves_still(&s, instant_text(at("2026-01-01T00:00:00Z") + hour * HOUR, instant));
    assert_said(&s, "2026-01-01T01:00:00Z raised rotated-early notice\n"
                    "2026-01-01T02:00:00Z raised rotated-early notice\n"
                    "2026-01-01T03:00:00Z raised rotated-early notice\n"
                    "2026-01-01T04:00:00Z raised certificate-unstable warning\n"
                    "2026-01-01T19:00:00Z resolved certificate-unstable warning\n");
}

/* POSIX has no such second (RFC 5280 leaves it out too, RFC 3339 allows it): the next one is the first of the
 * new year. */
TEST(a_leap_second_is_the_first_second_of_the_next_day)
{
    _cleanup_(story_deinit) Story s = story("2026-01-01T00:00:00Z");
    assert_int_equal(at("2026-12-31T23:59:60Z"), at("2027-01-01T00:00:00Z"));
    serves(&s, ADDRESS, BEGIN_TEXT, "2026-12-31T23:59:60Z");
    until(&s, "2026-12-31T23:59:59Z");
    assert_int_equal(s.state->changes_at, at("2027-01-01T00:00:01Z"));
}

static int kill_at_each_step(void **cmocka_state _unused_)
{
    killing = true;
    return 0;
}

static int let_live(void **cmocka_state _unused_)
{
    killing = false;
    return 0;
}

#define KILLED(f) { #f "_also_when_killed_at_each_step", f, kill_at_each_step, let_live, NULL }
#define TWICE(f)  cmocka_unit_test(f), KILLED(f)

RUN_TESTS(TWICE(a_healthy_endpoint_is_rotated_each_half_year_and_nothing_else_is_said),
          TWICE(a_fleet_with_a_window_at_every_hour_of_the_week_says_its_rotations_and_nothing_else),
          TWICE(a_rotation_that_has_stalled_is_said_half_a_year_ahead_and_until_it_comes),
          TWICE(a_window_that_is_missed_once_is_made_up_for_and_nobody_is_woken),
          TWICE(three_years_from_notice_through_restart),
          TWICE(an_endpoint_that_cannot_be_reached_goes_on_ageing),
          TWICE(a_ca_that_ended_in_2024_is_replaced_late), TWICE(a_rotation_that_is_taken_back_is_said),
          TWICE(the_members_of_a_cluster_rotate_on_different_nights),
          TWICE(the_ends_of_2037_and_2106_are_seconds_like_any_other),
          TWICE(a_warning_is_repeated_each_day_and_a_notice_never),
          TWICE(a_reload_that_removes_an_endpoint_and_adds_it_again),
          TWICE(a_clock_that_starts_in_1970_and_is_then_set),
          TWICE(a_host_whose_clock_is_set_in_time_hears_nothing_of_it), TWICE(leap_days_are_days),
          TWICE(a_server_that_makes_certificate_after_certificate_is_said_once_and_until_it_keeps_one),
          TWICE(a_leap_second_is_the_first_second_of_the_next_day));
