/* Findings of trust stores and bundles, at each second at which one changes. */

#include "unit.h"

#include <stdio.h>

#include "model/trust.h"
#include "rules/rule-trust.h"

static char config_name[] = "billing", config_path[] = "/opt/billing/rds.p12";
static const TrustStore config = { .name = config_name, .path = config_path };

static TrustStoreState store_state(void)
{
    return (TrustStoreState) {
        .store = &config,
        .read_at = at("2026-01-01T00:00:00Z"),
        .format = "PKCS#12",
        .n_certificates = 3,
        .last_end = at("2061-05-25T00:00:00Z"),
    };
}

/* "trust-store-expired=warning": what the findings are, in order. Static. */
static const char *said(const FindingList *findings)
{
    static char text[1024];
    text[0] = 0;
    for (size_t i = 0; i < findings->n; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s=%s", i ? " " : "",
                 finding_to_string(findings->items[i].id), severity_to_string(findings->items[i].severity));
    }
    return text;
}

static const char *judged(TrustStoreState *state, const char *now)
{
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    rule_evaluate_trust_store(state, catalogue, at(now));
    return said(&state->findings);
}

static void add(TrustStoreState *state, const char *endpoint, Acceptance accepted, const char *served,
                Acceptance next, const char *next_ca)
{
    trust_verdicts_append(&state->verdicts, (TrustVerdict) {
                                                .endpoint = xstrdup(endpoint),
                                                .region = xstrdup("us-east-1"),
                                                .now = accepted,
                                                .served = xstrdup(served),
                                                .reason = xstrdup(accepted == ACCEPTANCE_NO ? "why" : NULL),
                                                .next = next,
                                                .next_ca = xstrdup(next_ca),
                                            });
}

TEST(a_store_is_told_90_days_before_its_last_certificate_ends)
{
    static const struct {
        const char *now, *findings, *changes_at;
    } cases[] = {
        { "2061-02-23T23:59:59Z", "", "2061-02-24T00:00:00Z" },
        { "2061-02-24T00:00:00Z", "trust-store-expired=warning", "2061-05-25T00:00:01Z" },
        { "2061-05-25T00:00:00Z", "trust-store-expired=warning", "2061-05-25T00:00:01Z" },
        { "2061-05-25T00:00:01Z", "trust-store-expired=critical", "-" },
    };
    TrustStoreState state = store_state();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_string_equal(judged(&state, cases[i].now), cases[i].findings);
        assert_string_equal(INSTANT_TEXT(state.changes_at), cases[i].changes_at);
    }
    trust_store_state_deinit(&state);
}

TEST(a_ca_that_a_store_lacks_is_one_finding_with_all_its_endpoints)
{
    TrustStoreState state = store_state();
    for (int i = 1; i <= 10; i++) {
        _cleanup_free_ char *name = xasprintf("db-%d", i);
        add(&state, name, ACCEPTANCE_NO, "rds-ca-ecc384-g1", ACCEPTANCE_UNKNOWN, NULL);
    }
    add(&state, "moving", ACCEPTANCE_YES, "rds-ca-rsa2048-g1", ACCEPTANCE_NO, "rds-ca-ecc384-g1");
    add(&state, "later", ACCEPTANCE_YES, "rds-ca-rsa2048-g1", ACCEPTANCE_NO, "rds-ca-rsa4096-g1");
    add(&state, "fine", ACCEPTANCE_YES, "rds-ca-rsa2048-g1", ACCEPTANCE_YES, "rds-ca-rsa4096-g1");
    add(&state, "unseen", ACCEPTANCE_UNKNOWN, NULL, ACCEPTANCE_UNKNOWN, NULL);
    assert_string_equal(judged(&state, "2026-02-01T00:00:00Z"),
                        "trust-store-lacks-ca=critical trust-store-lacks-ca=warning");
    const Finding *f = state.findings.items;
    assert_string_equal(f[0].ca, "rds-ca-ecc384-g1 in us-east-1");
    assert_string_equal(
        f[0].message,
        "clients with /opt/billing/rds.p12 (3 certificates) refuse rds-ca-ecc384-g1 in us-east-1, served "
        "now by db-1, db-2, db-3, db-4, db-5, db-6, db-7, db-8 and 2 more: why; configured for moving, and "
        "its root is not in the store");
    assert_string_equal(f[1].ca, "rds-ca-rsa4096-g1 in us-east-1");
    assert_non_null(
        strstr(f[1].message, "refuse rds-ca-rsa4096-g1 in us-east-1, which is configured for later"));
    assert_false(finding_same(&f[0], &f[1]));
    _cleanup_free_ char *remedy = steps_script(&f[0].steps);
    assert_non_null(strstr(remedy, "keytool -importcert -noprompt -keystore /opt/billing/rds.p12"));
    trust_store_state_deinit(&state);
}

TEST(a_private_ca_is_not_to_be_had_from_amazon)
{
    TrustStoreState state = store_state();
    add(&state, "local", ACCEPTANCE_NO, "My\nCA", ACCEPTANCE_UNKNOWN, NULL);
    assert_string_equal(judged(&state, "2026-02-01T00:00:00Z"), "trust-store-lacks-ca=critical");
    const Finding *finding = &state.findings.items[0];
    _cleanup_free_ char *remedy = steps_script(&finding->steps);
    assert_string_equal(remedy,
                        "# Look (here)\ndbcertctl show local\n# Change (here), by hand: add the root of that "
                        "certificate's CA to the trust store billing");
    assert_string_equal(finding->ca, "other in us-east-1");
    assert_non_null(strstr(finding->message, "refuse My\\x0aCA, served now by local"));
    trust_store_state_deinit(&state);
}

#define BUNDLE "https://truststore.pki.rds.amazonaws.com/eu-west-1/eu-west-1-bundle."

TEST(what_adds_a_root_depends_on_the_kind_of_file)
{
    static const struct {
        const char *format, *words;
    } cases[] = {
        { "PEM", "cp -p /opt/billing/rds.p12 /opt/billing/rds.p12.new && { echo; curl -fsS " BUNDLE "pem; } "
                 ">>/opt/billing/rds.p12.new && mv /opt/billing/rds.p12.new /opt/billing/rds.p12" },
        { "PKCS#7",
          "cp -p /opt/billing/rds.p12 /opt/billing/rds.p12.new && curl -fsSo /opt/billing/rds.p12.new " BUNDLE
          "p7b && mv /opt/billing/rds.p12.new /opt/billing/rds.p12" },
        { "PKCS#12", "keytool -importcert" },
        { "Java key store", "keytool -importcert" },
        { NULL, "curl -fsS https" },
    };
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    TrustStoreState state = store_state();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        state.format = cases[i].format;
        StepList steps = { 0 };
        trust_store_steps(&state, catalogue, "eu-west-1", &steps);
        _cleanup_free_ char *script = steps_script(&steps);
        assert_non_null(strstr(script, cases[i].words));
        steps_deinit(&steps);
    }
    trust_store_state_deinit(&state);
}

TEST(a_store_that_cannot_be_read_says_what_would_help)
{
    TrustStoreState state = store_state();
    state.error = xstrdup("x: Permission denied");
    state.denied = true;
    assert_string_equal(judged(&state, "2026-02-01T00:00:00Z"), "trust-store-unreadable=warning");
    assert_non_null(
        strstr(state.findings.items[0].message, "what was read at 2026-01-01T00:00:00Z goes on being judged"));
    assert_string_equal(steps_first_command(&state.findings.items[0].steps), "namei -l /opt/billing/rds.p12");
    assert_string_equal(steps_first_change(&state.findings.items[0].steps),
                        "setfacl -m u:dbcertd:r /opt/billing/rds.p12");
    state.denied = false;
    state.locked = true;
    state.read_at = INSTANT_NONE;
    (void)judged(&state, "2026-02-01T00:00:00Z");
    assert_string_equal(state.findings.items[0].message, "it cannot be read: x: Permission denied");
    _cleanup_free_ char *remedy = steps_script(&state.findings.items[0].steps);
    assert_non_null(strstr(remedy, "LoadCredential=NAME:"));
    trust_store_state_deinit(&state);
}

static BundleSource source(void)
{
    return (BundleSource) {
        .url = xstrdup("https://example.com/bundle.pem"),
        .path = xstrdup("/var/lib/dbcertd/bundles/bundle.pem-1"),
        .interval_seconds = DAY,
        .answered_at = at("2026-01-01T00:00:00Z"),
        .failing_since = INSTANT_NONE,
        .modified_at = at("2026-01-01T00:00:00Z"),
        .changed_at = INSTANT_NONE,
        .n_certificates = 108,
    };
}

static void assert_source(BundleSource *s, const char *now, const char *findings, const char *changes_at)
{
    rule_evaluate_bundle(s, at(now));
    assert_string_equal(said(&s->findings), findings);
    assert_string_equal(INSTANT_TEXT(s->changes_at), changes_at);
}

TEST(a_bundle_is_stale_when_three_answers_and_three_days_are_missing)
{
    BundleSource s = source();
    assert_source(&s, "2026-01-02T00:00:00Z", "", "2028-01-01T00:00:00Z");
    s.error = xstrdup("timeout");
    s.failing_since = at("2026-01-01T00:00:00Z");
    assert_source(&s, "2026-01-03T23:59:59Z", "", "2026-01-04T00:00:00Z");
    assert_source(&s, "2026-01-04T00:00:00Z", "bundle-stale=warning", "-");
    assert_string_equal(
        s.findings.items[0].message,
        "it cannot be fetched since 2026-01-01T00:00:00Z: timeout; the one with 108 certificates of "
        "2026-01-01T00:00:00Z goes on");
    s.interval_seconds = 600; /* three answers are half an hour, and that is nothing */
    assert_source(&s, "2026-01-02T00:00:00Z", "", "2026-01-04T00:00:00Z");
    s.interval_seconds = 7 * DAY;
    assert_source(&s, "2026-01-04T00:00:00Z", "", "2026-01-22T00:00:00Z");
    s.n_certificates = 0; /* nothing can be verified: at once */
    assert_source(&s, "2026-01-01T00:00:01Z", "bundle-stale=warning", "-");
    bundle_source_deinit(&s);
}

TEST(a_bundle_that_nobody_looks_after_is_a_notice_after_two_years)
{
    BundleSource s = source();
    assert_source(&s, "2027-12-31T23:59:59Z", "", "2028-01-01T00:00:00Z");
    assert_source(&s, "2028-01-01T00:00:00Z", "bundle-stale=notice", "-");
    bundle_source_deinit(&s);
}

TEST(what_is_refused_is_said_at_once_and_news_for_a_week)
{
    BundleSource s = source();
    s.refused = xstrdup("the file is empty");
    assert_source(&s, "2026-01-02T00:00:00Z", "bundle-stale=warning", "-");
    free(TAKE(s.refused));
    s.changed_at = at("2026-01-02T00:00:00Z");
    strv_append(&s.came, xstrdup("Amazon RDS us-east-1 Root CA RSA2048 G2 (to 2066-01-01)"));
    for (int i = 0; i < 10; i++)
        strv_append(&s.went, xasprintf("old-%d", i));
    assert_source(&s, "2026-01-08T23:59:59Z", "bundle-changed=notice", "2026-01-09T00:00:00Z");
    assert_string_equal(
        s.findings.items[0].message,
        "another one is used since 2026-01-02T00:00:00Z, with 108 certificates; came: Amazon RDS us-east-1 "
        "Root CA RSA2048 G2 (to 2066-01-01); went: old-0, old-1, old-2, old-3, old-4, old-5, old-6, old-7 "
        "and 2 more");
    assert_source(&s, "2026-01-09T00:00:00Z", "", "2028-01-01T00:00:00Z");
    bundle_source_deinit(&s);
}

RUN_TESTS(cmocka_unit_test(a_store_is_told_90_days_before_its_last_certificate_ends),
          cmocka_unit_test(a_ca_that_a_store_lacks_is_one_finding_with_all_its_endpoints),
          cmocka_unit_test(a_private_ca_is_not_to_be_had_from_amazon),
          cmocka_unit_test(what_adds_a_root_depends_on_the_kind_of_file),
          cmocka_unit_test(a_store_that_cannot_be_read_says_what_would_help),
          cmocka_unit_test(a_bundle_is_stale_when_three_answers_and_three_days_are_missing),
          cmocka_unit_test(a_bundle_that_nobody_looks_after_is_a_notice_after_two_years),
          cmocka_unit_test(what_is_refused_is_said_at_once_and_news_for_a_week));
