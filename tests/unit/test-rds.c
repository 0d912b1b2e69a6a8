#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "rds/authority.h"
#include "rds/hostname.h"
#include "rds/rotation.h"
#include "rds/value.h"

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
        { "Amazon RDS Beta Root 2019 CA", NULL, "rds-ca-2019", "", true },
        { "Amazon RDS GovCloud Root CA", NULL, "rds-ca-2017", "", false },
        { "Amazon RDS CN Root CA", NULL, "rds-ca-2017", "", false },
        { "Amazon RDS cn-north-1 CA", "Amazon RDS CN Root CA", "rds-ca-2017", "cn-north-1", false },
        { "Amazon RDS preview-us-east-2 CA", "Amazon RDS Root CA", "rds-ca-2015", "us-east-2", true },
        { "aws.amazon.com/rds/", NULL, "rds-ca-2010", "", false },
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

/* The roots and the CAs that sign of every generation since 2015. */
TEST(the_names_of_the_catalogue_are_told_as_its_lines_say)
{
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    unsigned n = 0;
    for (size_t i = 0; i < catalogue->n_certificates; i++) {
        const KnownCertificate *c = &catalogue->certificates[i];
        Authority authority;
        if (strcmp(c->ca, "amazon-trust-services") == 0 ||
            (c->role == ROLE_INTERMEDIATE && !strstr(c->cn, " 2019 CA")))
            continue; /* their issuers tell */
        assert_true(authority_from_names(c->cn, NULL, &authority));
        assert_string_equal(authority.id, c->ca);
        assert_int_equal(authority.preview, c->environment != ENVIRONMENT_PRODUCTION);
        assert_string_equal(authority.region, strncmp(c->region, "aws", 3) == 0 ? "" : c->region);
        n++;
    }
    assert_true(n >= 130);
}

/* Against the facts that it was made from, where they are. */
TEST(the_catalogue_has_every_certificate_that_amazon_published)
{
    char line[2048];
    unsigned n = 0;
    const char *directory = shared_data();
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    _cleanup_free_ char *path = xasprintf("%s/expected-cas.tsv", directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char *rest = line, *column[10];
        for (size_t i = 0; i < 10; i++)
            column[i] = strsep(&rest, "\t");
        if (strcmp(column[0], "region") == 0)
            continue;
        const KnownCertificate *c = catalogue_find(catalogue, column[9]);
        assert_non_null(c);
        assert_string_equal(c->cn, column[3]);
        assert_string_equal(c->sha1, column[8]);
        assert_string_equal(INSTANT_TEXT(c->not_before), column[6]);
        assert_string_equal(INSTANT_TEXT(c->not_after), column[7]);
        assert_string_equal(certificate_role_to_string(c->role), column[2]);
        assert_int_equal(strncmp(c->ca, column[1], strlen(c->ca)), 0); /* "rds-ca-2017(gov)" there */
        n++;
    }
    fclose(file);
    assert_int_equal(n, 166);
}

TEST(the_catalogue_knows_regions_roots_and_bundles)
{
    _cleanup_(catalogue_freep) Catalogue *c = catalogue_new_builtin();
    assert_int_equal(c->n_regions, 38);
    for (size_t i = 0; i < c->n_regions; i++) {
        bool china = strcmp(c->regions[i].partition, "aws-cn") == 0;
        static const char *const g1[] = { "rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1" };
        for (size_t j = 0; j < ARRAY_SIZE(g1); j++)
            assert_int_equal(catalogue_root(c, g1[j], c->regions[i].name) != NULL, !china);
    }
    assert_string_equal(catalogue_root(c, "rds-ca-2019", "us-east-1")->cn, "Amazon RDS Root 2019 CA");
    assert_string_equal(catalogue_root(c, "rds-ca-2019", "me-south-1")->cn, "Amazon RDS me-south-1 Root CA");
    assert_string_equal(catalogue_root(c, "rds-ca-2017", "us-gov-west-1")->cn, "Amazon RDS GovCloud Root CA");
    assert_string_equal(catalogue_root(c, "rds-ca-2017", "cn-north-1")->cn, "Amazon RDS CN Root CA");
    assert_null(catalogue_root(c, "rds-ca-2017", "us-east-1"));
    /* Beta's is in us-east-1, too, and never stands in. */
    assert_string_equal(catalogue_root(c, "rds-ca-rsa2048-g1", "us-east-1")->cn,
                        "Amazon RDS us-east-1 Root CA RSA2048 G1");
    assert_int_equal(catalogue_root(c, "rds-ca-ecc384-g1", "mx-central-1")->not_after,
                     at("2124-09-30T17:13:59Z"));
    assert_string_equal(catalogue_bundle_url(c, "mx-central-1"),
                        "https://truststore.pki.rds.amazonaws.com/us-west-2/mx-central-1-bundle.pem");
    assert_string_equal(
        catalogue_bundle_url(c, "us-gov-east-1"),
        "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/us-gov-east-1/us-gov-east-1-bundle.pem");
    assert_string_equal(catalogue_bundle_url(c, NULL),
                        "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem");
    assert_false(region_offers(catalogue_region(c, "ap-south-1"), "rds-ca-ecc384-g1"));
    assert_false(region_offers(catalogue_region(c, "ap-south-1"), "rds-ca-rsa4096-g1"));
    assert_true(region_offers(catalogue_region(c, "ap-south-1"), "rds-ca-rsa2048-g1"));
    assert_true(region_offers(catalogue_region(c, "us-east-1"), "rds-ca-ecc384-g1"));
    assert_null(catalogue_region(c, "us-east-9"));
    assert_true(catalogue_has_ca(c, "rds-ca-2015"));
    assert_false(catalogue_has_ca(c, "rds-ca-rsa2048-g2"));
    assert_false(catalogue_has_ca(c, TRUST_SERVICES));
    assert_string_equal(catalogue_nearest_ca(c, "rds-ca-ecc348-g1"), "rds-ca-ecc384-g1");
    assert_null(catalogue_nearest_ca(c, "amazon-trust-service"));
}

TEST(a_catalogue_s_mistakes_are_named_with_their_lines)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "", "c.tsv: no version" },
        { "version\t2026-09-01\n", "c.tsv: no partition" },
        { "version\t2026-09-01\npartition\taws\thttps://x.pem\n", "c.tsv:2: expected a partition's name" },
        { "version\t2026-09-01\npartition\taws\thttps://x/y.p7b\n", "c.tsv:2: expected a partition's name" },
        { "version\t2026-9-1\n", "c.tsv:1: expected a day" },
        { "version\t2026-09-01\nversion\t2026-09-02\n", "c.tsv:2: there is a version already" },
        { "version\t2026-09-01\nregion\tx\n", "c.tsv:2: has too few or too many columns" },
        { "version\t2026-09-01\nregion\tx\ty\tz\thttp://a\t-\n", "c.tsv:2: expected a region" },
        { "version\t2026-09-01\nregion\tx\ty\tz\thttps://a;rm\t-\n", "c.tsv:2: expected a region" },
        { "version\t2026-09-01\r\nhello\n", "c.tsv:2: expected version, partition, region or authority" },
        { "version\t2026-09-01\nauthority\trds-ca-$(id)\t*\tproduction\troot\tc\td\te\tf\tg\n",
          "c.tsv:2: expected a CA identifier" },
        { "version\t2026-09-01\nregion\tus-east-1\taws\tz\thttps://a/b.pem\t$(id)\n",
          "c.tsv:2: expected a region" },
        { "version\t2026-09-01\nauthority\trds-ca-2019\t*\tproduction\tserver\tc\td\te\tf\tg\n",
          "c.tsv:2: expected root or intermediate" },
        { "version\t2026-09-01\nauthority\trds-ca-2019\t*\tproduction\troot\tc\td\te\tf\tg\n",
          "c.tsv:2: expected two dates" },
        { "version\t2026-09-01\nauthority\trds-ca-2019\t*\tproduction\troot\tc\t2026-01-01T00:00:00Z\t2026-01-"
          "01T00:00:"
          "00Z\t"
          "f\tg\n",
          "c.tsv:2: expected the SHA-1" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Catalogue *catalogue = NULL;
        _cleanup_(strv_freep) char **errors = NULL;
        assert_int_equal(catalogue_parse("c.tsv", cases[i].text, &catalogue, &errors), -EINVAL);
        assert_null(catalogue);
        assert_non_null(strstr(errors[0], cases[i].error));
    }
}

#define PARTITION "partition\taws\thttps://a.example/b.pem\n"

TEST(a_newer_catalogue_takes_the_place_of_what_is_built_in_and_an_older_one_does_not)
{
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    _cleanup_(strv_freep) char **errors = NULL, **warnings = NULL;
    assert_int_equal(
        catalogue_offer(&catalogue, "old.tsv", "version\t2020-01-01\n" PARTITION, &errors, &warnings), 0);
    assert_string_equal(catalogue->origin, "built in");
    assert_non_null(strstr(warnings[0], "old.tsv: version 2020-01-01 is not newer than"));
    assert_int_equal(catalogue_offer(&catalogue, "bad.tsv", "version\n", &errors, &warnings), -EINVAL);
    assert_string_equal(catalogue->origin, "built in");
    assert_int_equal(
        catalogue_offer(&catalogue, "new.tsv", "version\t2999-01-01\n" PARTITION, &errors, &warnings), 0);
    assert_string_equal(catalogue->origin, "new.tsv");
    assert_int_equal(catalogue->n_certificates, 0);
    assert_int_equal(strv_length(warnings), 1);
}

/* The server's own certificate, and what stands above it; sha256: of the signer. */
static bool who_signs(const char *issuer_cn, const char *signer_issuer_cn, const char *sha256, Authority *ret)
{
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    _cleanup_(chain_deinit) Chain path = { 0 };
    Certificate *server = certificate_new();
    server->issuer_cn = xstrdup(issuer_cn);
    if (signer_issuer_cn) {
        Certificate *signer = certificate_new();
        signer->issuer_cn = xstrdup(signer_issuer_cn);
        signer->sha256 = xstrdup(sha256);
        chain_append(&path, signer);
    }
    bool found = authority_of_server(server, &path, catalogue, ret);
    certificate_unref(server);
    return found;
}

TEST(who_signs_is_told_by_fingerprint_by_issuer_or_by_a_name_that_one_alone_has)
{
    Authority a;
    /* A name that deceives, and the fingerprint of us-east-1's CA of 2019. */
    assert_true(who_signs("Amazon RDS eu-west-1 Subordinate CA RSA2048 G1.A.1", "x",
                          "c0ff201aeea68f5eac779595305fa277eb06e98c78b83507e0ae945f7678094a", &a));
    assert_string_equal(a.id, "rds-ca-2019");
    assert_string_equal(a.region, "us-east-1");
    assert_true(who_signs("Amazon RDS us-east-1 CA", "Amazon RDS Root CA", "00", &a));
    assert_string_equal(a.id, "rds-ca-2015");
    assert_true(who_signs("Amazon RDS me-south-1 CA", "Amazon RDS me-south-1 Root CA", "00", &a));
    assert_string_equal(a.id, "rds-ca-2019");
    assert_true(who_signs("Amazon RDS us-west-1 CA", NULL, NULL, &a)); /* the leaf alone was sent */
    assert_string_equal(a.id, "rds-ca-2015");
    assert_false(who_signs("Amazon RDS xx-west-9 CA", NULL, NULL, &a));
    assert_false(who_signs("Amazon RSA 2048 M01", "Amazon Root CA 1", "00", &a));
    assert_true(a.trust_services);
    assert_false(who_signs("My CA", "My Root", "00", &a));
    assert_false(a.trust_services);
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
        RdsHostKind kind;
        const char *service, *partition; /* NULL: "rds", "aws" */
    } cases[] = {
        { "orders.c9akciq32rgq.us-east-1.rds.amazonaws.com", "orders", "us-east-1", RDS_HOST_INSTANCE },
        { "ORDERS.c9akciq32rgq.us-east-1.RDS.amazonaws.com", "ORDERS", "us-east-1", RDS_HOST_INSTANCE },
        { "orders.cluster-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "orders", "eu-west-1", RDS_HOST_CLUSTER },
        { "orders.cluster-ro-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "orders", "eu-west-1",
          RDS_HOST_READER },
        { "p.proxy-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "p", "eu-west-1", RDS_HOST_PROXY },
        { "ro.endpoint.proxy-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "ro", "eu-west-1", RDS_HOST_PROXY },
        { "orders.c9akciq32rgq.eu-west-1.docdb.amazonaws.com", "orders", "eu-west-1", RDS_HOST_INSTANCE,
          "docdb" },
        { "orders.cluster-ro-c9akciq32rgq.eu-west-1.neptune.amazonaws.com", "orders", "eu-west-1",
          RDS_HOST_READER, "neptune" },
        { "orders.c9akciq32rgq.eu-west-1.redshift.amazonaws.com", "orders", "eu-west-1", RDS_HOST_INSTANCE,
          "redshift" },
        { "orders.c9akciq32rgq.eu-west-1.elasticache.amazonaws.com", NULL, NULL, RDS_HOST_INSTANCE },
        { "orders.c9akciq32rgq.rds.cn-north-1.amazonaws.com.cn", "orders", "cn-north-1", RDS_HOST_INSTANCE,
          NULL, "aws-cn" },
        { "orders.cluster-c9akciq32rgq.rds.cn-northwest-1.amazonaws.com.cn", "orders", "cn-northwest-1",
          RDS_HOST_CLUSTER, NULL, "aws-cn" },
        { "orders.c9akciq32rgq.us-gov-west-1.rds.amazonaws.com", "orders", "us-gov-west-1", RDS_HOST_INSTANCE,
          NULL, "aws-us-gov" },
        { "mine.cluster-custom-c9akciq32rgq.eu-west-1.rds.amazonaws.com", "mine", "eu-west-1",
          RDS_HOST_CUSTOM },
        { "db.example.com", NULL, NULL, RDS_HOST_INSTANCE },
        { "127.0.0.1", NULL, NULL, RDS_HOST_INSTANCE },
        { "", NULL, NULL, RDS_HOST_INSTANCE },
        { "a.b.c.d.e.f.g.h.i.j", NULL, NULL, RDS_HOST_INSTANCE },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        RdsHostname host;
        assert_int_equal(rds_hostname_parse(cases[i].host, &host), cases[i].id != NULL);
        assert_string_equal(host.id, cases[i].id ? cases[i].id : "");
        assert_string_equal(host.region, cases[i].region ? cases[i].region : "");
        if (cases[i].id)
            assert_string_equal(host.service, cases[i].service ? cases[i].service : "rds");
        if (cases[i].id)
            assert_string_equal(host.partition, cases[i].partition ? cases[i].partition : "aws");
        assert_int_equal(host.kind, cases[i].kind);
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
    Rotation r = rotation_of(CLASS_ONLINE, SOURCE_API, at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"),
                             INSTANT_NEVER, &window, &thresholds_default);
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
                             at("2027-01-01T00:00:00Z"), INSTANT_NEVER, &(Window) { 0 }, &thresholds_default);
    ASSERT_INSTANT(r.expected_by, "2026-07-10T12:00:00Z");
    ASSERT_INSTANT(r.overdue_after, "2026-07-18T12:00:00Z");
}

TEST(a_certificate_that_needs_a_restart_is_announced_six_calendar_months_ahead)
{
    Rotation r = rotation_of(CLASS_RESTART, SOURCE_LIFETIME, at("2024-08-31T10:00:00Z"),
                             at("2027-08-31T10:00:00Z"), INSTANT_NEVER, &(Window) { 0 }, &thresholds_default);
    ASSERT_INSTANT(r.due_at, "2027-02-28T10:00:00Z");
    ASSERT_INSTANT(r.overdue_after, "2027-06-02T10:00:00Z");
    ASSERT_INSTANT(r.critical_from, "2027-08-01T10:00:00Z");
}

TEST(an_acm_certificate_is_renewed_in_its_last_60_days_or_third)
{
    int64_t begin = at("2026-03-01T00:00:00Z");
    Rotation r = rotation_of(CLASS_ACM, SOURCE_CONFIGURED, begin, begin + 198 * DAY, INSTANT_NEVER,
                             &(Window) { 0 }, &thresholds_default);
    assert_int_equal(r.due_at, begin + (198 - 60) * DAY);
    assert_int_equal(r.overdue_after, begin + (198 - 30) * DAY);
    assert_int_equal(r.critical_from, begin + (198 - 14) * DAY);
    r = rotation_of(CLASS_ACM, SOURCE_CONFIGURED, begin, begin + 150 * DAY, INSTANT_NEVER, &(Window) { 0 },
                    &thresholds_default);
    assert_int_equal(r.due_at, begin + 100 * DAY);
}

TEST(nobody_promises_anything_of_external_certificates)
{
    Rotation r = rotation_of(CLASS_EXTERNAL, SOURCE_LIFETIME, 0, 100 * DAY, INSTANT_NEVER, &(Window) { 0 },
                             &thresholds_default);
    assert_int_equal(r.due_at, INSTANT_NONE);
    assert_int_equal(r.overdue_after, INSTANT_NONE);
    assert_int_equal(r.half_life, 50 * DAY);
}

TEST(where_the_chain_ends_first_whoever_waits_for_a_restart_waits_for_that)
{
    int64_t begin = at("2025-01-01T00:00:00Z"), end = at("2028-01-01T00:00:00Z"),
            chain = at("2026-09-01T00:00:00Z");
    Rotation r =
        rotation_of(CLASS_RESTART, SOURCE_CONFIGURED, begin, end, chain, &(Window) { 0 }, &thresholds_default);
    ASSERT_INSTANT(r.due_at, "2026-03-01T00:00:00Z");
    ASSERT_INSTANT(r.critical_from, "2026-08-02T00:00:00Z");
    r = rotation_of(CLASS_ONLINE, SOURCE_CONFIGURED, begin, end, chain, &(Window) { 0 }, &thresholds_default);
    assert_int_equal(r.due_at, begin + (end - begin) / 2);
    assert_int_equal(rotation_months(CLASS_ONLINE), 12);
    assert_int_equal(rotation_months(CLASS_RESTART), 36);
    assert_int_equal(rotation_months(CLASS_ACM), 0);
}

TEST(a_look_is_worth_it_when_a_rotation_may_have_come)
{
    static const struct {
        const char *now, *next;
    } cases[] = {
        { "2026-01-01T00:00:00Z", "2026-07-02T12:00:00Z" }, /* half-life, a Thursday */
        { "2026-07-02T12:00:00Z", "2026-07-05T06:00:00Z" }, /* then the end of each window */
        { "2026-07-05T05:59:59Z", "2026-07-05T06:00:00Z" },
        { "2026-07-05T06:00:00Z", "2026-07-12T06:00:00Z" },
        { "2026-07-12T06:00:00Z", "2026-07-13T06:00:00Z" }, /* overdue */
        { "2026-07-13T06:00:00Z", "2026-07-19T06:00:00Z" },
        { "2026-09-27T06:00:00Z", "2026-10-01T18:00:00Z" }, /* critical */
        { "2028-01-01T00:00:00Z", "2028-01-02T06:00:00Z" },
    };
    Window window;
    assert_int_equal(window_parse("sun:05:00-sun:06:00", &window), 0);
    Rotation r = rotation_of(CLASS_ONLINE, SOURCE_API, at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"),
                             INSTANT_NEVER, &window, &thresholds_default);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        ASSERT_INSTANT(rotation_next_look(&r, &window, at(cases[i].now)), cases[i].next);
    assert_int_equal(rotation_next_look(&r, &(Window) { 0 }, at("2028-01-01T00:00:00Z")), INSTANT_NEVER);
    r = rotation_of(CLASS_EXTERNAL, SOURCE_LIFETIME, 0, DAY, INSTANT_NEVER, &window, &thresholds_default);
    assert_int_equal(rotation_next_look(&r, &window, 10), INSTANT_NEVER);
}

TEST(a_short_life_keeps_the_law_s_order)
{
    for (int64_t life = 0; life < 400 * DAY; life += DAY / 3)
        for (RotationClass class = CLASS_ONLINE; class <= CLASS_ACM; class ++) {
            Rotation r = rotation_of(class, SOURCE_CONFIGURED, 1000000, 1000000 + life, INSTANT_NEVER,
                                     &(Window) { 0 }, &thresholds_default);
            assert_true(r.due_at <= r.expected_by);
            assert_true(r.expected_by <= r.overdue_after);
            assert_true(r.overdue_after <= r.critical_from);
            assert_true(r.critical_from <= 1000000 + life);
        }
}

TEST(no_identifier_is_read_out_of_a_name_with_more_than_its_words)
{
    static const char *const names[] = {
        "Amazon RDS us-east-1 Root CA RSA2048 G1$(touch /tmp/x)",
        "Amazon RDS us-east-1 RSA G1$(id)",
        "Amazon RDS us-east-1 Root CA RSA2048$(id) G1",
        "Amazon RDS us-east-1 Root CA RSA2048 G1;id",
        "Amazon RDS us-east-1 Root CA RSA2048 G1.A;id",
        "Amazon RDS us-east-1 Root CA RSA2048 G1\nid",
        "Amazon RDS us-east-1 Root CA RSA2048 G1'",
        "Amazon RDS us-east-1 Root CA RSA2048 G1111",
        "Amazon RDS us-east-1 Root CA RSA123456 G1",
        "Amazon RDS us-east-1 Root CA rsa2048 G1",
        "Amazon RDS us-east-1 Root CA RSA G1",
        "Amazon RDS us-$(id)-1 Root CA RSA2048 G1",
        "Amazon RDS us-east-1111 Root CA RSA2048 G1",
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        Authority authority;
        assert_false(authority_from_names(names[i], NULL, &authority));
        assert_string_equal(authority.id, "");
    }
}

TEST(a_value_has_the_form_of_its_kind_and_nothing_else)
{
    static const struct {
        IsValue is;
        const char *yes[4], *no[8];
    } cases[] = {
        { value_is_ca,
          { "rds-ca-2015", "rds-ca-rsa2048-g1", "rds-ca-ecc384-g1", "rds-ca-rsa8192-g12" },
          { "", "rds-ca-", "rds-ca-20199", "rds-ca-rsa2048", "rds-ca-rsa2048-g", "rds-ca-rsa2048-g1 ",
            "rds-ca-rsa-g1", "x-rds-ca-2019" } },
        { value_is_region,
          { "us-east-1", "us-gov-west-1", "eusc-de-east-1", "us-isob-east-1" },
          { "", "us-east", "us-east-", "us-1", "US-EAST-1", "us-east-123", "us-east-1;id", "*" } },
        { value_is_account, { "123456789012" }, { "", "12345678901", "1234567890123", "12345678901a" } },
        { value_is_arn,
          { "arn:aws:iam::123456789012:role/a/b", "arn:aws-cn:rds:cn-north-1:123456789012:db:orders" },
          { "", "arn:aws:iam::1:role/a", "arn:aws:iam::123456789012:", "arn:aws:iam::123456789012:role/$(id)",
            "role/a" } },
        { value_is_identifier,
          { "orders", "o", "orders-1", "O2" },
          { "", "1a", "-a", "a-", "a_b", "a.b", "a b", "a$(id)" } },
        { value_is_engine, { "postgres", "oracle-se2-cdb" }, { "", "Postgres", "-x", "x-", "x y", "x;id" } },
        { value_is_engine_version, { "16.4", "8.0.mysql_aurora.3.05.2" }, { "", "-1", "16 4", "16;id", ".1" } },
        { value_is_host,
          { "a", "orders.example", "orders.example.", "a_b-c.d" },
          { "", ".", "-a", "a-", "a..b", "a b", "a$(id)", "a/b" } },
        { value_is_path,
          { "/", "/opt/it's/a b", "/$(id)", "/\u00e4" },
          { "", "a", "/a\nb", "/\033", "/\xff", "-a" } },
        { value_is_name, { "a", "A-1.b_c", "1" }, { "", "-a", ".a", "a b", "a$", "a/b" } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(cases[i].yes) && cases[i].yes[j]; j++)
            assert_true(cases[i].is(cases[i].yes[j]));
        for (size_t j = 0; j < ARRAY_SIZE(cases[i].no) && cases[i].no[j]; j++)
            assert_false(cases[i].is(cases[i].no[j]));
    }
}

RUN_TESTS(cmocka_unit_test(no_identifier_is_read_out_of_a_name_with_more_than_its_words),
          cmocka_unit_test(a_value_has_the_form_of_its_kind_and_nothing_else),
          cmocka_unit_test(an_authority_is_told_by_its_names),
          cmocka_unit_test(the_names_of_the_catalogue_are_told_as_its_lines_say),
          cmocka_unit_test(the_catalogue_has_every_certificate_that_amazon_published),
          cmocka_unit_test(the_catalogue_knows_regions_roots_and_bundles),
          cmocka_unit_test(a_catalogue_s_mistakes_are_named_with_their_lines),
          cmocka_unit_test(a_newer_catalogue_takes_the_place_of_what_is_built_in_and_an_older_one_does_not),
          cmocka_unit_test(who_signs_is_told_by_fingerprint_by_issuer_or_by_a_name_that_one_alone_has),
          cmocka_unit_test(where_the_chain_ends_first_whoever_waits_for_a_restart_waits_for_that),
          cmocka_unit_test(a_look_is_worth_it_when_a_rotation_may_have_come),
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
