/* The verdicts, at each second at which one changes. */

#include "unit.h"

#include "scene.h"

#define ADDRESS "10.0.0.1"

/* From this instant on, these are the findings; the row before must announce the instant. */
typedef struct Row {
    const char *from, *findings;
} Row;

/*
 * Walks over the boundaries: one second before each the old verdict holds and foretells it, at it the new one
 * holds.
 */
static void assert_story(EndpointState *state, const Row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t now = at(rows[i].from);
        if (i > 0) {
            scene_judge(state, now - 1);
            assert_string_equal(scene_findings(state), rows[i - 1].findings);
            assert_string_equal(INSTANT_TEXT(state->changes_at), rows[i].from);
        }
        scene_judge(state, now);
        assert_string_equal(scene_findings(state), rows[i].findings);
    }
    assert_int_equal(state->changes_at, INSTANT_NEVER);
}

TEST(the_life_of_an_online_certificate_that_nobody_rotates)
{
    static const Row rows[] = {
        { "2025-12-31T00:00:00Z", "certificate-not-yet-valid=critical" },
        { "2026-01-01T00:00:00Z", "" },
        { "2026-07-02T12:00:00Z", "rotation-due=notice" },       /* half-life, a Thursday */
        { "2026-07-13T06:00:00Z", "rotation-overdue=warning" },  /* the window of 5 July and 8 days are gone */
        { "2026-10-01T18:00:00Z", "rotation-overdue=critical" }, /* 3/4 of the life */
        { "2026-12-02T00:00:00Z", "rotation-overdue=critical certificate-expiring=warning" },
        { "2026-12-25T00:00:00Z", "rotation-overdue=critical certificate-expiring=critical" },
        { "2027-01-01T00:00:01Z", "rotation-overdue=critical certificate-expired=critical" },
        { "2032-01-01T00:00:01Z",
          "rotation-overdue=critical certificate-expired=critical ca-expired=critical" },
    };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    assert_story(state, rows, ARRAY_SIZE(rows));
}

TEST(without_a_window_it_is_overdue_16_days_after_half_life)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    state->endpoint->maintenance_window = (Window) { 0 };
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    scene_judge(state, at("2026-07-18T11:59:59Z"));
    assert_string_equal(scene_findings(state), "rotation-due=notice");
    scene_judge(state, at("2026-07-18T12:00:00Z"));
    assert_string_equal(scene_findings(state), "rotation-overdue=warning");
    assert_non_null(strstr(state->findings.items[0].message,
                           "by 2026-07-10T12:00:00Z there was no new one (its "
                           "maintenance window is not configured)"));
}

TEST(the_life_of_a_certificate_that_needs_a_restart)
{
    static const Row rows[] = {
        { "2024-08-31T10:00:00Z", "" },
        { "2027-02-28T10:00:00Z", "rotation-due=warning" }, /* six calendar months before the end */
        { "2027-06-02T10:00:00Z", "rotation-overdue=warning" },
        { "2027-08-01T10:00:00Z", "rotation-overdue=critical certificate-expiring=warning" },
        { "2027-08-24T10:00:00Z", "rotation-overdue=critical certificate-expiring=critical" },
        { "2027-08-31T10:00:01Z", "rotation-overdue=critical certificate-expired=critical" },
        { "2032-01-01T00:00:01Z",
          "rotation-overdue=critical certificate-expired=critical ca-expired=critical" },
    };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, "2024-08-31T10:00:00Z", "2027-08-31T10:00:00Z");
    assert_story(state, rows, ARRAY_SIZE(rows));
    assert_int_equal(state->rotation.class, CLASS_RESTART);
    assert_int_equal(state->rotation.source, SOURCE_LIFETIME);
}

TEST(the_life_of_a_proxy_s_certificate)
{
    static const Row rows[] = {
        { "2026-03-01T00:00:00Z", "" },
        { "2026-07-17T00:00:00Z", "rotation-due=notice" },
        { "2026-08-16T00:00:00Z", "rotation-overdue=warning certificate-expiring=warning" },
        { "2026-09-01T00:00:00Z", "rotation-overdue=critical certificate-expiring=warning" },
        { "2026-09-08T00:00:00Z", "rotation-overdue=critical certificate-expiring=critical" },
        { "2026-09-15T00:00:01Z", "rotation-overdue=critical certificate-expired=critical" },
        { "2032-01-01T00:00:01Z",
          "rotation-overdue=critical certificate-expired=critical ca-expired=critical" },
    };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    state->endpoint->rotation = CLASS_ACM;
    scene_fetch(state, ADDRESS, "2026-03-01T00:00:00Z", "2026-09-15T00:00:00Z"); /* 198 days */
    assert_story(state, rows, ARRAY_SIZE(rows));
}

TEST(the_last_line_is_scaled_for_short_lives)
{
    static const Row rows[] = {
        { "2026-01-01T00:00:00Z", "" },
        { "2026-01-21T00:00:00Z", "certificate-expiring=warning" },  /* a third of 30 days */
        { "2026-01-28T16:00:00Z", "certificate-expiring=critical" }, /* 7/90 of 30 days */
        { "2026-01-31T00:00:01Z", "certificate-expired=critical" },
        { "2032-01-01T00:00:01Z", "certificate-expired=critical ca-expired=critical" },
    };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    state->endpoint->rotation = CLASS_EXTERNAL;
    scene_fetch(state, ADDRESS, "2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z");
    assert_story(state, rows, ARRAY_SIZE(rows));
}

TEST(severity_never_falls_while_nothing_but_time_passes_after_the_beginning)
{
    static const char *const ends[] = { "2026-01-11T00:00:00Z", "2026-04-01T00:00:00Z", "2027-01-01T00:00:00Z",
                                        "2028-12-31T00:00:00Z", "2029-01-05T07:11:13Z" };
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        for (int class = CLASS_AUTO; class <= CLASS_EXTERNAL; class ++) {
            _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
            state->endpoint->rotation = class;
            scene_fetch(state, ADDRESS, BEGIN_TEXT, ends[i]);
            Severity before = SEVERITY_OK;
            int64_t now = at(BEGIN_TEXT);
            for (unsigned steps = 0; now != INSTANT_NEVER; steps++) {
                scene_judge(state, now);
                assert_true(state->severity >= before);
                assert_true(steps < 20);
                before = state->severity;
                now = state->changes_at;
            }
        }
}

/* One thing is wrong with the certificate; these are the findings. */
TEST(each_flaw_of_a_chain_has_its_finding)
{
    static const struct {
        const char *flaw, *findings;
    } cases[] = {
        { "none", "" },
        { "untrusted", "chain-untrusted=warning" },
        { "incomplete", "chain-incomplete=warning" },
        { "leaf-alone", "chain-incomplete=warning" },
        { "name", "name-mismatch=warning" },
        { "self-signed", "self-signed=warning" },
        { "other-ca", "ca-mismatch=warning" },
        { "beta", "ca-mismatch=warning" },
        { "no-ca-configured", "" },
        { "no-bundle", "" },
        { "root-ended", "ca-expired=critical" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *flaw = cases[i].flaw;
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
        Verification *v = &state->addresses[0].verification;
        Chain *chain = &state->addresses[0].seen->chain;
        Certificate *server = chain->certificates[0];
        if (strcmp(flaw, "untrusted") == 0 || strcmp(flaw, "leaf-alone") == 0) {
            v->trusted = false;
            v->reason = xstrdup("its issuer is not in the bundle");
        }
        if (strcmp(flaw, "leaf-alone") == 0)
            while (chain->n > 1)
                certificate_free(chain->certificates[--chain->n]);
        if (strcmp(flaw, "self-signed") == 0) {
            *v = (Verification) {
                .possible = true, .self_signed = true, .name_matches = true, .root_not_after = INSTANT_NONE
            };
            server->self_issued = true;
        }
        if (strcmp(flaw, "beta") == 0) {
            free(server->issuer_cn);
            server->issuer_cn = xstrdup("Amazon RDS Beta us-east-1 Subordinate CA RSA2048 G1.A.1");
        }
        if (strcmp(flaw, "no-ca-configured") == 0 || strcmp(flaw, "other-ca") == 0) {
            free(state->endpoint->ca);
            state->endpoint->ca = strcmp(flaw, "other-ca") == 0 ? xstrdup("rds-ca-ecc384-g1") : NULL;
        }
        v->incomplete = strcmp(flaw, "incomplete") == 0;
        v->name_matches = strcmp(flaw, "name") != 0;
        v->possible = strcmp(flaw, "no-bundle") != 0;
        if (strcmp(flaw, "root-ended") == 0)
            v->root_not_after = at("2026-01-31T23:59:59Z");
        scene_judge(state, at("2026-02-01T00:00:00Z"));
        assert_string_equal(scene_findings(state), cases[i].findings);
    }
}

TEST(an_old_authority_promises_no_rotation)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    Certificate *server = state->addresses[0].seen->chain.certificates[0];
    free(server->issuer_cn);
    server->issuer_cn = xstrdup("Amazon RDS us-east-1 2019 CA");
    scene_judge(state, at("2026-08-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "ca-mismatch=warning");
    assert_int_equal(state->rotation.class, CLASS_EXTERNAL);
    assert_string_equal(state->served_ca, "rds-ca-2019");
}

TEST(silence_is_a_finding_after_three_failures_and_hides_nothing)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    scene_fail(state, ADDRESS, OUTCOME_UNREACHABLE, "2026-07-03T00:00:00Z");
    scene_fail(state, ADDRESS, OUTCOME_UNREACHABLE, "2026-07-04T00:00:00Z");
    scene_judge(state, at("2026-07-04T00:00:00Z"));
    assert_string_equal(scene_findings(state), "rotation-due=notice");
    scene_fail(state, ADDRESS, OUTCOME_UNREACHABLE, "2026-07-05T00:00:00Z");
    scene_judge(state, at("2026-07-05T00:00:00Z"));
    assert_string_equal(scene_findings(state), "unreachable=unknown rotation-due=notice");
    assert_int_equal(state->severity, SEVERITY_UNKNOWN);
    /* What was last seen goes on ageing. */
    scene_judge(state, at("2026-12-31T00:00:00Z"));
    assert_string_equal(scene_findings(state),
                        "unreachable=unknown rotation-overdue=critical certificate-expiring=critical");
    scene_fetch(state, ADDRESS, "2026-12-31T00:00:00Z", "2027-12-31T00:00:00Z");
    scene_judge(state, at("2026-12-31T01:00:00Z"));
    assert_string_equal(scene_findings(state), "");
}

TEST(each_way_to_fail_has_its_finding)
{
    static const struct {
        Outcome outcome;
        const char *after_one, *after_three;
    } cases[] = {
        { OUTCOME_UNREACHABLE, "", "unreachable=unknown" },
        { OUTCOME_TLS_REFUSED, "", "tls-refused=warning" },
        { OUTCOME_HANDSHAKE_FAILED, "", "handshake-failed=unknown" },
        { OUTCOME_PROBER_BLOCKED, "prober-blocked=critical", "prober-blocked=critical" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        scene_fail(state, ADDRESS, cases[i].outcome, BEGIN_TEXT);
        scene_judge(state, at(BEGIN_TEXT));
        assert_string_equal(scene_findings(state), cases[i].after_one);
        assert_true(state->severity >= SEVERITY_UNKNOWN); /* no data is no good news */
        scene_fail(state, ADDRESS, cases[i].outcome, BEGIN_TEXT);
        scene_fail(state, ADDRESS, cases[i].outcome, BEGIN_TEXT);
        scene_judge(state, at(BEGIN_TEXT));
        assert_string_equal(scene_findings(state), cases[i].after_three);
    }
}

TEST(a_name_without_addresses_is_a_finding_of_the_whole_endpoint)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    for (int i = 0; i < 3; i++)
        endpoint_state_note_unresolved(state, "Domain name not found", at(BEGIN_TEXT));
    scene_judge(state, at(BEGIN_TEXT));
    assert_string_equal(scene_findings(state), "name-unresolved=unknown");
    assert_null(state->findings.items[0].address);
}

TEST(each_address_is_judged_by_itself_and_the_oldest_leads)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", "2026-06-01T00:00:00Z", "2027-06-01T00:00:00Z");
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT);
    scene_judge(state, at("2026-08-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "rotation-overdue=warning");
    assert_string_equal(state->findings.items[0].address, "10.0.0.2");
    assert_string_equal(state->oldest->address.text, "10.0.0.2");
    assert_string_equal(INSTANT_TEXT(state->rotation.half_life), "2026-07-02T12:00:00Z");
    assert_string_equal(INSTANT_TEXT(state->ca_not_after), "2032-01-01T00:00:00Z");
}

TEST(the_last_certificate_survives_a_change_of_addresses_until_another_is_seen)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    Address fresh;
    assert_int_equal(address_parse("10.0.0.9", 5432, &fresh), 0);
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    endpoint_state_retain(state, &fresh, 1);
    assert_int_equal(state->n_addresses, 1);
    scene_fail(state, "10.0.0.9", OUTCOME_UNREACHABLE, BEGIN_TEXT);
    endpoint_state_retain(state, &fresh, 1);
    assert_int_equal(state->n_addresses, 2);
    scene_fetch(state, "10.0.0.9", BEGIN_TEXT, END_TEXT);
    endpoint_state_retain(state, &fresh, 1);
    assert_int_equal(state->n_addresses, 1);
    assert_string_equal(state->addresses[0].address.text, "10.0.0.9");
}

TEST(a_stalled_rotation_names_the_dates_the_window_and_the_command)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    scene_judge(state, at("2026-08-01T00:00:00Z"));
    assert_string_equal(
        state->findings.items[0].message,
        "certificate 0A1B (rds-ca-rsa2048-g1, valid 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z) passed its "
        "half-life at "
        "2026-07-02T12:00:00Z, the maintenance window sun:05:00-sun:06:00 that ended by 2026-07-05T06:00:00Z "
        "brought no new "
        "one: the rotation has stalled; critical from 2026-10-01T18:00:00Z (class inferred from its lifetime)");
    assert_string_equal(
        state->findings.items[0].remedy,
        "aws rds modify-db-instance --db-instance-identifier orders --ca-certificate-identifier "
        "rds-ca-rsa2048-g1 --apply-immediately --region us-east-1");
    assert_string_equal(INSTANT_TEXT(state->findings.items[0].due), "2026-10-01T18:00:00Z");
}

TEST(no_name_out_of_a_certificate_goes_unprintable_into_a_message_or_into_a_line_to_copy)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    state->addresses[0].verification.name_matches = false;
    strv_append(&state->addresses[0].seen->chain.certificates[0]->names, xstrdup("x\"; \033[2Jrm -rf"));
    scene_judge(state, at(BEGIN_TEXT));
    assert_null(strchr(state->findings.items[0].message, '\033'));
    assert_null(strstr(state->findings.items[0].remedy, "rm -rf"));
}

RUN_TESTS(
    cmocka_unit_test(the_life_of_an_online_certificate_that_nobody_rotates),
    cmocka_unit_test(without_a_window_it_is_overdue_16_days_after_half_life),
    cmocka_unit_test(the_life_of_a_certificate_that_needs_a_restart),
    cmocka_unit_test(the_life_of_a_proxy_s_certificate),
    cmocka_unit_test(the_last_line_is_scaled_for_short_lives),
    cmocka_unit_test(severity_never_falls_while_nothing_but_time_passes_after_the_beginning),
    cmocka_unit_test(each_flaw_of_a_chain_has_its_finding),
    cmocka_unit_test(an_old_authority_promises_no_rotation),
    cmocka_unit_test(silence_is_a_finding_after_three_failures_and_hides_nothing),
    cmocka_unit_test(each_way_to_fail_has_its_finding),
    cmocka_unit_test(a_name_without_addresses_is_a_finding_of_the_whole_endpoint),
    cmocka_unit_test(each_address_is_judged_by_itself_and_the_oldest_leads),
    cmocka_unit_test(the_last_certificate_survives_a_change_of_addresses_until_another_is_seen),
    cmocka_unit_test(a_stalled_rotation_names_the_dates_the_window_and_the_command),
    cmocka_unit_test(no_name_out_of_a_certificate_goes_unprintable_into_a_message_or_into_a_line_to_copy));
