#include "unit.h"

#include "manager/fleet.h"

static void ignore(Member *member _unused_)
{
}

static const FleetEvents events = { .added = ignore, .removed = member_free, .changed = ignore };

/* Endpoints 0 to n - 1. */
static void of(Fleet *fleet, size_t n)
{
    Endpoint **endpoints = xcalloc(n + 1, sizeof *endpoints);
    for (size_t i = 0; i < n; i++) {
        endpoints[i] = endpoint_new();
        endpoints[i]->name = xasprintf("db-%zu", i);
        endpoints[i]->host = xstrdup("db.test");
    }
    fleet_replace(fleet, NULL, endpoints, n, false, &events);
    for (size_t i = 0; i < n; i++)
        endpoint_unref(endpoints[i]);
    free(endpoints);
}

static size_t admit(Fleet *fleet, size_t member, size_t n)
{
    return fleet_admit(fleet, fleet->members[member], n);
}

TEST(addresses_of_all_endpoints_are_bounded_but_for_the_first_of_each)
{
    _cleanup_(fleet_deinit) Fleet fleet = { 0 };
    of(&fleet, 100);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(admit(&fleet, i, 65), 65); /* 64 * 64 are 4096 */
    assert_int_equal(admit(&fleet, 64, 2), 1);
    assert_int_equal(admit(&fleet, 64, 1), 1);
    assert_int_equal(admit(&fleet, 0, 65), 65); /* those that it had count no more */
    assert_int_equal(admit(&fleet, 0, 62), 62);
    assert_int_equal(admit(&fleet, 64, 64), 4);
}

TEST(a_large_fleet_may_have_two_more_addresses_for_each_endpoint)
{
    _cleanup_(fleet_deinit) Fleet fleet = { 0 };
    of(&fleet, 3000);
    for (size_t i = 0; i < fleet.n; i++)
        assert_int_equal(admit(&fleet, i, 3), 3);
    assert_int_equal(admit(&fleet, 0, 4), 3);
}

TEST(an_endpoint_that_is_removed_leaves_its_addresses_to_others)
{
    _cleanup_(fleet_deinit) Fleet fleet = { 0 };
    of(&fleet, 66);
    for (size_t i = 2; i < 66; i++)
        assert_int_equal(admit(&fleet, i, 65), 65);
    of(&fleet, 2);
    assert_int_equal(admit(&fleet, 0, 64), 64);
    fleet.members[0]->retired = true;
    assert_int_equal(admit(&fleet, 0, 64), 1);
}

RUN_TESTS(cmocka_unit_test(addresses_of_all_endpoints_are_bounded_but_for_the_first_of_each),
          cmocka_unit_test(a_large_fleet_may_have_two_more_addresses_for_each_endpoint),
          cmocka_unit_test(an_endpoint_that_is_removed_leaves_its_addresses_to_others));
