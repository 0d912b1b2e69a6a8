#include "unit.h"

#include <stdio.h>

#include "alert/alert.h"
#include "alert/group.h"
#include "scene.h"

#define ADDRESS "10.0.0.1"

/* Judges, updates what stands, and tells what was said: "raised rotation-due notice". */
static const char *said(AlertList *standing, EndpointState *state, const char *now)
{
    static char text[1024];
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    scene_evaluate(state, at(now));
    alert_update(standing, &state->findings, DAY, at(now), &transitions);
    text[0] = 0;
    for (size_t i = 0; i < transitions.n; i++) {
        const Transition *t = &transitions.items[i];
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s %s %s", i ? ", " : "",
                 transition_to_string(t->kind), finding_to_string(t->finding.id),
                 severity_to_string(t->finding.severity));
    }
    return text;
}

static size_t n_firing(const AlertList *standing)
{
    size_t n = 0;
    for (size_t i = 0; i < standing->n; i++)
        n += standing->items[i].state == ALERT_FIRING;
    return n;
}

TEST(a_stalled_rotation_is_said_when_it_changes_and_once_a_day)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    assert_string_equal(said(&standing, state, "2026-06-01T00:00:00Z"), "");
    assert_int_equal(alert_next(&standing, DAY, at("2026-07-13T06:00:00Z")), INSTANT_NEVER);
    assert_string_equal(said(&standing, state, "2026-07-02T12:00:00Z"), "raised rotation-due notice");
    assert_string_equal(said(&standing, state, "2026-07-03T12:00:00Z"),
                        ""); /* nobody is reminded of a notice */
    assert_int_equal(alert_next(&standing, DAY, at("2026-07-13T06:00:00Z")), INSTANT_NEVER);
    assert_string_equal(said(&standing, state, "2026-07-13T06:00:00Z"),
                        "resolved rotation-due notice, raised rotation-overdue warning");
    assert_int_equal(alert_next(&standing, DAY, at("2026-07-13T06:00:00Z")), at("2026-07-14T06:00:00Z"));
    assert_string_equal(said(&standing, state, "2026-07-14T05:59:59Z"), "");
    assert_string_equal(said(&standing, state, "2026-07-14T06:00:00Z"), "reminded rotation-overdue warning");
    assert_string_equal(said(&standing, state, "2026-07-14T06:00:01Z"), "");
    assert_string_equal(said(&standing, state, "2026-10-01T18:00:00Z"), "escalated rotation-overdue critical");
    assert_string_equal(INSTANT_TEXT(state->findings.items[0].since), "2026-07-13T06:00:00Z");
    scene_fetch(state, ADDRESS, "2026-10-02T00:00:00Z", "2027-10-02T00:00:00Z");
    assert_string_equal(said(&standing, state, "2026-10-02T01:00:00Z"), "resolved rotation-overdue critical");
    assert_int_equal(n_firing(&standing), 0);
}

TEST(a_finding_that_gets_better_is_eased)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    (void)said(&standing, state, "2026-11-01T00:00:00Z");
    scene_fetch(state, ADDRESS, "2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z");
    assert_string_equal(said(&standing, state, "2026-11-01T00:00:01Z"), "eased rotation-overdue warning");
}

TEST(the_same_finding_at_two_addresses_is_two_alerts)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT);
    assert_string_equal(said(&standing, state, "2026-08-01T00:00:00Z"),
                        "raised rotation-overdue warning, raised rotation-overdue warning");
    state->run++;
    scene_fetch(state, "10.0.0.2", "2026-08-01T00:00:00Z", "2027-08-01T00:00:00Z");
    assert_string_equal(said(&standing, state, "2026-08-01T00:00:01Z"), "resolved rotation-overdue warning");
    assert_int_equal(n_firing(&standing), 1);
}

TEST(a_transition_tells_everything_by_itself)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    scene_evaluate(state, at("2026-08-01T00:00:00Z"));
    alert_update(&standing, &state->findings, DAY, at("2026-08-01T00:00:00Z"), &transitions);
    alert_of_endpoint(&transitions, state);
    const Transition *t = &transitions.items[0];
    assert_string_equal(t->subject, "orders");
    assert_string_equal(t->engine, "postgres");
    assert_string_equal(t->ca, "rds-ca-rsa2048-g1");
    assert_string_equal(t->configured_ca, "rds-ca-rsa2048-g1");
    assert_string_equal(t->finding.address, ADDRESS);
    assert_string_equal(t->fingerprint, BEGIN_TEXT "/" END_TEXT);
    assert_int_equal(t->not_after, at(END_TEXT));
    assert_int_equal(t->at, at("2026-08-01T00:00:00Z"));
}

TEST(what_stood_of_an_endpoint_that_is_gone_is_resolved)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    (void)said(&standing, state, "2026-08-01T00:00:00Z");
    alert_resolve_all(&standing, at("2026-08-02T00:00:00Z"), &transitions);
    assert_int_equal(transitions.n, 1);
    assert_int_equal(transitions.items[0].kind, TRANSITION_RESOLVED);
    assert_int_equal(standing.n, 0);
}

/* A finding that comes and goes, without the rest of the house. */
static const char *step(AlertList *standing, const char *now, Severity severity, bool pending,
                        const char *silenced_until)
{
    static char text[1024];
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    FindingList findings = { 0 };
    if (severity != SEVERITY_OK)
        finding_list_append(&findings, (Finding) {
                                           .id = FINDING_UNREACHABLE,
                                           .severity = severity,
                                           .pending = pending,
                                           .silenced_until = silenced_until ? at(silenced_until) : INSTANT_NONE,
                                           .message = xstrdup("m"),
                                           .steps = steps_read("r"),
                                       });
    alert_update(standing, &findings, DAY, at(now), &transitions);
    finding_list_deinit(&findings);
    text[0] = 0;
    for (size_t i = 0; i < transitions.n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? ", " : "",
                 transition_to_string(transitions.items[i].kind));
    return text;
}

#define GONE    SEVERITY_OK, false, NULL
#define WARNING SEVERITY_WARNING, false, NULL

TEST(what_is_pending_is_not_said_and_passes_unsaid)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    assert_string_equal(step(&standing, "2026-01-01T00:00:00Z", SEVERITY_UNKNOWN, true, NULL), "");
    assert_int_equal(standing.items[0].state, ALERT_PENDING);
    assert_true(standing.changed);
    assert_string_equal(step(&standing, "2026-01-01T00:00:15Z", GONE), "");
    assert_int_equal(standing.n, 0);
    assert_string_equal(step(&standing, "2026-01-02T00:00:00Z", SEVERITY_UNKNOWN, true, NULL), "");
    assert_string_equal(step(&standing, "2026-01-02T00:00:15Z", SEVERITY_UNKNOWN, false, NULL), "raised");
    assert_int_equal(standing.items[0].state, ALERT_FIRING);
    assert_int_equal(standing.items[0].finding.since, at("2026-01-02T00:00:15Z"));
}

TEST(nothing_is_marked_as_changed_while_only_words_do)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    (void)step(&standing, "2026-01-01T00:00:00Z", WARNING);
    standing.changed = false;
    (void)step(&standing, "2026-01-01T01:00:00Z", WARNING);
    assert_false(standing.changed);
    (void)step(&standing, "2026-01-02T00:00:00Z", WARNING); /* a reminder */
    assert_true(standing.changed);
}

TEST(what_flaps_is_held_until_it_has_been_gone_for_hours)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    assert_string_equal(step(&standing, "2026-01-01T00:00:00Z", WARNING), "raised");
    assert_string_equal(step(&standing, "2026-01-01T01:00:00Z", GONE), "resolved");
    assert_string_equal(step(&standing, "2026-01-01T02:00:00Z", WARNING), "raised");
    assert_string_equal(step(&standing, "2026-01-01T03:00:00Z", GONE), "resolved");
    assert_string_equal(step(&standing, "2026-01-01T04:00:00Z", WARNING), "raised");
    for (int hour = 5; hour < 20; hour += 2) { /* and so on: not another word */
        assert_string_equal(step(&standing, INSTANT_TEXT(at("2026-01-01T00:00:00Z") + hour * HOUR), GONE), "");
        assert_string_equal(step(&standing, INSTANT_TEXT(at("2026-01-01T00:30:00Z") + hour * HOUR), WARNING),
                            "");
    }
    assert_string_equal(step(&standing, "2026-01-01T21:00:00Z", GONE), "");
    assert_int_equal(alert_next(&standing, DAY, at("2026-01-01T21:00:00Z")), at("2026-01-02T03:00:00Z"));
    assert_string_equal(step(&standing, "2026-01-02T02:59:59Z", GONE), "");
    assert_string_equal(step(&standing, "2026-01-02T03:00:00Z", GONE), "resolved");
    assert_string_equal(step(&standing, "2026-01-02T04:00:00Z", WARNING), "raised"); /* and stays, */
    assert_string_equal(step(&standing, "2026-01-03T03:59:59Z", WARNING), "");
    assert_string_equal(step(&standing, "2026-01-03T04:00:00Z", GONE),
                        "resolved"); /* for a day: that is over */
    assert_string_equal(step(&standing, "2026-01-03T04:00:01Z", GONE), "");
    assert_int_equal(standing.n, 0); /* forgotten */
}

TEST(a_severity_that_flaps_is_held_at_its_worst)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    assert_string_equal(step(&standing, "2026-01-01T00:00:00Z", WARNING), "raised");
    assert_string_equal(step(&standing, "2026-01-01T01:00:00Z", SEVERITY_CRITICAL, false, NULL), "escalated");
    assert_string_equal(step(&standing, "2026-01-01T02:00:00Z", WARNING), "eased");
    assert_string_equal(step(&standing, "2026-01-01T03:00:00Z", SEVERITY_CRITICAL, false, NULL), "escalated");
    assert_string_equal(step(&standing, "2026-01-01T04:00:00Z", WARNING), "eased");
    assert_string_equal(step(&standing, "2026-01-01T05:00:00Z", SEVERITY_CRITICAL, false, NULL), "escalated");
    assert_string_equal(step(&standing, "2026-01-01T06:00:00Z", WARNING), "");
    assert_string_equal(step(&standing, "2026-01-01T11:59:59Z", WARNING), "");
    assert_string_equal(step(&standing, "2026-01-01T12:00:00Z", WARNING), "eased");
}

TEST(a_clock_that_was_ahead_holds_nothing_back)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    assert_string_equal(step(&standing, "2027-01-01T00:00:00Z", WARNING), "raised");
    assert_string_equal(step(&standing, "2026-01-01T00:00:00Z", WARNING), "");
    assert_int_equal(alert_next(&standing, DAY, at("2026-01-01T00:00:00Z")), at("2026-01-02T00:00:00Z"));
    assert_string_equal(step(&standing, "2026-01-02T00:00:00Z", WARNING), "reminded");
}

TEST(a_silence_keeps_quiet_and_its_end_says_the_difference)
{
    static const char end[] = "2026-01-15T00:00:00Z";
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    assert_string_equal(step(&standing, "2026-01-01T00:00:00Z", SEVERITY_WARNING, false, end), "");
    assert_int_equal(alert_next(&standing, DAY, at("2026-01-01T00:00:00Z")), at(end));
    assert_string_equal(step(&standing, "2026-01-05T00:00:00Z", SEVERITY_WARNING, false, end),
                        ""); /* no reminder */
    assert_string_equal(step(&standing, end, WARNING), "raised");
    /* What was said before is resolved also within a silence: nobody waits for it any longer. */
    assert_string_equal(
        step(&standing, "2026-01-15T00:00:01Z", SEVERITY_CRITICAL, false, "2026-02-01T00:00:00Z"), "");
    assert_string_equal(step(&standing, "2026-01-16T00:00:00Z", GONE), "resolved");
    /* What came and went within one was never there. */
    assert_string_equal(
        step(&standing, "2026-01-20T00:00:00Z", SEVERITY_WARNING, false, "2026-02-01T00:00:00Z"), "");
    assert_string_equal(step(&standing, "2026-01-21T00:00:00Z", GONE), "");
    assert_int_equal(standing.n, 0);
}

/* The outbox that `group` sees: so many transitions of a finding, at that instant. */
static void put(TransitionList *outbox, size_t n, TransitionKind kind, const char *cause, const char *instant)
{
    for (size_t i = 0; i < n; i++)
        transition_list_append(outbox, (Transition) {
                                           .kind = kind,
                                           .at = at(instant),
                                           .subject = xasprintf("db%zu", i),
                                           .finding = { .id = FINDING_CA_EXPIRED, .cause = xstrdup(cause) },
                                       });
}

/* "500 1 1": the sizes of what is said. */
static const char *sizes(GroupMemory *memory, const TransitionList *outbox, const char *now, int64_t *ret_next)
{
    static char text[8192];
    static const GroupPolicy policy = { .wait_seconds = 10, .interval_seconds = 300 };
    _cleanup_(bulletin_list_deinit) BulletinList list = { 0 };
    *ret_next = group_select(memory, &policy, outbox, at(now), &list);
    text[0] = 0;
    for (size_t i = 0; i < list.n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%zu", i ? " " : "", list.items[i].n);
    return text;
}

TEST(what_has_no_cause_is_never_kept_waiting)
{
    _cleanup_(group_memory_deinit) GroupMemory memory = { 0 };
    _cleanup_(transition_list_deinit) TransitionList outbox = { 0 };
    int64_t next;
    put(&outbox, 7, TRANSITION_RAISED, NULL, BEGIN_TEXT);
    assert_string_equal(sizes(&memory, &outbox, BEGIN_TEXT, &next), "1 1 1 1 1 1 1");
    assert_int_equal(next, INSTANT_NEVER);
}

TEST(many_of_one_cause_wait_for_each_other_and_are_one)
{
    _cleanup_(group_memory_deinit) GroupMemory memory = { 0 };
    _cleanup_(transition_list_deinit) TransitionList outbox = { 0 }, late = { 0 };
    int64_t next;
    put(&outbox, 300, TRANSITION_RAISED, "x", "2026-01-01T00:00:00Z");
    put(&outbox, 200, TRANSITION_RAISED, "x", "2026-01-01T00:00:09Z");
    put(&outbox, 3, TRANSITION_RAISED, "y", "2026-01-01T00:00:09Z");
    assert_string_equal(sizes(&memory, &outbox, "2026-01-01T00:00:09Z", &next), "");
    assert_int_equal(next, at("2026-01-01T00:00:10Z"));
    assert_string_equal(sizes(&memory, &outbox, "2026-01-01T00:00:10Z", &next), "500");
    assert_int_equal(next, at("2026-01-01T00:00:19Z"));
    /* More of them come in together, once the interval is over; of another cause, there are few. */
    put(&late, 2, TRANSITION_RAISED, "y", "2026-01-01T00:00:09Z");
    put(&late, 40, TRANSITION_RAISED, "x", "2026-01-01T00:01:00Z");
    put(&late, 6, TRANSITION_RESOLVED, "x", "2026-01-01T00:02:00Z");
    assert_string_equal(sizes(&memory, &late, "2026-01-01T00:02:30Z", &next), "1 1");
    assert_int_equal(next, at("2026-01-01T00:05:10Z"));
    transition_list_deinit(&late);
    put(&late, 40, TRANSITION_RAISED, "x", "2026-01-01T00:01:00Z");
    put(&late, 6, TRANSITION_RESOLVED, "x", "2026-01-01T00:02:00Z");
    assert_string_equal(sizes(&memory, &late, "2026-01-01T00:05:10Z", &next), "40 6");
}

TEST(an_entry_has_an_end_and_a_clock_that_is_set_back_keeps_nothing_waiting)
{
    _cleanup_(group_memory_deinit) GroupMemory memory = { 0 };
    _cleanup_(transition_list_deinit) TransitionList outbox = { 0 };
    int64_t next;
    put(&outbox, 10200, TRANSITION_RAISED, "x", "2027-01-01T00:00:00Z");
    assert_string_equal(sizes(&memory, &outbox, "2026-01-01T00:00:00Z", &next), "10000 200");
}

RUN_TESTS(cmocka_unit_test(a_stalled_rotation_is_said_when_it_changes_and_once_a_day),
          cmocka_unit_test(a_finding_that_gets_better_is_eased),
          cmocka_unit_test(the_same_finding_at_two_addresses_is_two_alerts),
          cmocka_unit_test(a_transition_tells_everything_by_itself),
          cmocka_unit_test(what_stood_of_an_endpoint_that_is_gone_is_resolved),
          cmocka_unit_test(what_is_pending_is_not_said_and_passes_unsaid),
          cmocka_unit_test(nothing_is_marked_as_changed_while_only_words_do),
          cmocka_unit_test(what_flaps_is_held_until_it_has_been_gone_for_hours),
          cmocka_unit_test(a_severity_that_flaps_is_held_at_its_worst),
          cmocka_unit_test(a_clock_that_was_ahead_holds_nothing_back),
          cmocka_unit_test(a_silence_keeps_quiet_and_its_end_says_the_difference),
          cmocka_unit_test(what_has_no_cause_is_never_kept_waiting),
          cmocka_unit_test(many_of_one_cause_wait_for_each_other_and_are_one),
          cmocka_unit_test(an_entry_has_an_end_and_a_clock_that_is_set_back_keeps_nothing_waiting));
