#include "unit.h"

#include "http/pause.h"
#include "sink/alertmanager.h"

static AlertmanagerAnswer read_answer(unsigned status, const char *body)
{
    return alertmanager_read(status, (const uint8_t *)body, strlen(body));
}

TEST(an_alertmanager_has_taken_alerts_only_by_its_own_word)
{
    assert_int_equal(read_answer(200, ""), ALERTMANAGER_TAKEN);
    assert_int_equal(read_answer(200, "ok"), ALERTMANAGER_TAKEN);
    assert_int_equal(read_answer(200, "{\"status\":\"success\"}"), ALERTMANAGER_TAKEN);
    assert_int_equal(read_answer(200, " \r\n<html>Log in"), ALERTMANAGER_FAILED);
    assert_int_equal(read_answer(200, "{\"status\":\"error\",\"error\":\"no\"}"), ALERTMANAGER_FAILED);
    assert_int_equal(read_answer(200, "{\"code\":601,\"message\":\"no\"}"), ALERTMANAGER_FAILED);
}

TEST(only_a_refusal_of_content_blames_the_alerts)
{
    static const unsigned refused[] = { 400, 413, 422 };
    static const unsigned failed[] = { 0,   100, 206, 301, 302, 401, 403, 404,
                                       405, 408, 421, 429, 500, 502, 503, 599 };
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        assert_int_equal(read_answer(refused[i], ""), ALERTMANAGER_REFUSED);
    for (size_t i = 0; i < ARRAY_SIZE(failed); i++)
        assert_int_equal(read_answer(failed[i], ""), ALERTMANAGER_FAILED);
}

TEST(a_retry_after_can_lengthen_a_pause_within_bounds_and_never_shorten_it)
{
    assert_int_equal(pause_asked(2, 300, 0), 2);
    assert_int_equal(pause_asked(2, 300, 8), 8);
    assert_int_equal(pause_asked(64, 300, 8), 64);
    assert_int_equal(pause_asked(2, 300, INT64_MAX), 300);
    assert_int_equal(pause_asked(2, 300, INT64_MIN), 2);
}

TEST(a_pause_is_spread_by_a_tenth_and_is_never_none)
{
    uint64_t shortest = UINT64_MAX, longest = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t usec = pause_spread_usec(10);
        shortest = usec < shortest ? usec : shortest;
        longest = usec > longest ? usec : longest;
    }
    assert_between(shortest, 9 * USEC_PER_SEC + 1, 9 * USEC_PER_SEC + 100 * USEC_PER_MSEC);
    assert_between(longest, 10 * USEC_PER_SEC - 100 * USEC_PER_MSEC, 10 * USEC_PER_SEC);
    assert_int_equal(pause_spread_usec(0), 0);
}

TEST(pauses_double_up_to_the_longest_for_any_number_of_failures)
{
    int64_t before = 0;
    for (unsigned n = 1; n < 100; n++) {
        int64_t pause = pause_backoff(2, 300, n);
        assert_true(pause >= before && pause >= 2 && pause <= 300);
        before = pause;
    }
    assert_int_equal(pause_backoff(2, 300, 3), 8);
    assert_int_equal(pause_until_next(3600, 0), 3600);
    assert_int_equal(pause_until_next(3600, 1), MINUTE);
}

RUN_TESTS(cmocka_unit_test(an_alertmanager_has_taken_alerts_only_by_its_own_word),
          cmocka_unit_test(only_a_refusal_of_content_blames_the_alerts),
          cmocka_unit_test(a_retry_after_can_lengthen_a_pause_within_bounds_and_never_shorten_it),
          cmocka_unit_test(a_pause_is_spread_by_a_tenth_and_is_never_none),
          cmocka_unit_test(pauses_double_up_to_the_longest_for_any_number_of_failures));
