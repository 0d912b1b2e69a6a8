#include "unit.h"

#include <stdio.h>

#include "rds/authority.h"
#include "rds/hostname.h"
#include "rds/rotation.h"

TEST(an_authority_is_told_by_its_names)
{
    static const struct {
        const char *cn, *issuer_cn, *id, *region;
        bool preview;
    } cases[] = {
        { "Amazon RDS us-east-1 Subordinate CA RSA2048 G1.A.10", NULL, "rds-ca-rsa2048-g1", "us-east-1",
          false },
        { "Amazon RDS us-east-1 Root CA RSA2048 G1", NULL, "rds-ca-rsa2048-g1", "us-east-1", false },
        { "Amazon RDS eu-west-1 Root CA RSA4096 G1", NULL, "rds-ca-rsa4096-g1", "eu-west-1", false },
        { "Amazon RDS ap-southeast-7 Root CA ECC384 G1", NULL, "rds-ca-ecc384-g1", "ap-southeast-7", false },
        { "Amazon RDS us-gov-west-1 RSA2048 G1", NULL, "rds-ca-rsa2048-g1", "us-gov-west-1", false },
        { "Amazon RDS us-east-1 Subordinate CA RSA2048 G2.B.1", NULL, "rds-ca-rsa2048-g2", "us-east-1", false },
        { "Amazon RDS Beta us-east-1 Root CA RSA2048 G1", NULL, "rds-ca-rsa2048-g1", "us-east-1", true },
        { "Amazon RDS Preview us-east-2 2019 CA", NULL, "rds-ca-2019", "us-east-2", true },
        { "Amazon RDS us-east-1 2019 CA", NULL, "rds-ca-2019", "us-east-1", false },
        { "Amazon RDS Root 2019 CA", NULL, "rds-ca-2019", "", false },
        { "Amazon RDS us-east-1 CA", "Amazon RDS Root CA", "rds-ca-2015", "us-east-1", false },
        { "Amazon RDS us-gov-west-1 CA", "Amazon RDS GovCloud Root CA", "rds-ca-2017", "us-gov-west-1", false },
        { "Amazon RDS me-south-1 CA", "Amazon RDS me-south-1 Root CA", "rds-ca-2019", "me-south-1", false },
        { "Amazon RDS us-east-1 CA", NULL, NULL, NULL, false }, /* its issuer would tell */
        { "Amazon RDS us-east-1 CA", "Somebody", NULL, NULL, false },
        { "Amazon RSA 2048 M01", NULL, NULL, NULL, false },
        { "Amazon RDS", NULL, NULL, NULL, false },
        { "Amazon RDS us-east-1", NULL, NULL, NULL, false },
        { "Amazon RDS us-east-1 Root CA DSA1024 G1", NULL, NULL, NULL, false },
        { "Amazon RDS us-east-1 Root CA RSA2048 G1 extra", NULL, NULL, NULL, false },
        { "My CA", NULL, NULL, NULL, false },
        { "", NULL, NULL, NULL, false },
        { NULL, NULL, NULL, NULL, false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Authority authority;
        assert_int_equal(authority_from_names(cases[i].cn, cases[i].issuer_cn, &authority),
                         cases[i].id != NULL);
        assert_string_equal(authority.id, cases[i].id ? cases[i].id : "");
        assert_string_equal(authority.region, cases[i].region ? cases[i].region : "");
        assert_int_equal(authority.preview, cases[i].preview);
    }
}

/* Each line of the published certificates: region, identifier, role, CN. Roots and intermediates of g1 are in
 * it. */
TEST(the_names_of_the_real_authorities_are_told)
{
    char line[2048];
    unsigned n = 0;
    const char *directory = getenv("DBCERTD_SHARED_DATA");
    if (!directory)
        skip();
    _cleanup_free_ char *path = xasprintf("%s/expected-cas.tsv", directory);
    FILE *file = fopen(path, "re");
    if (!file)
        skip();
    while (fgets(line, sizeof line, file)) {
        char *rest = line, *region = strsep(&rest, "\t"), *id = strsep(&rest, "\t");
        (void)strsep(&rest, "\t");
        char *cn = strsep(&rest, "\t");
        if (!cn || !strstr(id, "-g"))
            continue;
        Authority authority;
        assert_true(authority_from_names(cn, NULL, &authority));
        assert_string_equal(authority.id, id);
        if (!authority.preview)
            assert_string_equal(authority.region, region);
        n++;
    }
    fclose(file);
    assert_true(n >= 100);
}

TEST(old_authorities_do_not_rotate)
{
    assert_true(authority_rotates(&(Authority) { .id = "rds-ca-rsa2048-g1" }));
    assert_true(authority_rotates(&(Authority) { .id = "rds-ca-rsa2048-g2" }));
    assert_false(authority_rotates(&(Authority) { .id = "rds-ca-2019" }));
    assert_false(authority_rotates(&(Authority) { .id = "" }));
}

TEST(an_endpoint_s_name_tells_identifier_and_region)
{
    static const struct {
        const char *host, *id, *region;
        bool cluster, proxy;
        const char *service; /* NULL: "rds" */
    } cases[] = {
        { "orders.c9akciq32rgq.us-east-1.rds.amazonaws.com", "orders", "us-east-1", false, false },
        { "ORDERS.c9akciq32rgq.us-east-1.RDS.amazonaws.com", "ORDERS", "us-east-1", false, false },
        { "orders.cluster-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "orders", "eu-west-1", true, false },
        { "orders.cluster-ro-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "orders", "eu-west-1", true, false },
        { "p.proxy-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "p", "eu-west-1", false, true },
        { "ro.endpoint.proxy-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "ro", "eu-west-1", false, true },
        { "orders.c9akciq32rgq.eu-west-1.docdb.amazonaws.com", "orders", "eu-west-1", false, false, "docdb" },
        { "orders.cluster-ro-c9akciq32rgq.eu-west-1.neptune.amazonaws.com", "orders", "eu-west-1", true, false,
          "neptune" },
        { "orders.c9akciq32rgq.eu-west-1.redshift.amazonaws.com", "orders", "eu-west-1", false, false,
          "redshift" },
        { "orders.c9akciq32rgq.eu-west-1.elasticache.amazonaws.com", NULL, NULL, false, false },
        { "orders.c9akciq32rgq.rds.cn-north-1.amazonaws.com.cn", "orders", "cn-north-1", false, false },
        { "db.example.com", NULL, NULL, false, false },
        { "127.0.0.1", NULL, NULL, false, false },
        { "", NULL, NULL, false, false },
        { "a.b.c.d.e.f.g.h.i.j", NULL, NULL, false, false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        RdsHostname host;
        assert_int_equal(rds_hostname_parse(cases[i].host, &host), cases[i].id != NULL);
        assert_string_equal(host.id, cases[i].id ? cases[i].id : "");
        assert_string_equal(host.region, cases[i].region ? cases[i].region : "");
        if (cases[i].id)
            assert_string_equal(host.service, cases[i].service ? cases[i].service : "rds");
        assert_int_equal(host.cluster, cases[i].cluster);
        assert_int_equal(host.proxy, cases[i].proxy);
    }
}

TEST(a_proxy_is_known_by_its_name_and_has_no_ca_of_rds)
{
    _cleanup_(endpoint_unrefp) Endpoint *endpoint = endpoint_new();
    endpoint->host = xstrdup("p.proxy-c9akciq32rgq.eu-west-1.rds.amazonaws.com");
    endpoint->ca = xstrdup("rds-ca-rsa2048-g1");
    assert_true(rds_hostname_complete(endpoint));
    assert_int_equal(endpoint->kind, KIND_PROXY);
    assert_true(endpoint_is_acm(endpoint));
    assert_string_equal(endpoint->region, "eu-west-1");
    assert_null(endpoint->ca);
    assert_false(rds_hostname_complete(endpoint)); /* it is one already */
}

TEST(a_lifetime_shows_its_class)
{
    static const struct {
        int64_t days;
        RotationClass class;
    } cases[] = {
        { 359, CLASS_EXTERNAL },  { 360, CLASS_ONLINE },    { 365, CLASS_ONLINE },   { 366, CLASS_ONLINE },
        { 370, CLASS_ONLINE },    { 371, CLASS_EXTERNAL },  { 198, CLASS_EXTERNAL }, { 395, CLASS_EXTERNAL },
        { 1089, CLASS_EXTERNAL }, { 1095, CLASS_RESTART },  { 1096, CLASS_RESTART }, { 1101, CLASS_EXTERNAL },
        { 1826, CLASS_EXTERNAL }, { 3650, CLASS_EXTERNAL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(rotation_class_of_lifetime(1000, 1000 + cases[i].days * DAY), cases[i].class);
}

#define ASSERT_INSTANT(instant, text) assert_string_equal(INSTANT_TEXT(instant), text)

TEST(a_certificate_that_rotates_online_is_due_at_half_life_in_the_next_window)
{
    Window window;
    assert_int_equal(window_parse("sun:05:00-sun:06:00", &window), 0);
    Rotation r =
        rotation_of(CLASS_ONLINE, SOURCE_API, at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"), &window);
    ASSERT_INSTANT(r.half_life, "2026-07-02T12:00:00Z"); /* a Thursday */
    ASSERT_INSTANT(r.due_at, "2026-07-02T12:00:00Z");
    ASSERT_INSTANT(r.expected_by, "2026-07-05T06:00:00Z");
    ASSERT_INSTANT(r.overdue_after, "2026-07-13T06:00:00Z");
    ASSERT_INSTANT(r.critical_from, "2026-10-01T18:00:00Z");
    assert_int_equal(r.source, SOURCE_API);
}

TEST(without_a_window_the_rotation_is_overdue_after_16_days)
{
    Rotation r = rotation_of(CLASS_ONLINE, SOURCE_LIFETIME, at("2026-01-01T00:00:00Z"),
                             at("2027-01-01T00:00:00Z"), &(Window) { 0 });
    ASSERT_INSTANT(r.expected_by, "2026-07-10T12:00:00Z");
    ASSERT_INSTANT(r.overdue_after, "2026-07-18T12:00:00Z");
}

TEST(a_certificate_that_needs_a_restart_is_announced_six_calendar_months_ahead)
{
    Rotation r = rotation_of(CLASS_RESTART, SOURCE_LIFETIME, at("2024-08-31T10:00:00Z"),
                             at("2027-08-31T10:00:00Z"), &(Window) { 0 });
    ASSERT_INSTANT(r.due_at, "2027-02-28T10:00:00Z");
    ASSERT_INSTANT(r.overdue_after, "2027-06-02T10:00:00Z");
    ASSERT_INSTANT(r.critical_from, "2027-08-01T10:00:00Z");
}

TEST(an_acm_certificate_is_renewed_in_its_last_60_days_or_third)
{
    int64_t begin = at("2026-03-01T00:00:00Z");
    Rotation r = rotation_of(CLASS_ACM, SOURCE_CONFIGURED, begin, begin + 198 * DAY, &(Window) { 0 });
    assert_int_equal(r.due_at, begin + (198 - 60) * DAY);
    assert_int_equal(r.overdue_after, begin + (198 - 30) * DAY);
    assert_int_equal(r.critical_from, begin + (198 - 14) * DAY);
    r = rotation_of(CLASS_ACM, SOURCE_CONFIGURED, begin, begin + 150 * DAY, &(Window) { 0 });
    assert_int_equal(r.due_at, begin + 100 * DAY);
}

TEST(nobody_promises_anything_of_external_certificates)
{
    Rotation r = rotation_of(CLASS_EXTERNAL, SOURCE_LIFETIME, 0, 100 * DAY, &(Window) { 0 });
    assert_int_equal(r.due_at, INSTANT_NONE);
    assert_int_equal(r.overdue_after, INSTANT_NONE);
    assert_int_equal(r.half_life, 50 * DAY);
}

TEST(a_short_life_keeps_the_law_s_order)
{
    for (int64_t life = 0; life < 400 * DAY; life += DAY / 3)
        for (RotationClass class = CLASS_ONLINE; class <= CLASS_ACM; class ++) {
            Rotation r = rotation_of(class, SOURCE_CONFIGURED, 1000000, 1000000 + life, &(Window) { 0 });
            assert_true(r.due_at <= r.expected_by);
            assert_true(r.expected_by <= r.overdue_after);
            assert_true(r.overdue_after <= r.critical_from);
            assert_true(r.critical_from <= 1000000 + life);
        }
}

RUN_TESTS(cmocka_unit_test(an_authority_is_told_by_its_names),
          cmocka_unit_test(the_names_of_the_real_authorities_are_told),
          cmocka_unit_test(old_authorities_do_not_rotate),
          cmocka_unit_test(an_endpoint_s_name_tells_identifier_and_region),
          cmocka_unit_test(a_proxy_is_known_by_its_name_and_has_no_ca_of_rds),
          cmocka_unit_test(a_lifetime_shows_its_class),
          cmocka_unit_test(a_certificate_that_rotates_online_is_due_at_half_life_in_the_next_window),
          cmocka_unit_test(without_a_window_the_rotation_is_overdue_after_16_days),
          cmocka_unit_test(a_certificate_that_needs_a_restart_is_announced_six_calendar_months_ahead),
          cmocka_unit_test(an_acm_certificate_is_renewed_in_its_last_60_days_or_third),
          cmocka_unit_test(nobody_promises_anything_of_external_certificates),
          cmocka_unit_test(a_short_life_keeps_the_law_s_order));
