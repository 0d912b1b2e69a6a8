#include "scene.h"
#include "unit.h"

#include <stdio.h>

#define SAID  (at("2026-03-01T00:00:00Z")) /* the API's word, in each of the stories */
#define LATER (SAID + 900)                 /* settled */

/* What the API says; of class online, as the certificate's life shows, and not yet half of it. */
static RdsEndpoint rds_of(const char *ca, int64_t valid_till)
{
    return (RdsEndpoint) {
        .source = (char *)"us-east-1",
        .identifier = (char *)"orders",
        .host = (char *)"orders.c9akciq32rgq.us-east-1.rds.amazonaws.com",
        .engine = (char *)"postgres",
        .engine_version = (char *)"16.4",
        .status = (char *)"available",
        .ca = (char *)ca,
        .valid_till = valid_till,
        .since = SAID,
        .settle_seconds = 900,
        .auto_applied_after = INSTANT_NONE,
        .forced_apply = INSTANT_NONE,
        .current_apply = INSTANT_NONE,
        .missing_since = INSTANT_NONE,
    };
}

/* An endpoint that serves a certificate of rds-ca-rsa2048-g1, with what the API says; configured: its `ca`. */
static EndpointState *watched(const RdsEndpoint *rds, const char *configured)
{
    EndpointState *state = scene_new();
    Endpoint *endpoint = endpoint_copy(state->endpoint);
    free(endpoint->ca);
    endpoint->ca = xstrdup(configured);
    endpoint_take_rds(endpoint, rds);
    endpoint_unref(state->endpoint);
    state->endpoint = endpoint;
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    return state;
}

static void probed_at(EndpointState *state, int64_t now)
{
    state->addresses[0].seen->observed_at = now;
}

/* "restart-pending=warning", "(restart-pending)" while it is pending; of rotations and maintenance nothing. */
static const char *verdict(EndpointState *state, int64_t answered_at, int64_t now)
{
    static char words[256];
    const Policy policy = { .unreachable_after = 3, .rds_answered_at = answered_at };
    rule_evaluate_endpoint(state, &policy, now);
    words[0] = 0;
    for (size_t i = 0; i < state->findings.n; i++) {
        const Finding *f = &state->findings.items[i];
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s%s=%s%s", words[0] ? " " : "",
                 f->pending ? "(" : "", finding_to_string(f->id), severity_to_string(f->severity),
                 f->pending ? ")" : "");
    }
    return words;
}

TEST(what_the_api_has_newer_than_the_wire_waits_for_a_restart_and_what_it_has_otherwise_is_a_mismatch)
{
    const int64_t end = at(END_TEXT);
    const struct {
        const char *ca;
        int64_t till;
        const char *configured, *expected;
    } cases[] = {
        { "rds-ca-rsa2048-g1", end, NULL, "" },
        { "rds-ca-rsa2048-g1", INSTANT_NONE, NULL, "" },
        { NULL, INSTANT_NONE, NULL, "" }, /* RDS Custom has no CA at all */
        { "rds-ca-rsa2048-g1", end + HOUR, NULL, "" },
        { "rds-ca-rsa2048-g1", end + 180 * DAY, NULL, "restart-pending=warning" },
        { "rds-ca-ecc384-g1", end + 180 * DAY, NULL, "restart-pending=warning" },
        { "rds-ca-ecc384-g1", end - 30 * DAY, NULL, "restart-pending=warning" }, /* to 12 months from 36 */
        { "rds-ca-rsa2048-g1", end - 30 * DAY, NULL, "" },                       /* the wire is ahead */
        { "rds-ca-ecc384-g1", end, NULL, "ca-mismatch=warning" },
        { "rds-ca-ecc384-g1", INSTANT_NONE, NULL, "ca-mismatch=warning" },
        /* What is configured: it is on its way, or it is not. */
        { "rds-ca-ecc384-g1", end + 180 * DAY, "rds-ca-ecc384-g1", "restart-pending=warning" },
        { "rds-ca-ecc384-g1", end + 180 * DAY, "rds-ca-rsa2048-g1", "restart-pending=warning" },
        { "rds-ca-ecc384-g1", end + 180 * DAY, "rds-ca-rsa4096-g1",
          "ca-mismatch=warning restart-pending=warning" },
        { "rds-ca-rsa2048-g1", end, "rds-ca-ecc384-g1", "ca-mismatch=warning" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const RdsEndpoint rds = rds_of(cases[i].ca, cases[i].till);
        EndpointState *state = watched(&rds, cases[i].configured);
        probed_at(state, LATER);
        assert_string_equal(verdict(state, LATER, LATER), cases[i].expected);
        endpoint_state_free(state);
    }
}

TEST(a_difference_counts_once_both_sides_have_had_time_and_a_probe_is_asked_for)
{
    const RdsEndpoint rds = rds_of("rds-ca-ecc384-g1", at(END_TEXT) + 180 * DAY);
    EndpointState *state = watched(&rds, NULL);
    probed_at(state, SAID - 1);
    assert_string_equal(verdict(state, SAID, SAID), "(restart-pending=warning)");
    assert_true(state->look_at == LATER);
    assert_int_equal(state->severity, SEVERITY_OK);
    probed_at(state, LATER - 1);
    assert_string_equal(verdict(state, LATER, LATER), "(restart-pending=warning)");
    assert_true(state->look_at ==
                INSTANT_NEVER); /* it was asked for, and whoever does not answer is not pressed */
    probed_at(state, LATER);
    text_set(&state->endpoint->rds->status, xstrdup("modifying"));
    assert_string_equal(verdict(state, LATER, LATER), "(restart-pending=warning)");
    text_set(&state->endpoint->rds->status, xstrdup("storage-optimization")); /* that takes days */
    assert_string_equal(verdict(state, LATER, LATER), "restart-pending=warning");
    assert_true(state->look_at == INSTANT_NEVER);
    assert_true(state->findings.items[0].due == at(END_TEXT));
    endpoint_state_free(state);
}

TEST(a_change_that_the_wire_shows_first_waits_for_the_api_to_follow)
{
    const RdsEndpoint rds = rds_of("rds-ca-ecc384-g1", INSTANT_NONE);
    const int64_t changed = LATER + DAY;
    EndpointState *state = watched(&rds, NULL);
    probed_at(state, changed);
    state->addresses[0].changed_at = changed;
    assert_string_equal(verdict(state, changed - 60, changed), "(ca-mismatch=warning)");
    assert_string_equal(verdict(state, changed + 899, changed + 899), "(ca-mismatch=warning)");
    assert_string_equal(verdict(state, INSTANT_NONE, changed + DAY), "(ca-mismatch=warning)"); /* it is away */
    assert_string_equal(verdict(state, changed + 900, changed + 900), "ca-mismatch=warning");
    endpoint_state_free(state);
}

TEST(the_class_is_the_configuration_s_then_the_api_s_then_what_the_lifetime_shows)
{
    static const struct {
        RotationClass configured, expected;
        Support online;
        RotationSource source;
    } cases[] = {
        { CLASS_AUTO, CLASS_ONLINE, SUPPORT_YES, SOURCE_API },
        { CLASS_AUTO, CLASS_RESTART, SUPPORT_NO, SOURCE_API },
        { CLASS_AUTO, CLASS_ONLINE, SUPPORT_UNKNOWN, SOURCE_LIFETIME },
        { CLASS_RESTART, CLASS_RESTART, SUPPORT_YES, SOURCE_CONFIGURED },
        { CLASS_EXTERNAL, CLASS_EXTERNAL, SUPPORT_NO, SOURCE_CONFIGURED },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        RdsEndpoint rds = rds_of("rds-ca-rsa2048-g1", INSTANT_NONE);
        rds.online = cases[i].online;
        EndpointState *state = watched(&rds, NULL);
        state->endpoint->rotation = (int)cases[i].configured;
        (void)verdict(state, LATER, LATER);
        assert_int_equal(state->rotation.class, cases[i].expected);
        assert_int_equal(state->rotation.source, cases[i].source);
        endpoint_state_free(state);
    }
}

TEST(a_restart_that_has_its_date_waits_for_nobody)
{
    RdsEndpoint rds = rds_of("rds-ca-rsa2048-g1", INSTANT_NONE);
    const int64_t due = at("2026-07-15T00:00:00Z"); /* within 6 months of the end */
    rds.online = SUPPORT_NO;
    EndpointState *state = watched(&rds, NULL);
    assert_string_equal(verdict(state, due, due), "rotation-due=warning");
    endpoint_state_free(state);
    rds.maintenance = 1;
    rds.current_apply = at("2026-07-19T05:00:00Z");
    state = watched(&rds, NULL);
    assert_string_equal(verdict(state, due, due), "rotation-due=notice maintenance-scheduled=notice");
    assert_true(state->findings.items[1].due == rds.current_apply);
    assert_non_null(strstr(state->findings.items[0].message, "which RDS does at 2026-07-19T05:00:00Z"));
    endpoint_state_free(state);
    rds.current_apply = at("2026-12-20T05:00:00Z"); /* after it is overdue */
    state = watched(&rds, NULL);
    assert_string_equal(verdict(state, due, due), "rotation-due=warning maintenance-scheduled=notice");
    endpoint_state_free(state);
}

TEST(a_change_of_ca_for_the_next_window_is_scheduled_and_no_mismatch)
{
    RdsEndpoint rds = rds_of("rds-ca-rsa2048-g1", INSTANT_NONE);
    rds.pending_ca = (char *)"rds-ca-ecc384-g1";
    EndpointState *state = watched(&rds, "rds-ca-ecc384-g1");
    probed_at(state, LATER);
    assert_string_equal(verdict(state, LATER, LATER), "maintenance-scheduled=notice");
    /* Sunday, 1 March 2026, 00:15: the window ends at 6. Then the next one is meant. */
    assert_true(state->findings.items[0].due == at("2026-03-01T06:00:00Z"));
    assert_true(state->changes_at <= at("2026-03-01T06:00:01Z"));
    (void)verdict(state, LATER, at("2026-03-01T06:00:01Z"));
    assert_true(state->findings.items[0].due == at("2026-03-08T06:00:00Z"));
    endpoint_state_free(state);
    rds.offered = (char *)"rds-ca-rsa2048-g1, rds-ca-rsa4096-g1";
    state = watched(&rds, NULL);
    probed_at(state, LATER);
    assert_string_equal(verdict(state, LATER, LATER), "ca-not-offered=warning maintenance-scheduled=notice");
    endpoint_state_free(state);
}

TEST(one_that_rds_says_is_stopped_answers_nobody_for_good_reasons)
{
    RdsEndpoint rds = rds_of("rds-ca-rsa2048-g1", INSTANT_NONE);
    rds.status = (char *)"stopped";
    EndpointState *state = watched(&rds, NULL);
    for (int i = 0; i < 5; i++)
        scene_fail(state, "10.0.0.1", OUTCOME_UNREACHABLE, "2026-03-02T00:00:00Z");
    assert_string_equal(verdict(state, LATER, LATER + DAY), "(unreachable=unknown)");
    assert_non_null(strstr(state->findings.items[0].message, "RDS says that it is stopped"));
    state->endpoint->rds->status[0] = 'S'; /* another word */
    assert_string_equal(verdict(state, LATER, LATER + DAY), "unreachable=unknown");
    endpoint_state_free(state);
}

TEST(of_a_cluster_s_endpoints_the_certificates_are_their_instances)
{
    RdsEndpoint rds = rds_of(NULL, INSTANT_NONE);
    rds.kind = RDS_CLUSTER;
    EndpointState *state = watched(&rds, NULL);
    probed_at(state, LATER);
    assert_string_equal(verdict(state, LATER, LATER), "");
    endpoint_state_free(state);
}

RUN_TESTS(cmocka_unit_test(
              what_the_api_has_newer_than_the_wire_waits_for_a_restart_and_what_it_has_otherwise_is_a_mismatch),
          cmocka_unit_test(a_difference_counts_once_both_sides_have_had_time_and_a_probe_is_asked_for),
          cmocka_unit_test(a_change_that_the_wire_shows_first_waits_for_the_api_to_follow),
          cmocka_unit_test(the_class_is_the_configuration_s_then_the_api_s_then_what_the_lifetime_shows),
          cmocka_unit_test(a_restart_that_has_its_date_waits_for_nobody),
          cmocka_unit_test(a_change_of_ca_for_the_next_window_is_scheduled_and_no_mismatch),
          cmocka_unit_test(one_that_rds_says_is_stopped_answers_nobody_for_good_reasons),
          cmocka_unit_test(of_a_cluster_s_endpoints_the_certificates_are_their_instances));
