#include "unit.h"

#include <stdio.h>

#include "alert/alert.h"
#include "scene.h"

#define ADDRESS "10.0.0.1"

/* Judges, updates what stands, and tells what was said: "raised rotation-due notice". */
static const char *said(AlertList *standing, EndpointState *state, const char *now)
{
    static char text[1024];
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    scene_judge(state, at(now));
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
    scene_fetch(state, "10.0.0.2", "2026-08-01T00:00:00Z", "2027-08-01T00:00:00Z");
    state->turning = true;
    assert_string_equal(said(&standing, state, "2026-08-01T00:00:01Z"), "resolved rotation-overdue warning");
    assert_int_equal(n_firing(&standing), 1);
}

TEST(a_transition_tells_everything_by_itself)
{
    _cleanup_(alert_list_deinit) AlertList standing = { 0 };
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    scene_judge(state, at("2026-08-01T00:00:00Z"));
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

RUN_TESTS(cmocka_unit_test(a_stalled_rotation_is_said_when_it_changes_and_once_a_day),
          cmocka_unit_test(a_finding_that_gets_better_is_eased),
          cmocka_unit_test(the_same_finding_at_two_addresses_is_two_alerts),
          cmocka_unit_test(a_transition_tells_everything_by_itself),
          cmocka_unit_test(what_stood_of_an_endpoint_that_is_gone_is_resolved));
