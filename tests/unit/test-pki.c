#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "pki/bundle.h"
#include "pki/facts.h"
#include "pki/verify.h"

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
        assert_int_equal(bundle_add_pem(bundle, path, pem.data, pem.size, &errors), 1);
        assert_null(errors);
    }
    return bundle;
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
    certificate_free(c);
}

TEST(a_root_of_2125_is_read)
{
    Certificate *c = read_certificate("root.pem");
    assert_string_equal(INSTANT_TEXT(c->not_after), "2125-01-01T00:00:00Z");
    assert_string_equal(c->key, "ECDSA SECP384R1");
    assert_int_equal(c->role, ROLE_ROOT);
    assert_true(c->self_issued);
    certificate_free(c);
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
      "its issuer is not in the bundle" },
    /* A root that the server sends proves nothing. */
    { { "server.pem", "intermediate.pem", "root.pem" },
      { "other-root.pem" },
      HOST,
      false,
      false,
      false,
      true,
      "its issuer is not in the bundle" },
    { { "server.pem" }, { "root.pem" }, HOST, false, false, false, true, "its issuer is not in the bundle" },
    /* The bundle fills the gap, a client with the root alone cannot. */
    { { "server.pem" }, { "root.pem", "intermediate.pem" }, HOST, true, true, false, true, NULL },
    /* What the operator put there is trusted. */
    { { "server.pem", "intermediate.pem" }, { "intermediate.pem" }, HOST, true, false, false, true, NULL },
    { { "self-signed.pem" },
      { "root.pem" },
      HOST,
      false,
      false,
      true,
      true,
      "its issuer is not in the bundle" },
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
    assert_string_equal(INSTANT_TEXT(v.root_not_after), "2125-01-01T00:00:00Z");
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
    assert_int_equal(bundle_add_pem(bundle, "b.pem", pem.data, pem.size, &errors), 3);
    assert_int_equal(bundle_size(bundle), 2);
    assert_int_equal(strv_length(errors), 1);
    assert_non_null(strstr(errors[0], "b.pem: certificate 2 (line "));
}

TEST(a_file_without_a_certificate_says_so)
{
    static const char *const texts[] = { "", "hello\n", "-----BEGIN CERTIFICATE-----\nplaceholder\n" };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
        _cleanup_(strv_freep) char **errors = NULL;
        assert_int_equal(bundle_add_pem(bundle, "b.pem", (const uint8_t *)texts[i], strlen(texts[i]), &errors),
                         -ENODATA);
        assert_non_null(strstr(errors[strv_length(errors) - 1], "b.pem: no certificate in it"));
    }
}

/* The bundle as Amazon published it. */
TEST(the_global_bundle_is_read_whole)
{
    const char *directory = getenv("DBCERTD_SHARED_DATA");
    if (!directory)
        skip();
    _cleanup_free_ char *path = xasprintf("%s/bundles/global-bundle.2024-10.enpm818n.pem", directory);
    _cleanup_(buffer_deinit) Buffer pem = { 0 };
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    char **errors = NULL;
    if (file_read(path, BUNDLE_BYTES_MAX, &pem) < 0)
        skip();
    int n = bundle_add_pem(bundle, path, pem.data, pem.size, &errors);
    assert_int_equal(n, bundle_size(bundle));
    assert_true(bundle_size(bundle) >= 90);
    assert_null(errors);
}

RUN_TESTS(cmocka_unit_test(a_certificate_s_facts_are_what_openssl_says),
          cmocka_unit_test(a_root_of_2125_is_read), cmocka_unit_test(what_is_no_certificate_is_refused),
          cmocka_unit_test(a_chain_is_verified_against_the_bundle_and_the_name_apart),
          cmocka_unit_test(the_end_of_the_root_is_found_though_the_server_does_not_send_it),
          cmocka_unit_test(without_a_bundle_nothing_is_said_about_trust),
          cmocka_unit_test(one_broken_certificate_does_not_lose_the_others),
          cmocka_unit_test(a_file_without_a_certificate_says_so),
          cmocka_unit_test(the_global_bundle_is_read_whole));
