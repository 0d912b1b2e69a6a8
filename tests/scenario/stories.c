/*
 * Years of rotations in virtual time. Each story states the whole list of what is said, and when: nothing else
 * is said in between. The clock stands still until the verdict, or a reminder, says that something is due, as
 * in the manager.
 */

#include "unit.h"

#include "alert/alert.h"
#include "base/buffer.h"
#include "rules/event.h"
#include "scene.h"

#define ADDRESS      "10.0.0.1"
#define NO_REMINDERS (100000 * (int64_t)DAY)

static const Policy policy = { .unreachable_after = 3 };

typedef struct Story {
    EndpointState *state;
    AlertList standing;
    Buffer said;
    int64_t now;
    int64_t remind_seconds;
} Story;

static Story story(const char *begin)
{
    return (Story) { .state = scene_new(), .now = at(begin), .remind_seconds = NO_REMINDERS };
}

static void story_deinit(Story *s)
{
    endpoint_state_free(s->state);
    alert_list_deinit(&s->standing);
    buffer_deinit(&s->said);
}

static void say(Story *s, TransitionKind kind, const Finding *f)
{
    buffer_printf(&s->said, "%s %s %s %s%s%s\n", INSTANT_TEXT(s->now), transition_to_string(kind),
                  finding_to_string(f->id), severity_to_string(f->severity),
                  f->address && strcmp(f->address, ADDRESS) != 0 ? " at " : "",
                  f->address && strcmp(f->address, ADDRESS) != 0 ? f->address : "");
}

static void judge_now(Story *s)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    judge(s->state, &policy, s->now);
    alert_update(&s->standing, &s->state->findings, s->remind_seconds, s->now, &transitions);
    for (size_t i = 0; i < transitions.n; i++)
        say(s, transitions.items[i].kind, &transitions.items[i].finding);
}

/* Lets time pass. */
static void until(Story *s, const char *instant)
{
    for (int64_t end = at(instant); s->now < end;) {
        int64_t next = instant_earlier(s->state->changes_at, alert_next(&s->standing, s->remind_seconds, s->now));
        s->now = instant_earlier(next, end);
        if (s->state->judged_at != INSTANT_NONE)
            judge_now(s);
    }
}

static void note(Story *s, const char *address, const Served *before)
{
    Finding event;
    AddressState *known = endpoint_state_find(s->state, address);
    if (event_of(s->state, known, before, &policy, s->now, &event)) {
        if (address_state_replaces(known, before->server->sha256, s->now))
            say(s, TRANSITION_RAISED, &event);
        finding_deinit(&event);
    }
    judge_now(s);
}

/* At that instant a probe finds a certificate that was made then. */
static void serves(Story *s, const char *address, const char *begin, const char *end)
{
    _cleanup_(served_deinit) Served before = { 0 };
    served_note(&before, endpoint_state_find(s->state, address));
    scene_fetch(s->state, address, begin, end);
    note(s, address, &before);
}

static void probe_fails(Story *s, const char *instant)
{
    until(s, instant);
    for (int i = 0; i < 3; i++)
        scene_fail(s->state, ADDRESS, OUTCOME_UNREACHABLE, instant);
    judge_now(s);
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
    };
    serves(&s, ADDRESS, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    for (size_t i = 0; i < ARRAY_SIZE(rotations); i++) {
        until(&s, rotations[i][0]);
        serves(&s, ADDRESS, rotations[i][0], rotations[i][1]);
    }
    until(&s, "2029-06-01T00:00:00Z");
    assert_said(&s, "2026-07-02T12:00:00Z raised rotation-due notice\n"
                    "2026-07-05T05:30:00Z raised rotated notice\n"
                    "2026-07-05T05:30:00Z resolved rotation-due notice\n"
                    "2027-01-03T17:30:00Z raised rotation-due notice\n"
                    "2027-01-10T05:30:00Z raised rotated notice\n"
                    "2027-01-10T05:30:00Z resolved rotation-due notice\n"
                    "2027-07-11T17:30:00Z raised rotation-due notice\n"
                    "2027-07-18T05:30:00Z raised rotated notice\n"
                    "2027-07-18T05:30:00Z resolved rotation-due notice\n"
                    "2028-01-17T05:30:00Z raised rotation-due notice\n" /* a leap year's half */
                    "2028-01-23T05:30:00Z raised rotated notice\n"
                    "2028-01-23T05:30:00Z resolved rotation-due notice\n"
                    "2028-07-24T05:30:00Z raised rotation-due notice\n"
                    "2028-07-30T05:30:00Z raised rotated notice\n"
                    "2028-07-30T05:30:00Z resolved rotation-due notice\n"
                    "2029-01-28T17:30:00Z raised rotation-due notice\n"
                    "2029-02-04T05:30:00Z raised rotated notice\n"
                    "2029-02-04T05:30:00Z resolved rotation-due notice\n");
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
        }
        free(c->issuer_cn);
        c->issuer_cn = xstrdup(issuer);
    }
    judge_now(s);
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

/* Instances have names of their own, and certificates of their own age. */
static void make_instance(Story *s, const char *address, const char *name)
{
    Certificate *c = endpoint_state_find(s->state, address)->seen->chain.certificates[0];
    free(c->subject);
    c->subject = xasprintf("CN=%s", name);
}

static void instance_serves(Story *s, const char *address, const char *name, const char *begin, const char *end)
{
    _cleanup_(served_deinit) Served before = { 0 };
    served_note(&before, endpoint_state_find(s->state, address));
    scene_fetch(s->state, address, begin, end);
    make_instance(s, address, name);
    note(s, address, &before);
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
        judge_now(&s);
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

RUN_TESTS(cmocka_unit_test(a_healthy_endpoint_is_rotated_each_half_year_and_nothing_else_is_said),
          cmocka_unit_test(a_rotation_that_has_stalled_is_said_half_a_year_ahead_and_until_it_comes),
          cmocka_unit_test(a_window_that_is_missed_once_is_made_up_for_and_nobody_is_woken),
          cmocka_unit_test(three_years_from_notice_through_restart),
          cmocka_unit_test(an_endpoint_that_cannot_be_reached_goes_on_ageing),
          cmocka_unit_test(a_ca_that_ended_in_2024_is_replaced_late),
          cmocka_unit_test(a_rotation_that_is_taken_back_is_said),
          cmocka_unit_test(the_members_of_a_cluster_rotate_on_different_nights),
          cmocka_unit_test(the_ends_of_2037_and_2106_are_seconds_like_any_other),
          cmocka_unit_test(a_warning_is_repeated_each_day_and_a_notice_never));
