#include "unit.h"

#include <stdio.h>

#include "schedule/schedule.h"

#define SEC     USEC_PER_SEC
#define HOURLY  (3600 * SEC)
#define NOW     (UINT64_C(1000000) * SEC)
#define FETCHED ((Result) { 0 })

TEST(the_next_turn_is_at_the_name_s_own_place_in_the_interval)
{
    uint64_t first = schedule_next("orders", HOURLY, FETCHED, NOW);
    assert_true(first > NOW && first <= NOW + HOURLY);
    assert_int_equal(schedule_next("orders", HOURLY, FETCHED, first), first + HOURLY);
    assert_int_equal(schedule_next("orders", HOURLY, FETCHED, first - 1), first);
    assert_int_equal(schedule_next("orders", HOURLY, FETCHED, first + 17 * SEC), first + HOURLY);
}

TEST(a_fleet_is_spread_evenly_over_the_interval)
{
    unsigned in_slice[10] = { 0 };
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof name, "orders-%d", i);
        in_slice[(schedule_next(name, HOURLY, FETCHED, NOW) - NOW - 1) * 10 / HOURLY]++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(in_slice); i++)
        assert_between(in_slice[i], 850, 1150);
}

TEST(a_failure_is_tried_again_soon_and_then_less_soon)
{
    static const unsigned seconds[] = { 15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600 };
    for (unsigned i = 0; i < ARRAY_SIZE(seconds); i++) {
        uint64_t wait = schedule_next("orders", HOURLY, (Result) { .failures = i + 1 }, NOW) - NOW;
        assert_between(wait, seconds[i] * SEC * 7 / 8 - 1, seconds[i] * SEC);
    }
    uint64_t wait = schedule_next("orders", 10 * SEC, (Result) { .failures = 1 }, NOW) - NOW;
    assert_between(wait, 8 * SEC, 10 * SEC); /* never later than usual */
}

/* A server whose TLS is broken counts every probe: 100 of them block this host. */
TEST(failures_that_are_counted_take_more_than_two_months_to_block_this_host)
{
    uint64_t now = NOW;
    for (unsigned n = 1; n < 100; n++)
        now = schedule_next("orders", HOURLY, (Result) { .failures = n, .counted = true }, now);
    assert_true(now - NOW > 60 * 24 * HOURLY);
    uint64_t third = schedule_next("orders", HOURLY, (Result) { .failures = 2, .counted = true }, NOW);
    assert_true(third - NOW <= 30 * SEC); /* and yet it is known within a minute */
}

TEST(the_longest_due_goes_first_and_who_is_asked_before_all)
{
    _cleanup_(schedule_deinit) Schedule schedule = { 0 };
    Slot a = { 0 }, b = { 0 }, c = { 0 };
    uint64_t wake;
    schedule_put(&schedule, &a, 30);
    schedule_put(&schedule, &b, 20);
    schedule_put(&schedule, &c, 500);
    assert_ptr_equal(schedule_take(&schedule, 100, &wake), &b);
    assert_true(b.running);
    schedule_ask(&schedule, &c);
    assert_ptr_equal(schedule_take(&schedule, 100, &wake), &c);
    assert_ptr_equal(schedule_take(&schedule, 100, &wake), &a);
    assert_null(schedule_take(&schedule, 100, &wake));
    assert_int_equal(wake, SCHEDULE_NEVER);
}

TEST(who_is_asked_while_running_goes_once_more)
{
    _cleanup_(schedule_deinit) Schedule schedule = { 0 };
    Slot a = { 0 }, b = { 0 };
    uint64_t wake;
    schedule_put(&schedule, &a, 0);
    assert_ptr_equal(schedule_take(&schedule, 100, &wake), &a);
    schedule_ask(&schedule, &a);
    assert_null(schedule_take(&schedule, 100, &wake)); /* not twice at once */
    schedule_put(&schedule, &b, 50);
    schedule_put(&schedule, &a, 900);
    assert_ptr_equal(schedule_take(&schedule, 100, &wake), &a);
    assert_true(a.asked);
}

TEST(nobody_is_due_and_the_alarm_is_set_for_the_first)
{
    _cleanup_(schedule_deinit) Schedule schedule = { 0 };
    Slot a = { 0 }, b = { 0 };
    uint64_t wake;
    assert_null(schedule_take(&schedule, 100, &wake));
    assert_int_equal(wake, SCHEDULE_NEVER);
    schedule_put(&schedule, &a, 300);
    schedule_put(&schedule, &b, 200);
    assert_null(schedule_take(&schedule, 100, &wake));
    assert_int_equal(wake, 200);
    schedule_remove(&schedule, &b);
    assert_null(schedule_take(&schedule, 100, &wake));
    assert_int_equal(wake, 300);
}

/* Against a search of all, with keys that repeat. */
TEST(a_heap_gives_the_least_whatever_was_moved_and_taken)
{
    _cleanup_(schedule_deinit) Schedule schedule = { 0 };
    Slot slots[200] = { 0 };
    uint64_t seed = 1, wake;
    for (int step = 0; step < 20000; step++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        Slot *slot = &slots[(seed >> 33) % ARRAY_SIZE(slots)], *least = NULL;
        if ((seed >> 20) % 3 == 0)
            schedule_remove(&schedule, slot);
        else
            schedule_put(&schedule, slot, (seed >> 40) % 50);
        for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
            if (slots[i].waiting.place != 0 && (!least || slots[i].due_usec < least->due_usec))
                least = &slots[i];
        Slot *taken = schedule_take(&schedule, 100, &wake);
        assert_true(least ? taken->due_usec == least->due_usec : !taken);
    }
}

TEST(a_look_is_sooner_and_spread_over_half_an_hour)
{
    const uint64_t now = UINT64_C(1000000) * USEC_PER_SEC, hour = 3600 * USEC_PER_SEC;
    unsigned n_early = 0;
    for (int i = 0; i < 1000; i++) {
        _cleanup_free_ char *name = xasprintf("db-%d", i);
        uint64_t due = schedule_sooner(name, now + 24 * hour, 7200, now);
        assert_true(due >= now + 2 * hour && due < now + 2 * hour + hour / 2);
        n_early += due < now + 2 * hour + hour / 4;
        assert_true(schedule_sooner(name, now + hour, 7200, now) == now + hour); /* it is due before */
        assert_true(schedule_sooner(name, now + 24 * hour, -5, now) < now + hour / 2);
    }
    assert_true(n_early > 400 && n_early < 600);
}

RUN_TESTS(cmocka_unit_test(a_look_is_sooner_and_spread_over_half_an_hour),
          cmocka_unit_test(the_next_turn_is_at_the_name_s_own_place_in_the_interval),
          cmocka_unit_test(a_fleet_is_spread_evenly_over_the_interval),
          cmocka_unit_test(a_failure_is_tried_again_soon_and_then_less_soon),
          cmocka_unit_test(failures_that_are_counted_take_more_than_two_months_to_block_this_host),
          cmocka_unit_test(the_longest_due_goes_first_and_who_is_asked_before_all),
          cmocka_unit_test(who_is_asked_while_running_goes_once_more),
          cmocka_unit_test(a_heap_gives_the_least_whatever_was_moved_and_taken),
          cmocka_unit_test(nobody_is_due_and_the_alarm_is_set_for_the_first));
