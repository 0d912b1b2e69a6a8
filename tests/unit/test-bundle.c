#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "pki/bundle.h"

#define FRAME "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"

/* ASN.1 by hand: tag, length, content. */
static Buffer tlv(uint8_t tag, Buffer content)
{
    Buffer out = { 0 };
    buffer_append(&out,
                  (uint8_t[]) { tag, 0x83, (uint8_t)(content.size >> 16), (uint8_t)(content.size >> 8),
                                (uint8_t)content.size },
                  5);
    buffer_append(&out, content.data, content.size);
    buffer_deinit(&content);
    return out;
}

/* The same with a length that is not said. */
static Buffer indefinite(uint8_t tag, Buffer content)
{
    Buffer out = { 0 };
    buffer_append(&out, (uint8_t[]) { tag, 0x80 }, 2);
    buffer_append(&out, content.data, content.size);
    buffer_append(&out, "\0", 2);
    buffer_deinit(&content);
    return out;
}

static Buffer bytes(const void *data, size_t size)
{
    Buffer out = { 0 };
    buffer_append(&out, data, size);
    return out;
}

/* Takes both. */
static Buffer join(Buffer a, Buffer b)
{
    buffer_append(&a, b.data, b.size);
    buffer_deinit(&b);
    return a;
}

static Buffer number(uint32_t n)
{
    return tlv(0x02,
               bytes((uint8_t[]) { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n }, 4));
}

/* 1.2.840.113549 and what follows. */
static Buffer pkcs(const char *rest, size_t size)
{
    return tlv(0x06, join(bytes("\x2a\x86\x48\x86\xf7\x0d", 6), bytes(rest, size)));
}
#define PKCS(rest) pkcs(rest, sizeof rest - 1)

/* A part that is encrypted with PBES2: PBKDF2 with the PRF of that number, AES-256-CBC. */
static Buffer encrypted_part(uint32_t rounds, char prf)
{
    Buffer params = join(tlv(0x04, bytes("saltsalt", 8)), number(rounds));
    params = join(params, tlv(0x30, pkcs((char[]) { 2, prf }, 2)));
    Buffer kdf = tlv(0x30, join(PKCS("\1\5\x0c"), tlv(0x30, params)));
    Buffer cipher =
        join(tlv(0x06, bytes("\x60\x86\x48\1\x65\3\4\1\x2a", 9)), tlv(0x04, bytes("0123456789abcdef", 16)));
    Buffer scheme = tlv(0x30, join(PKCS("\1\5\x0d"), tlv(0x30, join(kdf, tlv(0x30, cipher)))));
    Buffer info = join(join(PKCS("\1\7\1"), scheme), tlv(0x80, bytes("0123456789abcdef", 16)));
    Buffer data = tlv(0x30, join(number(0), tlv(0x30, info)));
    return tlv(0x30, join(PKCS("\1\7\6"), tlv(0xa0, data)));
}

static Buffer pkcs12_of(Buffer parts)
{
    Buffer content = tlv(0x30, join(PKCS("\1\7\1"), tlv(0xa0, tlv(0x04, tlv(0x30, parts)))));
    return tlv(0x30, join(number(3), content));
}

static int add(Buffer file, size_t *ret_size, char ***errors)
{
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    int r = bundle_add(bundle, "f", file.data, file.size, NULL, errors);
    *ret_size = bundle_size(bundle);
    buffer_deinit(&file);
    return r;
}

TEST(the_work_that_a_pkcs12_file_asks_for_is_added_up_before_any_is_done)
{
    enum { SHA1 = 7, SHA256 = 9, SHA512 = 11 };
    static const struct {
        int n_parts;
        uint32_t rounds;
        char prf;
        const char *error;
    } cases[] = {
        { 1, 1000, SHA256, "f: needs its password" },
        { 3, 1000000, SHA256, "f: needs its password" }, /* three million rounds are just right */
        { 3, 1000001, SHA256, "f: its key derivation takes more than 3000000 rounds" },
        { 64, 1000000, SHA512, "f: its key derivation takes more than 3000000 rounds" },
        { 64, 50000, SHA256, "f: its key derivation takes more than 3000000 rounds" },
        { 1, 600001, SHA512, "f: its key derivation takes more than 3000000 rounds" }, /* five times the work */
        { 2, 750001, SHA1, "f: its key derivation takes more than 3000000 rounds" }, /* two blocks for a key */
        { 65, 1, SHA256, "or it has too many parts" },
        { 1, 0x7fffffff, SHA256, "f: its key derivation takes more than 3000000 rounds" },
        { 1, 0x80000000, SHA256, "f: its PKCS#12 does not parse" },
        { 1, 0, SHA256, "f: its PKCS#12 does not parse" },
        { 1, 1000, 99, "f: its PKCS#12 is encrypted in a way that dbcertd does not know" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(strv_freep) char **errors = NULL;
        Buffer parts = { 0 };
        size_t size;
        for (int n = 0; n < cases[i].n_parts; n++)
            parts = join(parts, encrypted_part(cases[i].rounds, cases[i].prf));
        assert_true(add(pkcs12_of(parts), &size, &errors) < 0);
        assert_int_equal(size, 0);
        assert_non_null(strstr(errors[0], cases[i].error));
    }
}

static Buffer signed_data(Buffer certificates, Buffer (*wrap)(uint8_t, Buffer))
{
    Buffer message = join(number(1), wrap(0x31, (Buffer) { 0 }));
    message = join(message, wrap(0x30, PKCS("\1\7\1")));
    message = join(message, wrap(0xa0, certificates));
    return wrap(0x30, join(PKCS("\1\7\2"), wrap(0xa0, wrap(0x30, message))));
}

/* The DER of one of tests/data. */
static Buffer certificate(void)
{
    _cleanup_free_ char *path = data_path("root.pem");
    _cleanup_(buffer_deinit) Buffer pem = { 0 };
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    char **errors = NULL;
    assert_int_equal(file_read(path, 65536, &pem), 0);
    assert_int_equal(bundle_add(bundle, path, pem.data, pem.size, NULL, &errors), 1);
    return bytes(bundle_certificate(bundle, 0)->der, bundle_certificate(bundle, 0)->der_size);
}

TEST(pkcs7_is_read_with_lengths_that_are_said_or_not_and_cut_nowhere)
{
    Buffer (*const wraps[])(uint8_t, Buffer) = { tlv, indefinite };
    for (size_t i = 0; i < ARRAY_SIZE(wraps); i++) {
        _cleanup_(strv_freep) char **errors = NULL;
        _cleanup_(buffer_deinit) Buffer file = signed_data(certificate(), wraps[i]);
        size_t size;
        assert_int_equal(add(bytes(file.data, file.size), &size, &errors), 1);
        assert_null(errors);
        for (size_t length = 0; length < file.size; length++) {
            _cleanup_(strv_freep) char **complaints = NULL;
            (void)add(bytes(file.data, length), &size, &complaints);
            assert_true(strv_length(complaints) > 0);
        }
    }
}

/* The tiniest certificates that there is room for, and lengths that are not said, one within the other. */
TEST(a_pkcs7_file_of_nothing_is_read_in_one_pass_and_complained_about_in_few_lines)
{
    _cleanup_(strv_freep) char **errors = NULL, **deep_errors = NULL;
    Buffer many = { 0 }, deep = { 0 };
    size_t size;
    for (size_t i = 0; i < 1000000; i++)
        buffer_append(&many, "\x30\x03\x02\x01\x01", 5);
    assert_int_equal(add(signed_data(many, tlv), &size, &errors), -ENODATA);
    assert_int_equal(strv_length(errors), 21);
    assert_non_null(strstr(errors[20], "f: and 49"));
    for (size_t i = 0; i < 1000000; i++)
        buffer_append(&deep, "\x30\x80", 2);
    assert_int_equal(add(signed_data(deep, tlv), &size, &deep_errors), -ENODATA);
}

TEST(a_pem_file_is_passed_over_once_and_complained_about_in_few_lines)
{
    _cleanup_(strv_freep) char **errors = NULL;
    Buffer file = { 0 };
    size_t size;
    memset(buffer_extend(&file, 1000000), '\n', 1000000);
    for (size_t i = 0; i < 4000; i++)
        buffer_append(&file, FRAME, strlen(FRAME));
    assert_int_equal(add(file, &size, &errors), -ENODATA);
    assert_int_equal(strv_length(errors), 21);
    assert_non_null(strstr(errors[0], "certificate 1 (line 1000001) does not parse"));
    assert_non_null(strstr(errors[19], "certificate 20 (line 1000039) does not parse"));
    assert_string_equal(errors[20], "f: and 3981 more of its kind");
}

TEST(a_certificate_over_the_limit_is_refused_before_it_is_parsed)
{
    _cleanup_(strv_freep) char **errors = NULL;
    Buffer content = { 0 };
    size_t size;
    memset(buffer_extend(&content, 300000), 0x30, 300000);
    assert_int_equal(add(tlv(0x30, content), &size, &errors), -ENODATA);
    assert_non_null(strstr(errors[0], "has 300005 bytes; dbcertd takes at most 262144"));
}

/* As a download holds what is fetched. */
TEST(a_list_has_what_a_bundle_has_and_gives_it_to_one)
{
    _cleanup_(buffer_deinit) Buffer der = certificate();
    _cleanup_(bundle_freep) Bundle *list = bundle_new_list(), *bundle = bundle_new();
    char **errors = NULL;
    assert_int_equal(bundle_add(list, "f", der.data, der.size, NULL, &errors), 1);
    assert_int_equal(bundle_add(list, "f", der.data, der.size, NULL, &errors), 1); /* a double */
    assert_int_equal(bundle_size(list), 1);
    bundle_merge(bundle, list);
    assert_true(bundle_has(bundle, bundle_certificate(list, 0)->sha256));
    assert_false(bundle_has(bundle, ""));
    assert_false(bundle_has(bundle, "no hexadecimal"));
}

RUN_TESTS(cmocka_unit_test(the_work_that_a_pkcs12_file_asks_for_is_added_up_before_any_is_done),
          cmocka_unit_test(pkcs7_is_read_with_lengths_that_are_said_or_not_and_cut_nowhere),
          cmocka_unit_test(a_pkcs7_file_of_nothing_is_read_in_one_pass_and_complained_about_in_few_lines),
          cmocka_unit_test(a_pem_file_is_passed_over_once_and_complained_about_in_few_lines),
          cmocka_unit_test(a_certificate_over_the_limit_is_refused_before_it_is_parsed),
          cmocka_unit_test(a_list_has_what_a_bundle_has_and_gives_it_to_one));
