#include "unit.h"

#include <errno.h>

#include "base/buffer.h"
#include "base/text.h"
#include "model/window.h"

TEST(an_instant_is_printed_as_rfc_3339_in_utc)
{
    assert_string_equal(INSTANT_TEXT(0), "1970-01-01T00:00:00Z");
    assert_string_equal(INSTANT_TEXT(at("2026-11-20T21:59:07Z")), "2026-11-20T21:59:07Z");
    assert_string_equal(INSTANT_TEXT(-1), "1969-12-31T23:59:59Z");
    assert_string_equal(INSTANT_TEXT(INSTANT_NONE), "-");
    assert_string_equal(INSTANT_TEXT(INSTANT_NEVER), "-");
}

TEST(the_hundred_year_root_ends_in_2125)
{
    assert_string_equal(INSTANT_TEXT(INT64_C(4891363199)), "2124-12-31T23:59:59Z");
    assert_string_equal(INSTANT_TEXT(INT64_C(4894000000)), "2125-01-31T12:26:40Z");
}

TEST(months_are_the_calendar_s)
{
    assert_int_equal(instant_add_months(at("2027-01-01T00:00:00Z"), -6), at("2026-07-01T00:00:00Z"));
    assert_int_equal(instant_add_months(at("2027-08-31T12:00:00Z"), -6), at("2027-02-28T12:00:00Z"));
    assert_int_equal(instant_add_months(at("2028-08-31T12:00:00Z"), -6), at("2028-02-29T12:00:00Z"));
    assert_int_equal(instant_add_months(at("2026-12-15T00:00:00Z"), 1), at("2027-01-15T00:00:00Z"));
    assert_int_equal(instant_add_months(at("1970-03-31T00:00:00Z"), -13), at("1969-02-28T00:00:00Z"));
    assert_int_equal(instant_add_months(INSTANT_NONE, -6), INSTANT_NONE);
}

TEST(the_earlier_instant_passes_over_what_is_not_known)
{
    assert_int_equal(instant_earlier(INSTANT_NONE, 5), 5);
    assert_int_equal(instant_earlier(5, INSTANT_NONE), 5);
    assert_int_equal(instant_earlier(7, 5), 5);
    assert_int_equal(instant_earlier(INSTANT_NEVER, 5), 5);
}

TEST(a_duration_needs_its_unit)
{
    static const struct {
        const char *text;
        int r;
        int64_t seconds;
    } cases[] = {
        { "90s", 0, 90 },
        { "15m", 0, 900 },
        { "1h", 0, 3600 },
        { "7d", 0, 7 * DAY },
        { "2w", 0, 14 * DAY },
        { "1h30m", 0, 5400 },
        { "0s", 0, 0 },
        { "", -EINVAL, 0 },
        { "10", -EINVAL, 0 },
        { "h", -EINVAL, 0 },
        { "1x", -EINVAL, 0 },
        { "-1h", -EINVAL, 0 },
        { "1 h", -EINVAL, 0 },
        { "+1h", -EINVAL, 0 },
        { "1h ", -EINVAL, 0 },
        { "99999999999999999999s", -ERANGE, 0 },
        { "200000w", -ERANGE, 0 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t seconds = 0;
        assert_int_equal(duration_parse(cases[i].text, &seconds), cases[i].r);
        assert_int_equal(seconds, cases[i].seconds);
    }
}

TEST(a_duration_is_printed_in_its_two_largest_units)
{
    assert_string_equal(DURATION_TEXT(45), "45s");
    assert_string_equal(DURATION_TEXT(3600), "1h");
    assert_string_equal(DURATION_TEXT(3661), "1h 1m");
    assert_string_equal(DURATION_TEXT(3 * DAY + 4 * HOUR + 59), "3d 4h");
    assert_string_equal(DURATION_TEXT(400 * DAY), "400d");
    assert_string_equal(DURATION_TEXT(0), "0s");
    assert_string_equal(DURATION_TEXT(-90), "-1m 30s");
}

TEST(a_misspelt_word_finds_the_nearest_and_nonsense_none)
{
    static const char *const words[] = { "host", "port", "engine", "maintenance_window" };
    static const struct {
        const char *misspelt, *word;
    } cases[] = { { "hots", "host" },
                  { "prot", "port" },
                  { "maintenance_windw", "maintenance_window" },
                  { "completely_else", NULL },
                  { "x", NULL } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Nearest nearest = { .misspelt = cases[i].misspelt };
        for (size_t j = 0; j < ARRAY_SIZE(words); j++)
            nearest_offer(&nearest, words[j]);
        if (cases[i].word)
            assert_string_equal(nearest.word, cases[i].word);
        else
            assert_null(nearest.word);
    }
}

TEST(a_buffer_grows_and_gives_its_text_away)
{
    Buffer buffer = { 0 };
    for (int i = 0; i < 1000; i++)
        buffer_printf(&buffer, "%d,", i % 10);
    assert_int_equal(buffer.size, 2000);
    memcpy(buffer_extend(&buffer, 3), "xyz", 3);
    buffer_cut(&buffer, buffer.size - 2);
    assert_int_equal(buffer.data[buffer.size - 1], 'x');
    assert_int_equal(buffer.data[buffer.size], 0);
    buffer_cut(&buffer, buffer.size - 1);
    buffer_consume(&buffer, 1996);
    char *text = buffer_take_text(&buffer);
    assert_string_equal(text, "8,9,");
    assert_int_equal(buffer.size, 0);
    free(text);
    text = buffer_take_text(&buffer);
    assert_string_equal(text, "");
    free(text);
}

TEST(an_array_keeps_what_it_holds_while_it_grows)
{
    int *array = NULL;
    for (size_t n = 0; n < 1000; n++) {
        array = xgrow(array, n, sizeof *array);
        array[n] = (int)n;
    }
    for (size_t n = 0; n < 1000; n++)
        assert_int_equal(array[n], n);
    free(array);
}

TEST(a_window_is_read_and_printed_as_rds_writes_it)
{
    static const char *const good[] = { "sun:05:00-sun:06:00", "sat:23:30-sun:00:30", "mon:00:00-mon:00:30",
                                        "fri:10:00-fri:09:00" };
    static const char *const bad[] = { "",
                                       "sun:05:00",
                                       "sun:05:00-sun:6:00",
                                       "son:05:00-son:06:00",
                                       "sun:24:00-mon:01:00",
                                       "sun:05:60-sun:06:30",
                                       "sun:05:00-sun:06:00 ",
                                       "sun:05:00_sun:06:00" };
    Window window;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(window_parse(good[i], &window), 0);
        assert_string_equal(WINDOW_TEXT(&window), good[i]);
    }
    assert_int_equal(window_parse("SUN:05:00-Sun:06:00", &window), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(window_parse(bad[i], &window), -EINVAL);
    assert_int_equal(window_parse("sun:05:00-sun:05:29", &window), -ERANGE);
    assert_int_equal(window_parse("sun:05:00-sun:05:00", &window), -ERANGE);
}

TEST(the_first_window_that_starts_after_an_instant_is_found)
{
    static const struct {
        const char *window, *instant, *end;
    } cases[] = {
        /* 2026-11-20 is a Friday. */
        { "sun:05:00-sun:06:00", "2026-11-20T21:59:00Z", "2026-11-22T06:00:00Z" },
        { "sun:05:00-sun:06:00", "2026-11-22T04:59:59Z", "2026-11-22T06:00:00Z" },
        { "sun:05:00-sun:06:00", "2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z" },
        { "sun:05:00-sun:06:00", "2026-11-22T05:00:01Z", "2026-11-29T06:00:00Z" }, /* under way: the next one */
        { "sat:23:30-sun:00:30", "2026-11-20T00:00:00Z", "2026-11-22T00:30:00Z" }, /* over the week's end */
        { "sat:23:30-sun:00:30", "2026-11-22T00:00:00Z", "2026-11-29T00:30:00Z" },
        { "thu:00:00-thu:01:00", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z" },
        { "wed:00:00-wed:01:00", "1969-12-30T00:00:00Z", "1969-12-31T01:00:00Z" }, /* before the epoch too */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Window window;
        assert_int_equal(window_parse(cases[i].window, &window), 0);
        assert_string_equal(INSTANT_TEXT(window_end_after(&window, at(cases[i].instant))), cases[i].end);
    }
}

TEST(what_is_signed_goes_in_clear_to_this_host_alone)
{
    static const struct {
        const char *url;
        bool local;
    } cases[] = {
        { "http://127.0.0.1/", true },
        { "http://127.0.0.1:8080", true },
        { "http://127.8.9.10/x", true },
        { "http://localhost:1/", true },
        { "http://[::1]:80/", true },
        { "https://127.0.0.1/", false },
        { "http://127.0.0.1.test/", false },
        { "http://localhost.test/", false },
        { "http://127.evil.test/", false },
        { "http://[::1].test/", false },
        { "http://[::2]/", false },
        { "http://10.0.0.1/", false },
        { "http://", false },
        { "http://[", false },
        { "ftp://127.0.0.1/", false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(text_is_local_url(cases[i].url), cases[i].local);
}

TEST(a_text_that_grows_is_what_it_was)
{
    char *grown = wiping_realloc(NULL, 4);
    memcpy(grown, "abc", 4);
    grown = wiping_realloc(grown, 4000);
    assert_string_equal(grown, "abc");
    wiping_free(grown);
    wiping_free(NULL);
    _cleanup_free_ char *both = xconcat("ab", "c");
    assert_string_equal(both, "abc");
}

TEST(what_is_shown_commands_no_terminal)
{
    static const struct {
        const char *foreign, *shown;
    } cases[] = {
        { "orders", "orders" },
        { "a\nb\033[31m\177", "a?b?[31m?" },
        { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92" },
        { "\xc2\x9b"
          "31m\xc2\xa9",
          "??31m\xc2\xa9" }, /* CSI, as Unicode has it */
        { "caf\xe9\x9b"
          "31m",
          "caf\xe9?31m" },                    /* and as Latin-1 has it */
        { "\xe2\x80\x94\xff", "\xe2??\xff" }, /* Latin-1, for its end's sake */
        { "\xe0\x82\x9b"
          "31m",
          "\xe0??31m" },                 /* overlong, and so Latin-1 */
        { "\xed\xa0\x80", "\xed\xa0?" }, /* half a surrogate */
        { "\xc2", "\xc2" },
        { "", "" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = xstrdup(cases[i].foreign);
        text_make_printable(text);
        assert_string_equal(text, cases[i].shown);
    }
}

RUN_TESTS(cmocka_unit_test(what_is_shown_commands_no_terminal),
          cmocka_unit_test(what_is_signed_goes_in_clear_to_this_host_alone),
          cmocka_unit_test(a_text_that_grows_is_what_it_was),
          cmocka_unit_test(an_instant_is_printed_as_rfc_3339_in_utc),
          cmocka_unit_test(the_hundred_year_root_ends_in_2125), cmocka_unit_test(months_are_the_calendar_s),
          cmocka_unit_test(the_earlier_instant_passes_over_what_is_not_known),
          cmocka_unit_test(a_duration_needs_its_unit),
          cmocka_unit_test(a_duration_is_printed_in_its_two_largest_units),
          cmocka_unit_test(a_misspelt_word_finds_the_nearest_and_nonsense_none),
          cmocka_unit_test(a_buffer_grows_and_gives_its_text_away),
          cmocka_unit_test(an_array_keeps_what_it_holds_while_it_grows),
          cmocka_unit_test(a_window_is_read_and_printed_as_rds_writes_it),
          cmocka_unit_test(the_first_window_that_starts_after_an_instant_is_found));
