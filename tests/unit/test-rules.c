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
            scene_evaluate(state, now - 1);
            assert_string_equal(scene_findings(state), rows[i - 1].findings);
            assert_string_equal(INSTANT_TEXT(state->changes_at), rows[i].from);
        }
        scene_evaluate(state, now);
        assert_string_equal(scene_findings(state), rows[i].findings);
    }
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
    scene_evaluate(state, at("2026-07-18T11:59:59Z"));
    assert_string_equal(scene_findings(state), "rotation-due=notice");
    scene_evaluate(state, at("2026-07-18T12:00:00Z"));
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
                scene_evaluate(state, now);
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
            v->reason = xstrdup("its issuer is not in it");
        }
        if (strcmp(flaw, "leaf-alone") == 0) {
            chain_deinit(&v->path);
            while (chain->n > 1)
                certificate_unref(chain->certificates[--chain->n]);
        }
        if (strcmp(flaw, "self-signed") == 0) {
            verification_deinit(v);
            *v = (Verification) { .possible = true, .self_signed = true, .name_matches = true };
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
            v->path.certificates[1]->not_after = at("2026-01-31T23:59:59Z");
        scene_evaluate(state, at("2026-02-01T00:00:00Z"));
        assert_string_equal(scene_findings(state), cases[i].findings);
    }
}

/* The CA that signs ends in 2032 and its root in 2061, long before the server's own certificate. */
TEST(the_clocks_of_intermediate_and_root_run_apart)
{
    static const Row rows[] = {
        { "2030-06-15T00:00:00Z", "" },
        { "2031-12-02T00:00:00Z", "intermediate-expiring=warning" },
        { "2031-12-25T00:00:00Z", "intermediate-expiring=critical" },
        { "2032-01-01T00:00:01Z", "intermediate-expired=critical" },
        { "2059-05-26T23:34:57Z", "intermediate-expired=critical ca-expiring=notice" },
        { "2060-05-25T23:34:57Z", "intermediate-expired=critical ca-expiring=warning" },
        { "2061-02-24T23:34:57Z", "intermediate-expired=critical ca-expiring=critical" },
        { "2061-05-25T23:34:58Z", "intermediate-expired=critical ca-expired=critical" },
    };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    state->endpoint->rotation = CLASS_EXTERNAL;
    scene_fetch(state, ADDRESS, "2030-01-01T00:00:00Z", "9999-12-31T23:59:59Z");
    assert_story(state, rows, ARRAY_SIZE(rows) - 4);
    assert_string_equal(INSTANT_TEXT(state->ca_not_after), "2032-01-01T00:00:00Z");
    scene_evaluate(state, at("2031-12-03T00:00:00Z"));
    assert_non_null(
        strstr(state->findings.items[0].message,
               "the intermediate \"Amazon RDS us-east-1 Subordinate CA RSA2048 G1.A.1\" above certificate"));
    assert_story(state, rows, ARRAY_SIZE(rows));
    assert_non_null(
        strstr(state->findings.items[1].message,
               "the root \"Amazon RDS us-east-1 Root CA RSA2048 G1\" of the trust bundle above certificate"));
}

/* What stands above the certificate of the scene; not_after of each. */
static void set_ends(EndpointState *state, const char *intermediate, const char *root)
{
    Chain *path = &state->addresses[0].verification.path;
    path->certificates[0]->not_after = at(intermediate);
    path->certificates[1]->not_after = at(root);
}

TEST(a_ca_that_the_next_certificate_would_outlive_is_said_before)
{
    static const struct {
        const char *begin, *end, *intermediate, *root, *now, *findings;
        RotationClass class;
    } cases[] = {
        /* A year's certificate that is made before 2031 ends before the CA does. */
        { "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z", "2061-01-01T00:00:00Z",
          "2030-06-01T00:00:00Z", "", CLASS_ONLINE },
        /* This one is rotated in March 2031. */
        { "2030-09-01T00:00:00Z", "2031-09-01T00:00:00Z", "2032-01-01T00:00:00Z", "2061-01-01T00:00:00Z",
          "2030-10-01T00:00:00Z", "intermediate-expiring=notice", CLASS_ONLINE },
        /* And nobody makes one for longer than the root lives. */
        { "2056-01-01T00:00:00Z", "2059-01-01T00:00:00Z", "2061-05-25T00:00:00Z", "2061-05-25T00:00:00Z",
          "2056-02-01T00:00:00Z", "ca-outlived=notice", CLASS_RESTART },
        { "2056-01-01T00:00:00Z", "2059-01-01T00:00:00Z", "2061-05-25T00:00:00Z", "2061-05-25T00:00:00Z",
          "2058-07-01T00:00:00Z", "rotation-due=warning ca-outlived=warning", CLASS_RESTART },
        { "2059-09-01T00:00:00Z", "2060-09-01T00:00:00Z", "2061-05-25T00:00:00Z", "2061-05-25T00:00:00Z",
          "2059-10-01T00:00:00Z", "ca-expiring=notice", CLASS_ONLINE },
        { "2060-01-01T00:00:00Z", "2061-01-01T00:00:00Z", "2061-05-25T00:00:00Z", "2061-05-25T00:00:00Z",
          "2060-02-01T00:00:00Z", "ca-expiring=notice ca-outlived=notice", CLASS_ONLINE },
        /* Nobody says how long those will live. */
        { "2060-01-01T00:00:00Z", "2061-01-01T00:00:00Z", "2061-05-25T00:00:00Z", "2061-05-25T00:00:00Z",
          "2060-02-01T00:00:00Z", "ca-expiring=notice", CLASS_ACM },
        /* The hundred years of a root are numbers like any others. */
        { "2124-01-01T00:00:00Z", "2125-01-01T00:00:00Z", "2125-12-31T00:00:00Z", "2125-12-31T23:59:59Z",
          "2124-01-15T00:00:00Z", "ca-expiring=notice", CLASS_ONLINE },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        state->endpoint->rotation = (int)cases[i].class;
        scene_fetch(state, ADDRESS, cases[i].begin, cases[i].end);
        set_ends(state, cases[i].intermediate, cases[i].root);
        scene_evaluate(state, at(cases[i].now));
        assert_string_equal(scene_findings(state), cases[i].findings);
    }
}

TEST(a_private_root_of_few_years_is_not_called_out_all_its_life)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    state->endpoint->rotation = CLASS_EXTERNAL;
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    Chain *path = &state->addresses[0].verification.path;
    path->certificates[1]->not_before = at("2026-01-01T00:00:00Z");
    set_ends(state, "2028-01-01T00:00:00Z", "2028-01-01T00:00:00Z"); /* two years: two fifths are 292 days */
    scene_evaluate(state, at("2026-06-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "");
    assert_string_equal(INSTANT_TEXT(state->changes_at),
                        "2026-12-02T00:00:00Z"); /* the server's own end is nearer */
    scene_evaluate(state, at("2026-11-30T00:00:00Z"));
    assert_string_equal(scene_findings(state), "");
}

TEST(thresholds_move_what_is_not_rds_s_own_law)
{
    static const Row rows[] = {
        { "2026-06-01T00:00:00Z", "" },
        { "2026-07-02T12:00:00Z", "rotation-due=notice" },      /* half-life is RDS's */
        { "2026-07-20T06:00:00Z", "rotation-overdue=warning" }, /* 15 days after the window */
        { "2026-10-01T18:00:00Z", "rotation-overdue=critical" },
        { "2026-10-03T00:00:00Z", "rotation-overdue=critical certificate-expiring=warning" },  /* 90 days */
        { "2026-12-02T00:00:00Z", "rotation-overdue=critical certificate-expiring=critical" }, /* 30 days */
    };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    state->endpoint->thresholds.online_grace = 15 * DAY;
    state->endpoint->thresholds.expiring_warning = 90 * DAY;
    state->endpoint->thresholds.expiring_critical = 30 * DAY;
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    assert_story(state, rows, ARRAY_SIZE(rows));
}

/* Where the chain ends before the certificate, whoever waits for a restart is told of that day. */
TEST(the_earliest_of_the_three_ends_rules_a_restart)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    state->endpoint->rotation = CLASS_RESTART;
    scene_fetch(state, ADDRESS, "2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z");
    set_ends(state, "2027-09-01T00:00:00Z", "2061-01-01T00:00:00Z");
    scene_evaluate(state, at("2027-03-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "rotation-due=warning intermediate-expiring=notice");
    assert_non_null(
        strstr(state->findings.items[0].message,
               "its intermediate \"Amazon RDS us-east-1 Subordinate CA RSA2048 G1.A.1\" ends first, at "
               "2027-09-01T00:00:00Z"));
    assert_string_equal(INSTANT_TEXT(state->ca_not_after), "2027-09-01T00:00:00Z");
}

static Catalogue *catalogue_of(const char *fingerprint)
{
    Catalogue *catalogue = NULL;
    char **errors = NULL;
    _cleanup_free_ char *text = xasprintf(
        "version\t2026-11-20\n"
        "partition\taws\thttps://example.com/global.pem\n"
        "region\tus-east-1\taws\tUS East (N. Virginia)\thttps://example.com/us-east-1.pem\trds-ca-ecc384-g1\n"
        "authority\trds-ca-rsa2048-g1\tus-east-1\tproduction\troot\tAmazon RDS us-east-1 Root CA RSA2048 G1\t"
        "2021-05-25T22:34:57Z\t2061-05-25T23:34:57Z\t%040d\t%s\n",
        0, fingerprint);
    assert_int_equal(catalogue_parse("c.tsv", text, &catalogue, &errors), 0);
    return catalogue;
}

#define PRINT "e4ce41d069f4bdcdb714259058961ee42ed18cf2bf627a3d647aff25437d4b68"

static bool says(const Finding *finding, const char *words)
{
    _cleanup_free_ char *remedy = steps_script(&finding->steps);
    return strstr(remedy, words) != NULL;
}

static void assert_remedy(const EndpointState *state, size_t i, const char *script)
{
    _cleanup_free_ char *remedy = steps_script(&state->findings.items[i].steps);
    assert_string_equal(remedy, script);
}

TEST(an_authority_is_known_by_its_fingerprint_and_offered_or_not)
{
    static const struct {
        const char *issuer, *root_print, *ca, *region, *host, *findings, *words, *remedy;
    } cases[] = {
        { NULL, PRINT, "rds-ca-rsa2048-g1", "us-east-1", NULL, "", NULL },
        { NULL, "00", "rds-ca-rsa2048-g1", "us-east-1", NULL, "ca-unknown=warning",
          "leads to a root named \"Amazon RDS us-east-1 Root CA RSA2048 G1\" that is not the one",
          "who put that root into the bundle" },
        { "Amazon RDS us-east-1 Subordinate CA RSA2048 G2.A.1", PRINT, NULL, "us-east-1", NULL,
          "ca-unknown=notice",
          "comes from rds-ca-rsa2048-g2 of us-east-1, which the catalogue (2026-11-20, c.tsv) does not know "
          "yet" },
        { "Amazon RDS us-west-9 Subordinate CA RSA2048 G1.A.1", PRINT, NULL, "us-west-9", NULL,
          "ca-unknown=notice", "comes from rds-ca-rsa2048-g1 of us-west-9" },
        { "Amazon RDS us-west-2 Subordinate CA RSA2048 G1.A.1", PRINT, "rds-ca-rsa2048-g1", "us-east-1", NULL,
          "ca-mismatch=warning ca-unknown=notice",
          "comes from the authority of us-west-2, and the endpoint is in us-east-1",
          "set region = \"us-west-2\" for orders in dbcertd's configuration, then:\n# Change (here)\nsystemctl "
          "reload dbcertd" },
        { "My CA", PRINT, NULL, "us-east-1", NULL, "ca-unknown=notice",
          "comes from no authority of RDS, although", "aws rds describe-db-instances" },
        { "Amazon RSA 2048 M01", PRINT, NULL, "us-east-1", NULL, "ca-unknown=notice", "Amazon Trust Services" },
        { "Amazon RSA 2048 M01", PRINT, "rds-ca-rsa2048-g1", "us-east-1", NULL, "ca-mismatch=warning",
          "as those of proxies do" },
        { "My CA", PRINT, NULL, NULL, "db.example.com", "", NULL },
        { NULL, PRINT, "rds-ca-ecc384-g1", "us-east-1", NULL, "ca-mismatch=warning ca-not-offered=warning",
          NULL },
        { "Amazon RDS us-east-1 Subordinate CA ECC384 G1.A.1", PRINT, "rds-ca-ecc384-g1", "us-east-1", NULL,
          "ca-unknown=notice", NULL }, /* a server that serves it has proved the guide wrong */
        { "Amazon RDS Beta us-east-1 Subordinate CA RSA2048 G1.A.1", PRINT, NULL, "us-east-1", NULL,
          "ca-mismatch=warning", "which is for Amazon's own tests" },
        { "Amazon RDS us-east-1 2019 CA", PRINT, NULL, "us-east-1", NULL,
          "ca-retired=warning ca-unknown=notice", "do not rotate by themselves",
          "dbcertctl plan rds-ca-rsa2048-g1" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_of(PRINT);
        Endpoint *e = state->endpoint;
        e->rotation = CLASS_ONLINE;
        free(e->ca);
        free(e->region);
        e->ca = xstrdup(cases[i].ca);
        e->region = xstrdup(cases[i].region);
        if (cases[i].host) {
            free(e->host);
            e->host = xstrdup(cases[i].host);
        }
        scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
        Certificate *server = state->addresses[0].seen->chain.certificates[0];
        Certificate *root = state->addresses[0].seen->chain.certificates[2];
        if (cases[i].issuer) {
            free(server->issuer_cn);
            server->issuer_cn = xstrdup(cases[i].issuer);
        }
        free(root->sha256);
        root->sha256 = xstrdup(cases[i].root_print);
        rule_evaluate_endpoint(state, &(Policy) { .unreachable_after = 3, .catalogue = catalogue },
                               at("2026-02-01T00:00:00Z"));
        assert_string_equal(scene_findings(state), cases[i].findings);
        if (cases[i].words)
            assert_non_null(strstr(state->findings.items[0].message, cases[i].words));
        if (cases[i].remedy)
            assert_true(says(&state->findings.items[0], cases[i].remedy));
        for (size_t j = 0; j < state->findings.n; j++)
            assert_non_null(steps_first_command(&state->findings.items[j].steps));
    }
}

TEST(an_old_authority_promises_no_rotation)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    Certificate *server = state->addresses[0].seen->chain.certificates[0];
    free(server->issuer_cn);
    server->issuer_cn = xstrdup("Amazon RDS us-east-1 2019 CA");
    scene_evaluate(state, at("2026-08-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "ca-mismatch=warning ca-retired=warning");
    assert_int_equal(state->rotation.class, CLASS_EXTERNAL);
    assert_string_equal(state->served_ca, "rds-ca-2019");
}

TEST(silence_is_a_finding_after_three_failures_and_hides_nothing)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    scene_fail(state, ADDRESS, OUTCOME_UNREACHABLE, "2026-07-03T00:00:00Z");
    scene_fail(state, ADDRESS, OUTCOME_UNREACHABLE, "2026-07-04T00:00:00Z");
    scene_evaluate(state, at("2026-07-04T00:00:00Z"));
    assert_string_equal(scene_findings(state), "rotation-due=notice");
    scene_fail(state, ADDRESS, OUTCOME_UNREACHABLE, "2026-07-05T00:00:00Z");
    scene_evaluate(state, at("2026-07-05T00:00:00Z"));
    assert_string_equal(scene_findings(state), "unreachable=unknown rotation-due=notice");
    assert_int_equal(state->severity, SEVERITY_UNKNOWN);
    /* What was last seen goes on ageing. */
    scene_evaluate(state, at("2026-12-31T00:00:00Z"));
    assert_string_equal(scene_findings(state),
                        "unreachable=unknown rotation-overdue=critical certificate-expiring=critical");
    scene_fetch(state, ADDRESS, "2026-12-31T00:00:00Z", "2027-12-31T00:00:00Z");
    scene_evaluate(state, at("2026-12-31T01:00:00Z"));
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
        scene_evaluate(state, at(BEGIN_TEXT));
        assert_string_equal(scene_findings(state), cases[i].after_one);
        assert_true(state->severity >= SEVERITY_UNKNOWN); /* no data is no good news */
        scene_fail(state, ADDRESS, cases[i].outcome, BEGIN_TEXT);
        scene_fail(state, ADDRESS, cases[i].outcome, BEGIN_TEXT);
        scene_evaluate(state, at(BEGIN_TEXT));
        assert_string_equal(scene_findings(state), cases[i].after_three);
    }
}

TEST(a_name_without_addresses_is_a_finding_of_the_whole_endpoint)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    for (int i = 0; i < 3; i++)
        endpoint_state_note_unresolved(state, "Domain name not found", at(BEGIN_TEXT));
    scene_evaluate(state, at(BEGIN_TEXT));
    assert_string_equal(scene_findings(state), "name-unresolved=unknown");
    assert_null(state->findings.items[0].address);
}

TEST(each_address_is_judged_by_itself_and_the_oldest_leads)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", "2026-06-01T00:00:00Z", "2027-06-01T00:00:00Z");
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT);
    scene_evaluate(state, at("2026-08-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "rotation-overdue=warning addresses-disagree=warning");
    assert_string_equal(state->findings.items[0].address, "10.0.0.2");
    assert_string_equal(state->oldest->address.text, "10.0.0.2");
    assert_string_equal(INSTANT_TEXT(state->rotation.half_life), "2026-07-02T12:00:00Z");
    assert_string_equal(INSTANT_TEXT(state->ca_not_after), "2032-01-01T00:00:00Z");
}

/* The server certificate of an address, to be made different. */
static Certificate *server_at(EndpointState *state, const char *address)
{
    return endpoint_state_find(state, address)->seen->chain.certificates[0];
}

static void rename_to(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

TEST(addresses_of_one_instance_disagree_if_one_serves_an_older_certificate)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT);
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "");
    scene_fetch(state, "10.0.0.2", "2026-01-15T00:00:00Z", "2027-01-15T00:00:00Z");
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "addresses-disagree=warning");
    assert_null(state->findings.items[0].address);
    assert_string_equal(
        state->findings.items[0].message,
        "behind orders.c9akciq32rgq.us-east-1.rds.amazonaws.com some addresses serve an older certificate "
        "of the same instance: 10.0.0.1 has certificate 0A1B (rds-ca-rsa2048-g1, valid "
        "2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z); 10.0.0.2 has certificate 0A1B "
        "(rds-ca-rsa2048-g1, valid 2026-01-15T00:00:00Z to 2027-01-15T00:00:00Z)");
    /* That one does not answer any more is not the end of it; that the other is found to have the same is. */
    endpoint_state_find(state, "10.0.0.1")->seen->observed_at = at("2026-02-01T00:00:00Z");
    state->run++;
    scene_fail(state, "10.0.0.1", OUTCOME_UNREACHABLE, "2026-02-01T00:00:00Z");
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "addresses-disagree=warning");
    scene_fetch(state, "10.0.0.1", "2026-01-15T00:00:00Z", "2027-01-15T00:00:00Z");
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "");
}

/* In a later run of this start, and after a restart, from when on nothing is known of runs. */
TEST(what_was_seen_at_an_address_before_it_failed_begins_no_disagreement)
{
    for (unsigned runs = 0; runs < 2; runs++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
        state->run += runs;
        scene_fail(state, "10.0.0.1", OUTCOME_UNREACHABLE, "2026-02-01T00:00:00Z");
        scene_fetch(state, "10.0.0.2", "2026-01-15T00:00:00Z", "2027-01-15T00:00:00Z");
        scene_evaluate(state, at("2026-02-01T00:00:00Z"));
        assert_string_equal(scene_findings(state), "");
    }
}

TEST(addresses_are_compared_as_one_run_has_seen_them)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT);
    state->run++; /* both have been rotated, but one is still to be probed */
    scene_fetch(state, "10.0.0.1", "2026-02-01T00:00:00Z", "2027-02-01T00:00:00Z");
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "");
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT); /* it has been, and was not */
    scene_evaluate(state, at("2026-02-01T00:00:01Z"));
    assert_string_equal(scene_findings(state), "addresses-disagree=warning");
    state->run++; /* and the next run does not resolve it by having begun */
    scene_fetch(state, "10.0.0.1", "2026-02-01T00:00:00Z", "2027-02-01T00:00:00Z");
    scene_evaluate(state, at("2026-02-01T01:00:00Z"));
    assert_string_equal(scene_findings(state), "addresses-disagree=warning");
    scene_fetch(state, "10.0.0.2", "2026-02-01T00:00:00Z", "2027-02-01T00:00:00Z");
    scene_evaluate(state, at("2026-02-01T01:00:01Z"));
    assert_string_equal(scene_findings(state), "");
}

/* A reader endpoint: each instance has a certificate of its own name and age. */
TEST(instances_of_a_cluster_disagree_only_if_one_is_past_its_half_life)
{
    static const Row rows[] = {
        { "2026-03-01T00:00:00Z", "" },
        { "2026-07-02T12:00:00Z", "rotation-due=notice addresses-disagree=notice" },
    };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fetch(state, "10.0.0.2", "2026-03-01T00:00:00Z", "2027-03-01T00:00:00Z");
    rename_to(&server_at(state, "10.0.0.1")->subject, "CN=orders-1");
    rename_to(&server_at(state, "10.0.0.2")->subject, "CN=orders-2");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        scene_evaluate(state, at(rows[i].from));
        assert_string_equal(scene_findings(state), rows[i].findings);
    }
    assert_non_null(strstr(state->findings.items[1].message, "instances differ in age: "));
}

TEST(addresses_disagree_about_the_ca)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    free(TAKE(state->endpoint->ca));
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT);
    rename_to(&server_at(state, "10.0.0.1")->subject, "CN=orders-1");
    rename_to(&server_at(state, "10.0.0.2")->issuer_cn, "Amazon RDS us-east-1 Subordinate CA ECC384 G1.A.1");
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "addresses-disagree=warning");
    const char *message = state->findings.items[0].message;
    assert_non_null(strstr(message, "the certificates come from different CAs: 10.0.0.1 has certificate 0A1B "
                                    "(rds-ca-rsa2048-g1, "));
    assert_non_null(strstr(message, "10.0.0.2 has certificate 0A1B (rds-ca-ecc384-g1, "));
}

TEST(a_message_about_many_addresses_stays_a_line)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    for (int i = 1; i <= 12; i++) {
        _cleanup_free_ char *address = xasprintf("10.0.0.%d", i);
        scene_fetch(state, address, i > 1 ? BEGIN_TEXT : "2026-01-02T00:00:00Z", END_TEXT);
    }
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "addresses-disagree=warning");
    const char *message = state->findings.items[0].message;
    assert_string_equal(message + strlen(message) - strlen("; and 4 more"), "; and 4 more");
}

TEST(what_strict_clients_would_not_negotiate_is_told)
{
    static const struct {
        TlsAge age;
        const char *findings;
    } cases[] = {
        { TLS_AGE_CURRENT, "" },
        { TLS_AGE_OLD_SUITE, "legacy-tls=notice" },
        { TLS_AGE_OLD_VERSION, "legacy-tls=warning" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
        state->addresses[0].seen->tls_age = cases[i].age;
        state->addresses[0].seen->tls_version = xstrdup("TLS1.0");
        state->addresses[0].seen->tls_cipher = xstrdup("RSA_AES_128_CBC_SHA1");
        scene_evaluate(state, at("2026-02-01T00:00:00Z"));
        assert_string_equal(scene_findings(state), cases[i].findings);
        if (i > 0)
            assert_non_null(strstr(state->findings.items[0].message, "chose TLS1.0 with RSA_AES_128_CBC_SHA1"));
    }
}

TEST(plaintext_is_a_finding_only_where_it_was_asked_for)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    state->addresses[0].plaintext = PLAINTEXT_ACCEPTED;
    state->addresses[0].plaintext_at = at(BEGIN_TEXT);
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "");
    state->endpoint->check_plaintext = true;
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "plaintext-accepted=warning");
    assert_remedy(state, 0,
                  "# Look (aws)\n"
                  "aws rds describe-db-instances --db-instance-identifier orders --query "
                  "'DBInstances[].DBParameterGroups' --region us-east-1\n"
                  "# Change (aws): refuses clients without TLS\n"
                  "aws rds modify-db-parameter-group --db-parameter-group-name DB-PARAMETER-GROUP --parameters "
                  "ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=immediate --region us-east-1\n"
                  "# Verify (here)\n"
                  "dbcertctl probe orders");
    state->addresses[0].plaintext = PLAINTEXT_REFUSED;
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "");
}

TEST(a_proxy_is_acm_s_by_its_kind_and_no_command_of_an_instance_is_given_for_it)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    state->endpoint->kind = KIND_PROXY;
    rename_to(&state->endpoint->host, "orders.proxy-c9akciq32rgq.us-east-1.rds.amazonaws.com");
    free(TAKE(state->endpoint->ca));
    scene_fetch(state, ADDRESS, "2026-03-01T00:00:00Z", "2026-09-15T00:00:00Z"); /* 198 days */
    rename_to(&server_at(state, ADDRESS)->issuer_cn, "Amazon RSA 2048 M01");
    scene_evaluate(state, at("2026-06-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), "");
    assert_int_equal(state->rotation.class, CLASS_ACM);
    scene_evaluate(state, at("2026-08-17T00:00:00Z"));
    assert_string_equal(scene_findings(state), "rotation-overdue=warning certificate-expiring=warning");
    for (size_t i = 0; i < state->findings.n; i++)
        assert_remedy(
            state, i,
            "# Look (aws)\n"
            "aws rds describe-db-proxies --db-proxy-name orders --region us-east-1\n"
            "# Change (aws), by hand: AWS Certificate Manager renews the certificate; if it does not, "
            "open a case with AWS Support");
}

/* What to type to be spoken to with TLS, for each kind of server. */
TEST(each_family_has_its_way_to_tls)
{
    static const struct {
        const char *engine, *words;
        bool direct_tls, strict;
    } cases[] = {
        { "postgres", "# Change (server)\npsql -c 'ALTER SYSTEM SET ssl = on' -c 'SELECT pg_reload_conf()'\n" },
        { "postgres", ", by hand: leave direct_tls out for orders in", .direct_tls = true },
        { "aurora-mysql", "# Change (server), by hand: set ssl_cert and ssl_key" },
        { "sqlserver-se",
          "# Change (server), by hand: choose a certificate in SQL Server Configuration Manager" },
        { "sqlserver-se", ", by hand: leave strict out for orders in", .strict = true },
        { "oracle-ee", "set port to the SSL option's for orders" },
        { "db2-se", "set port to the one that the parameter ssl_svcename names for orders" },
        { "docdb",
          "aws docdb modify-db-cluster-parameter-group --db-cluster-parameter-group-name DB-PARAMETER-GROUP "
          "--parameters ParameterName=tls,ParameterValue=enabled,ApplyMethod=pending-reboot --region "
          "us-east-1\n# Verify (here)\ndbcertctl probe orders" },
        { "neptune", "set engine or port for orders" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        state->endpoint->engine = engine_find(cases[i].engine);
        rename_to(&state->endpoint->engine_name, cases[i].engine);
        state->endpoint->direct_tls = cases[i].direct_tls;
        state->endpoint->strict = cases[i].strict;
        for (int n = 0; n < 3; n++)
            scene_fail(state, ADDRESS, OUTCOME_TLS_REFUSED, BEGIN_TEXT);
        scene_evaluate(state, at(BEGIN_TEXT));
        assert_true(says(&state->findings.items[0], cases[i].words));
    }
}

TEST(addresses_have_an_order)
{
    static const char *const order[] = { "10.0.0.9", "10.0.0.10", "fd00::1", "fd00::2" };
    static const size_t coming[] = { 2, 1, 3, 0 };
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        scene_fetch(state, order[coming[i]], BEGIN_TEXT, END_TEXT);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        assert_string_equal(state->addresses[i].address.text, order[i]);
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
    scene_fetch(state, "10.0.0.9", "2026-02-01T00:00:00Z", "2027-02-01T00:00:00Z");
    scene_evaluate(state, at("2026-02-01T00:00:00Z"));
    assert_string_equal(scene_findings(state), ""); /* who is gone disagrees with nobody */
    assert_true(endpoint_state_forget_gone(state));
    assert_int_equal(state->n_addresses, 1);
    assert_string_equal(state->addresses[0].address.text, "10.0.0.9");
}

TEST(a_stalled_rotation_names_the_dates_the_window_and_the_command)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    scene_evaluate(state, at("2026-08-01T00:00:00Z"));
    assert_string_equal(
        state->findings.items[0].message,
        "certificate 0A1B (rds-ca-rsa2048-g1, valid 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z) passed its "
        "half-life at "
        "2026-07-02T12:00:00Z, the maintenance window sun:05:00-sun:06:00 that ended by 2026-07-05T06:00:00Z "
        "brought no new "
        "one: the rotation has stalled; critical from 2026-10-01T18:00:00Z (class inferred from its lifetime)");
    assert_remedy(state, 0,
                  "# Change (aws): at once, does not restart the database; refuses clients that do not trust "
                  "rds-ca-rsa2048-g1\n"
                  "aws rds modify-db-instance --db-instance-identifier orders --ca-certificate-identifier "
                  "rds-ca-rsa2048-g1 --apply-immediately --region us-east-1\n"
                  "# Verify (here)\n"
                  "dbcertctl probe orders");
    assert_string_equal(INSTANT_TEXT(state->findings.items[0].due), "2026-10-01T18:00:00Z");
}

TEST(no_name_out_of_a_certificate_goes_unprintable_into_a_message_or_into_a_line_to_copy)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    state->addresses[0].verification.name_matches = false;
    strv_append(&state->addresses[0].seen->chain.certificates[0]->names, xstrdup("x\"; \033[2Jrm -rf"));
    scene_evaluate(state, at(BEGIN_TEXT));
    assert_null(strchr(state->findings.items[0].message, '\033'));
    assert_false(says(&state->findings.items[0], "rm -rf"));
}

TEST(a_message_names_three_of_a_thousand_names_and_the_count_of_the_others)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    state->addresses[0].verification.name_matches = false;
    Certificate *c = state->addresses[0].seen->chain.certificates[0];
    for (int i = 0; i < 99; i++)
        strv_append(&c->names, xasprintf("n%d.example", i));
    c->n_more_names = 900;
    scene_evaluate(state, at(BEGIN_TEXT));
    const char *message = state->findings.items[0].message;
    assert_non_null(strstr(message, ", n0.example, n1.example and 997 more"));
    strv_free(TAKE(c->names)); /* of one that is not kept whole */
    scene_evaluate(state, at(BEGIN_TEXT));
    assert_string_equal(scene_findings(state), "name-mismatch=warning");
    assert_non_null(strstr(state->findings.items[0].message, "it is for 900 names"));
}

TEST(a_message_ends_at_its_bound_whatever_a_certificate_is_called)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    state->addresses[0].verification.name_matches = false;
    Certificate *c = state->addresses[0].seen->chain.certificates[0];
    text_set(&c->issuer_cn, xasprintf("%0100000d", 7));
    scene_evaluate(state, at(BEGIN_TEXT));
    assert_true(state->findings.n > 0);
    for (size_t i = 0; i < state->findings.n; i++) {
        const Finding *f = &state->findings.items[i];
        assert_true(strlen(f->message) <= FINDING_MESSAGE_BYTES_MAX);
        assert_true(!f->cause || strlen(f->cause) <= FINDING_MESSAGE_BYTES_MAX);
    }
}

/* The same numbers on every machine: a failure can be looked at again. */
static uint64_t dice(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

static void roll_life(EndpointState *state, uint64_t *seed)
{
    static const int64_t days[] = { 1, 20, 90, 198, 365, 366, 395, 1095, 1096, 3650 };
    static const RotationClass classes[] = { CLASS_AUTO, CLASS_ONLINE, CLASS_RESTART, CLASS_ACM,
                                             CLASS_EXTERNAL };
    char begin[INSTANT_TEXT_MAX], end[INSTANT_TEXT_MAX];
    int64_t from = at("2020-02-28T23:59:59Z") + (int64_t)dice(seed, UINT64_C(90) * 366 * DAY);
    int64_t life = days[dice(seed, ARRAY_SIZE(days))] * DAY + (int64_t)dice(seed, DAY);
    state->endpoint->rotation = (int)classes[dice(seed, ARRAY_SIZE(classes))];
    if (dice(seed, 2))
        state->endpoint->maintenance_window = (Window) { 0 };
    scene_fetch(state, ADDRESS, instant_text(from, begin), instant_text(from + life, end));
    Chain *path = &state->addresses[0].verification.path;
    path->certificates[0]->not_before = path->certificates[1]->not_before =
        from - (int64_t)dice(seed, UINT64_C(3650) * DAY);
    path->certificates[0]->not_after = from + (int64_t)dice(seed, UINT64_C(8) * 366 * DAY);
    path->certificates[1]->not_after = from + (int64_t)dice(seed, UINT64_C(100) * 366 * DAY);
}

/* From the certificate's first second to the end of all clocks: nothing gets better by itself, each verdict
 * foretells the second at which it ends, and between two such seconds nothing changes. */
TEST(while_nothing_but_time_passes_severity_never_falls_and_each_change_is_foretold)
{
    uint64_t seed = 20261121;
    for (int life = 0; life < 2000; life++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        roll_life(state, &seed);
        int64_t now = address_certificate(&state->addresses[0])->not_before;
        Severity before = SEVERITY_OK;
        for (unsigned changes = 0; now != INSTANT_NEVER; changes++) {
            scene_evaluate(state, now);
            int64_t next = state->changes_at;
            _cleanup_free_ char *findings = xstrdup(scene_findings(state));
            assert_true(state->severity >= before);
            assert_true(next > now);
            assert_true(changes < 40);
            before = state->severity;
            if (next != INSTANT_NEVER) {
                int64_t between[] = { now + (int64_t)dice(&seed, (uint64_t)(next - now)), next - 1 };
                for (size_t i = 0; i < ARRAY_SIZE(between); i++) {
                    scene_evaluate(state, between[i]);
                    assert_string_equal(scene_findings(state), findings);
                    assert_int_equal(state->changes_at, next);
                }
            }
            now = next;
        }
        assert_true(before == SEVERITY_CRITICAL);
    }
}

RUN_TESTS(cmocka_unit_test(while_nothing_but_time_passes_severity_never_falls_and_each_change_is_foretold),

          cmocka_unit_test(the_life_of_an_online_certificate_that_nobody_rotates),
          cmocka_unit_test(without_a_window_it_is_overdue_16_days_after_half_life),
          cmocka_unit_test(the_life_of_a_certificate_that_needs_a_restart),
          cmocka_unit_test(the_life_of_a_proxy_s_certificate),
          cmocka_unit_test(the_last_line_is_scaled_for_short_lives),
          cmocka_unit_test(severity_never_falls_while_nothing_but_time_passes_after_the_beginning),
          cmocka_unit_test(each_flaw_of_a_chain_has_its_finding),
          cmocka_unit_test(the_clocks_of_intermediate_and_root_run_apart),
          cmocka_unit_test(thresholds_move_what_is_not_rds_s_own_law),
          cmocka_unit_test(a_ca_that_the_next_certificate_would_outlive_is_said_before),
          cmocka_unit_test(a_private_root_of_few_years_is_not_called_out_all_its_life),
          cmocka_unit_test(the_earliest_of_the_three_ends_rules_a_restart),
          cmocka_unit_test(an_authority_is_known_by_its_fingerprint_and_offered_or_not),
          cmocka_unit_test(an_old_authority_promises_no_rotation),
          cmocka_unit_test(silence_is_a_finding_after_three_failures_and_hides_nothing),
          cmocka_unit_test(each_way_to_fail_has_its_finding),
          cmocka_unit_test(a_name_without_addresses_is_a_finding_of_the_whole_endpoint),
          cmocka_unit_test(each_address_is_judged_by_itself_and_the_oldest_leads),
          cmocka_unit_test(addresses_of_one_instance_disagree_if_one_serves_an_older_certificate),
          cmocka_unit_test(what_was_seen_at_an_address_before_it_failed_begins_no_disagreement),
          cmocka_unit_test(addresses_are_compared_as_one_run_has_seen_them),
          cmocka_unit_test(instances_of_a_cluster_disagree_only_if_one_is_past_its_half_life),
          cmocka_unit_test(addresses_disagree_about_the_ca),
          cmocka_unit_test(a_message_about_many_addresses_stays_a_line),
          cmocka_unit_test(what_strict_clients_would_not_negotiate_is_told),
          cmocka_unit_test(plaintext_is_a_finding_only_where_it_was_asked_for),
          cmocka_unit_test(a_proxy_is_acm_s_by_its_kind_and_no_command_of_an_instance_is_given_for_it),
          cmocka_unit_test(each_family_has_its_way_to_tls), cmocka_unit_test(addresses_have_an_order),
          cmocka_unit_test(the_last_certificate_survives_a_change_of_addresses_until_another_is_seen),
          cmocka_unit_test(a_stalled_rotation_names_the_dates_the_window_and_the_command),
          cmocka_unit_test(no_name_out_of_a_certificate_goes_unprintable_into_a_message_or_into_a_line_to_copy),
          cmocka_unit_test(a_message_names_three_of_a_thousand_names_and_the_count_of_the_others),
          cmocka_unit_test(a_message_ends_at_its_bound_whatever_a_certificate_is_called));
