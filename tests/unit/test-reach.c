#include "unit.h"

#include "model/reach.h"

static const char *special(const char *text)
{
    Address address;
    assert_int_equal(address_parse(text, 5432, &address), 0);
    return address_special(&address);
}

TEST(no_address_of_this_host_its_link_or_its_metadata_is_ordinary)
{
    static const char *const cases[] = {
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.169.253",
        "169.254.169.123",
        "169.254.170.2",
        "169.254.170.23",
        "192.0.0.192",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "ff00::",
        "fd00:ec2::254",
        "fd00:ec2::253",
        "fd00:ec2::123",
        "fd00:ec2::23",
        "fd20:ce::254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::ffff:0:127.0.0.1",
        "::127.0.0.1",
        "::169.254.169.254",
        "::2",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:7f00:0001::5",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (!special(cases[i]))
            fail_msg("%s is ordinary", cases[i]);
}

TEST(addresses_beside_the_prefixes_are_ordinary)
{
    static const char *const cases[] = {
        "1.0.0.0",           "126.255.255.255", "128.0.0.1",          "169.253.255.255",
        "169.255.0.0",       "10.0.0.1",        "172.31.0.2",         "192.168.1.1",
        "100.64.0.1",        "192.0.0.191",     "223.255.255.255",    "52.95.0.1",
        "fd00::1",           "fd00:ec1::254",   "fd00:ec3::254",      "fe7f::1",
        "fec0::1",           "2001:db8::1",     "2600:1f18::1",       "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1", "2002:a00:1::",    "64:ff9c::127.0.0.1",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (special(cases[i]))
            fail_msg("%s is %s", cases[i], special(cases[i]));
}

TEST(a_metadata_service_is_called_that_and_not_link_local)
{
    assert_string_equal(special("169.254.169.254"), "an instance metadata service");
    assert_string_equal(special("169.254.170.2"), "a container credentials service");
    assert_string_equal(special("fd00:ec2::23"), "a container credentials service");
    assert_string_equal(special("fd00:ec2::254"), "an instance metadata service");
    assert_string_equal(special("169.254.1.1"), "a link-local address");
    assert_string_equal(special("::ffff:169.254.169.254"), "an instance metadata service");
}

TEST(a_refusal_names_the_address_and_the_key_and_the_key_lifts_it)
{
    _cleanup_(endpoint_unrefp) Endpoint *endpoint = endpoint_new();
    Address own, other;
    assert_int_equal(address_parse("127.0.0.1", 1, &own), 0);
    assert_int_equal(address_parse("10.0.0.1", 1, &other), 0);
    assert_null(endpoint_refusal(endpoint, &other));
    _cleanup_free_ char *refusal = endpoint_refusal(endpoint, &own);
    assert_string_equal(
        refusal, "127.0.0.1 is a loopback address, and dbcertd does not connect to it; if that is meant, set "
                 "loopback = true for this endpoint");
    endpoint->loopback = true;
    assert_null(endpoint_refusal(endpoint, &own));
}

RUN_TESTS(cmocka_unit_test(no_address_of_this_host_its_link_or_its_metadata_is_ordinary),
          cmocka_unit_test(addresses_beside_the_prefixes_are_ordinary),
          cmocka_unit_test(a_metadata_service_is_called_that_and_not_link_local),
          cmocka_unit_test(a_refusal_names_the_address_and_the_key_and_the_key_lifts_it));
