#include "unit.h"

#include <errno.h>

#include "base/file.h"
#include "pki/der.h"
#include "pki/facts.h"
#include "pki/shape.h"
#include "probe/message.h"

static void put(Buffer *to, uint8_t tag, const Buffer *content)
{
    const uint8_t header[] = { tag, 0x83, (uint8_t)(content->size >> 16), (uint8_t)(content->size >> 8),
                               (uint8_t)content->size };
    buffer_append(to, header, sizeof header);
    buffer_append(to, content->data, content->size);
}

/* n times the same element. */
static Buffer list_of(unsigned n, const void *element, size_t size)
{
    Buffer list = { 0 };
    buffer_append(&list, "", 0);
    for (unsigned i = 0; i < n; i++)
        buffer_append(&list, element, size);
    return list;
}

static const uint8_t nothing[] = { 5, 0 };

/* A certificate's outline: an empty serial number, algorithm, issuer and validity, this subject and these
 * extensions. */
static Buffer certificate_of(const Buffer *subject, const Buffer *extensions)
{
    _cleanup_(buffer_deinit) Buffer tbs = { 0 }, list = { 0 }, content = { 0 };
    Buffer certificate = { 0 };
    buffer_append(&tbs, "\x02\x01\x01\x30\x00\x30\x00\x30\x00", 9);
    put(&tbs, DER_SEQUENCE, subject);
    put(&list, DER_SEQUENCE, extensions);
    put(&tbs, DER_CONTEXT_0 | DER_CONSTRUCTED | 3, &list);
    put(&content, DER_SEQUENCE, &tbs);
    put(&certificate, DER_SEQUENCE, &content);
    return certificate;
}

/* What is said of one with so many attributes in its subject, extensions, and names. */
static char *excess_of(unsigned n_attributes, unsigned n_extensions, unsigned n_names, size_t *ret_elements)
{
    _cleanup_(buffer_deinit) Buffer subject = list_of(n_attributes, nothing, sizeof nothing), content = { 0 },
                                    octets = { 0 }, san = { 0 }, extensions = { 0 },
                                    names = list_of(n_names, "\x82", 2);
    put(&octets, DER_SEQUENCE, &names);
    buffer_append(&san, "\x06\x03\x55\x1d\x11", 5);
    put(&san, DER_OCTETS, &octets);
    put(&extensions, DER_SEQUENCE, &san);
    for (unsigned i = 1; i < n_extensions; i++)
        buffer_append(&extensions, "\x30\x00", 2);
    _cleanup_(buffer_deinit) Buffer certificate = certificate_of(&subject, &extensions);
    return shape_excess(certificate.data, certificate.size, ret_elements);
}

TEST(a_certificate_at_the_limits_passes_and_one_more_of_anything_does_not)
{
    static const struct {
        unsigned n_attributes, n_extensions, n_names;
        const char *excess;
    } cases[] = {
        { 5, 8, 1000, NULL },
        { SHAPE_LIST_MAX, SHAPE_LIST_MAX, SHAPE_NAMES_MAX, NULL },
        { SHAPE_LIST_MAX + 1, 8, 1, "101 items in one list of its subject; dbcertd takes at most 100" },
        { 5, SHAPE_LIST_MAX + 1, 1, "101 extensions; dbcertd takes at most 100" },
        { 5, 8, SHAPE_NAMES_MAX + 1, "2001 items in one list of its extensions; dbcertd takes at most 2000" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *excess =
            excess_of(cases[i].n_attributes, cases[i].n_extensions, cases[i].n_names, NULL);
        if (cases[i].excess)
            assert_string_equal(excess, cases[i].excess);
        else
            assert_null(excess);
    }
}

TEST(real_certificates_have_far_fewer_elements)
{
    static const char *const names[] = { "server.der", "intermediate.der" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = xasprintf("%s/../fuzz/corpus/certificate/%s", TEST_DATA, names[i]);
        _cleanup_(buffer_deinit) Buffer der = { 0 };
        size_t n = 0;
        assert_int_equal(file_read(path, 65536, &der), 0);
        assert_null(shape_excess(der.data, der.size, &n));
        assert_between(n, 50, SHAPE_ELEMENTS_MAX / 10);
    }
}

TEST(from_where_a_certificate_does_not_parse_its_bytes_count)
{
    _cleanup_(buffer_deinit) Buffer subject = list_of(9000, nothing, sizeof nothing), none = list_of(0, "", 0),
                                    certificate = { 0 };
    size_t n = 0;
    subject.data[100] = 0; /* no tag */
    certificate = certificate_of(&subject, &none);
    _cleanup_free_ char *excess = shape_excess(certificate.data, certificate.size, &n);
    assert_non_null(strstr(excess, " elements of ASN.1; dbcertd takes at most 2500"));
    assert_between(n, 9000, 9020);
    assert_null(
        shape_excess(certificate.data, certificate.size - 1, NULL)); /* nobody reads in what is cut off */
    assert_null(shape_excess((const uint8_t *)"\x30\x82\x01", 3, NULL));
    assert_null(shape_excess((const uint8_t *)"", 0, NULL));
}

TEST(elements_in_elements_without_end_are_left_at_a_depth)
{
    _cleanup_(buffer_deinit) Buffer deep = list_of(30000, "\x30\x80", 2), none = list_of(0, "", 0),
                                    subject = list_of(0, "", 0);
    for (unsigned i = 0; i <= SHAPE_DEPTH_MAX; i++) {
        _cleanup_(buffer_deinit) Buffer inner = subject;
        subject = (Buffer) { 0 };
        put(&subject, DER_SEQUENCE, &inner);
    }
    _cleanup_(buffer_deinit) Buffer certificate = certificate_of(&subject, &none),
                                    endless = certificate_of(&deep, &none);
    _cleanup_free_ char *excess = shape_excess(certificate.data, certificate.size, NULL);
    assert_string_equal(excess, "more than 24 levels of elements in its subject");
    free(excess);
    excess = shape_excess(endless.data, endless.size, NULL);
    assert_non_null(excess);
}

TEST(a_subject_of_many_parts_is_refused_before_it_is_parsed)
{
    _cleanup_(buffer_deinit) Buffer subject = list_of(9000, nothing, sizeof nothing), none = list_of(0, "", 0),
                                    certificate = certificate_of(&subject, &none);
    Certificate *c = NULL;
    assert_int_equal(certificate_from_der(certificate.data, certificate.size, &c), -EFBIG);
    _cleanup_free_ char *excess = certificate_excess(certificate.data, certificate.size);
    assert_string_equal(excess, "9000 items in one list of its subject; dbcertd takes at most 100");
}

static void put_vector(Buffer *to, unsigned length_bytes, const Buffer *content)
{
    while (length_bytes-- > 0)
        buffer_append(to, &(uint8_t) { (uint8_t)(content->size >> 8 * length_bytes) }, 1);
    buffer_append(to, content->data, content->size);
}

/* A Certificate message of n of them. */
static Buffer message_of(const Buffer *certificate, unsigned n, bool tls13)
{
    _cleanup_(buffer_deinit) Buffer list = { 0 };
    Buffer message = { 0 };
    for (unsigned i = 0; i < n; i++) {
        put_vector(&list, 3, certificate);
        if (tls13)
            buffer_append(&list, "\0\x02\xff\xff", 4);
    }
    if (tls13)
        buffer_append(&message, "", 1);
    put_vector(&message, 3, &list);
    return message;
}

TEST(certificates_in_a_message_are_counted_one_by_one_and_in_sum)
{
    _cleanup_(buffer_deinit) Buffer large = list_of(1000, nothing, sizeof nothing),
                                    small = list_of(80, nothing, sizeof nothing), none = list_of(0, "", 0),
                                    bad = certificate_of(&large, &none), good = certificate_of(&small, &none);
    for (int tls13 = 0; tls13 <= 1; tls13++) {
        _cleanup_(buffer_deinit) Buffer one = message_of(&bad, 1, tls13), few = message_of(&good, 16, tls13),
                                        many = message_of(&good, 60, tls13);
        _cleanup_free_ char *of_one = message_certificates_excess(one.data, one.size, tls13),
                            *of_many = message_certificates_excess(many.data, many.size, tls13);
        assert_string_equal(of_one, "certificate 1 of the server's has 1000 items in one list of its subject; "
                                    "dbcertd takes at most 100");
        assert_non_null(strstr(of_many, " elements of ASN.1 together; dbcertd takes at most 4000"));
        assert_null(message_certificates_excess(few.data, few.size, tls13));
        assert_null(message_certificates_excess(few.data, few.size - 100, tls13)); /* cut off */
        assert_null(message_certificates_excess(few.data, 0, tls13));
    }
}

RUN_TESTS(cmocka_unit_test(a_certificate_at_the_limits_passes_and_one_more_of_anything_does_not),
          cmocka_unit_test(real_certificates_have_far_fewer_elements),
          cmocka_unit_test(from_where_a_certificate_does_not_parse_its_bytes_count),
          cmocka_unit_test(elements_in_elements_without_end_are_left_at_a_depth),
          cmocka_unit_test(a_subject_of_many_parts_is_refused_before_it_is_parsed),
          cmocka_unit_test(certificates_in_a_message_are_counted_one_by_one_and_in_sum));
