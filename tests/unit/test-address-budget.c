#include "unit.h"

#include "monitor/address-budget.h"

TEST(addresses_of_all_endpoints_are_bounded_but_for_the_first_of_each)
{
    AddressBudget budget = { .n_endpoints = 100 };
    size_t parts[100] = { 0 };
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(address_budget_admit(&budget, &parts[i], 65), 65); /* 64 * 64 are 4096 */
    assert_int_equal(address_budget_admit(&budget, &parts[64], 2), 1);
    assert_int_equal(address_budget_admit(&budget, &parts[64], 1), 1);
    assert_int_equal(address_budget_admit(&budget, &parts[0], 65), 65); /* those that it had count no more */
    assert_int_equal(address_budget_admit(&budget, &parts[0], 62), 62);
    assert_int_equal(address_budget_admit(&budget, &parts[64], 64), 4);
}

TEST(a_large_fleet_may_have_two_more_addresses_for_each_endpoint)
{
    AddressBudget budget = { .n_endpoints = 3000 };
    size_t parts[3000] = { 0 };
    for (size_t i = 0; i < budget.n_endpoints; i++)
        assert_int_equal(address_budget_admit(&budget, &parts[i], 3), 3);
    assert_int_equal(address_budget_admit(&budget, &parts[0], 4), 3);
    budget.n_endpoints = 1; /* the others are to be released yet */
    assert_int_equal(address_budget_admit(&budget, &parts[0], 2), 1);
}

TEST(an_endpoint_that_is_removed_leaves_its_addresses_to_others)
{
    AddressBudget budget = { .n_endpoints = 2 };
    size_t removed = 0, other = 0;
    assert_int_equal(address_budget_admit(&budget, &removed, 4097), 4097);
    assert_int_equal(address_budget_admit(&budget, &other, 64), 1);
    address_budget_release(&budget, &removed);
    assert_int_equal(address_budget_admit(&budget, &other, 64), 64);
}

RUN_TESTS(cmocka_unit_test(addresses_of_all_endpoints_are_bounded_but_for_the_first_of_each),
          cmocka_unit_test(a_large_fleet_may_have_two_more_addresses_for_each_endpoint),
          cmocka_unit_test(an_endpoint_that_is_removed_leaves_its_addresses_to_others));
