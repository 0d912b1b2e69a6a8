#include "unit.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/backlog.h"
#include "base/buffer.h"
#include "base/escape.h"
#include "base/journald.h"
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
        { "a\nb\033[31m\177\t", "a\\x0ab\\x1b[31m\\x7f\\x09" },
        { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92" },
        { "\xc2\x9b"
          "31m\xc2\xa9",
          "\\u009b31m\xc2\xa9" }, /* CSI, as Unicode has it */
        { "caf\xe9\x9b"
          "31m",
          "caf\\xe9\\x9b31m" }, /* and as Latin-1 has it */
        { "\xe2\x80\x94\xff", "\xe2\x80\x94\\xff" },
        { "\xe0\x82\x9b"
          "31m",
          "\\xe0\\x82\\x9b31m" },                       /* overlong */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* half a surrogate */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond Unicode */
        { "\xc2", "\\xc2" },
        { "a\xe2\x80\xae"
          "gpj.exe",
          "a\\u202egpj.exe" }, /* right-to-left override */
        { "\xe2\x81\xa6\xe2\x80\x8b\xe2\x80\xa8\xef\xbb\xbf", "\\u2066\\u200b\\u2028\\ufeff" },
        { "a\xcc\x81\xd8\x9c\xc2\xad\xef\xb8\x8f", "a\xcc\x81\\u061c\\u00ad\\ufe0f" },
        { "\xf3\xa0\x81\x81\xee\x80\x80\xef\xbf\xbf", "\\U000e0041\\ue000\\uffff" },
        { "C:\\x1b", "C:\\x1b" }, /* a backslash stays */
        { "", "" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = text_escape(cases[i].foreign), *again = text_escape(text);
        assert_string_equal(text, cases[i].shown);
        assert_string_equal(again, text);
        _cleanup_free_ char *taken = text_escape_take(xstrdup(cases[i].foreign));
        assert_string_equal(taken, cases[i].shown);
    }
    _cleanup_free_ char *zero = text_escape_bytes("good.example\0.evil", 18),
                        *lines = text_escape_lines("a\n\033b");
    assert_string_equal(zero, "good.example\\x00.evil");
    assert_string_equal(lines, "a\n\\x1bb");
    assert_null(text_escape(NULL));
    assert_null(text_escape_take(NULL));
}

/* What a terminal may be given: what is left when each escape sequence is read as itself. */
static void assert_shown_as_it_is(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        assert_true(*c >= ' ' && *c != 0x7f);
    static const char *const forbidden[] = {
        "\xc2\x80",     "\xc2\x9b",         "\xc2\xad",         "\xd8\x9c",     "\xe1\xa0\x8e",
        "\xe2\x80\x8b", "\xe2\x80\x8c",     "\xe2\x80\x8d",     "\xe2\x80\x8e", "\xe2\x80\x8f",
        "\xe2\x80\xa8", "\xe2\x80\xa9",     "\xe2\x80\xaa",     "\xe2\x80\xab", "\xe2\x80\xac",
        "\xe2\x80\xad", "\xe2\x80\xae",     "\xe2\x81\xa0",     "\xe2\x81\xa6", "\xe2\x81\xa9",
        "\xef\xbb\xbf", "\xf3\xa0\x80\x81", "\xf3\xa0\x81\xbf", "\xef\xbf\xbe", "\xf4\x8f\xbf\xbf",
    };
    for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
        assert_null(strstr(text, forbidden[i]));
}

/* Pieces that make and break characters, put together at random; the generator is seeded, so a failure comes
 * again. */
TEST(no_bytes_whatever_pass_unescaped)
{
    static const char *const pieces[] = { "\xe2",     "\x80", "\xae", "\xf3\xa0", "\x81",     "\xc2",
                                          "\x9b",     "\033", "\n",   "a",        "\xef\xbb", "\xbf",
                                          "\xf4",     "\x8f", "\\",   "\xed",     "\xe2\x80", "\xe2\x81\xa6",
                                          "\xc3\xa9", "\x7f", "\xd8", "\x9c",     "x1b",      "\xe1\xa0" };
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        char foreign[64] = "";
        size_t n = 0;
        for (int j = 0; j < 12; j++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            const char *piece = pieces[(random >> 33) % ARRAY_SIZE(pieces)];
            n = strlen(strcat(foreign, piece));
        }
        _cleanup_free_ char *text = text_escape(foreign), *again = text_escape(text);
        assert_shown_as_it_is(text);
        assert_string_equal(again, text);
        assert_true(strlen(text) <= ESCAPE_GROWTH_MAX * n);
    }
}

TEST(a_text_is_cut_between_characters)
{
    assert_int_equal(text_fit("caf\xc3\xa9", 5), 5);
    assert_int_equal(text_fit("caf\xc3\xa9s", 4), 3);
    assert_int_equal(text_fit("caf\xc3\xa9s", 5), 5);
    assert_int_equal(text_fit("abc", 0), 0);
}

static char written[4096];
static size_t room; /* in what is written to */

static int write_some(const void *data, size_t size)
{
    size_t n = size < room ? size : room;
    strncat(written, data, n);
    room -= n;
    return n > 0 ? (int)n : -EAGAIN;
}

static void report(Buffer *ret, size_t n_dropped)
{
    buffer_printf(ret, "[%zu]\n", n_dropped);
}

static Backlog backlog = { .write = write_some, .report = report };

static void put(const char *text, size_t capacity)
{
    Buffer item = { 0 };
    buffer_append(&item, text, strlen(text));
    (void)buffer_extend(&item, capacity); /* as if the line were that long */
    buffer_cut(&item, strlen(text));
    backlog_put(&backlog, &item);
}

TEST(what_waits_is_written_in_order_and_what_was_begun_first)
{
    room = 3;
    put("one\n", 0);
    put("two\n", 0);
    assert_string_equal(written, "one");
    assert_int_equal(backlog_drain(&backlog), -EAGAIN);
    room = 2;
    assert_int_equal(backlog_drain(&backlog), -EAGAIN);
    room = 100;
    put("three\n", 0);
    assert_string_equal(written, "one\ntwo\nthree\n");
    assert_true(backlog_is_empty(&backlog));
}

TEST(of_more_than_may_wait_the_oldest_are_dropped_and_counted)
{
    written[0] = 0;
    room = 2;
    for (int i = 0; i < 9; i++) {
        char line[] = { (char)('a' + i), (char)('a' + i), (char)('a' + i), '\n', 0 };
        put(line, BACKLOG_BYTES_MAX / 8);
    }
    assert_string_equal(written, "aa");
    room = 2;
    assert_int_equal(backlog_drain(&backlog), -EAGAIN);
    assert_string_equal(written, "aaa\n"); /* it was begun, so it was not dropped */
    room = 1;
    assert_int_equal(backlog_drain(&backlog), -EAGAIN);
    room = 100;
    assert_int_equal(backlog_drain(&backlog), 0);
    assert_true(strncmp(written, "aaa\n[", 5) == 0);
    size_t n_dropped = strtoul(written + 5, NULL, 10);
    assert_between(n_dropped, 3, 7);
    const char *rest = strchr(written, ']') + 2;
    assert_int_equal(strlen(rest), 4 * (8 - n_dropped));
    assert_string_equal(rest + strlen(rest) - 4, "iii\n");
    assert_int_equal(rest[0], 'a' + 1 + (int)n_dropped);
}

TEST(a_line_that_is_too_long_to_wait_waits_alone)
{
    room = 0;
    written[0] = 0;
    put("short\n", 0);
    put("long\n", 2 * BACKLOG_BYTES_MAX);
    room = 100;
    assert_int_equal(backlog_drain(&backlog), 0);
    assert_string_equal(written, "[1]\nlong\n");
}

TEST(a_journal_s_field_has_one_line_or_its_length)
{
    _cleanup_(buffer_deinit) Buffer entry = { 0 };
    assert_true(journald_add(&entry, "A", "b\033\xe2\x80\xae"));
    assert_false(journald_add(&entry, "N", NULL));
    assert_string_equal((char *)entry.data, "A=b\\x1b\\u202e\n");
    buffer_cut(&entry, 0);
    assert_true(journald_add(&entry, "L", "1\n2"));
    assert_int_equal(entry.size, 2 + 8 + 4);
    assert_memory_equal(entry.data, "L\n\3\0\0\0\0\0\0\0001\n2\n", 14);
    buffer_cut(&entry, 0);
    _cleanup_free_ char *name = xcalloc(300, 1), *big = xcalloc(100001, 1);
    memset(name, 'n', 299);
    memset(big, 'b', 100000);
    assert_true(journald_add(&entry, "MESSAGE", big));
    assert_int_equal(entry.size, strlen("MESSAGE=...\n") + JOURNALD_FIELD_BYTES_MAX);
    size_t n = 0;
    while (journald_add(&entry, "NAME", name))
        n++;
    assert_between(n, 500, 700);
    assert_between(entry.size, JOURNALD_ENTRY_BYTES_MAX - 305, JOURNALD_ENTRY_BYTES_MAX);
}

TEST(a_text_of_a_peer_is_cut_before_a_character)
{
    static const struct {
        const char *text, *bounded;
    } cases[] = {
        { "", "" },
        { "12345678", "12345678" },
        { "123456789", "12345..." },
        { "1234\u00e4789", "1234..." },
        { "12\u20ac6789", "12\u20ac..." },
        { "1\U0001f5121234", "1\U0001f512..." },
        { "\u20ac\u20ac\u20ac", "\u20ac..." },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = xstrdup(cases[i].text);
        text_bound(text, 8);
        assert_string_equal(text, cases[i].bounded);
    }
}

RUN_TESTS(cmocka_unit_test(what_is_shown_commands_no_terminal),
          cmocka_unit_test(no_bytes_whatever_pass_unescaped),
          cmocka_unit_test(a_text_is_cut_between_characters),
          cmocka_unit_test(what_waits_is_written_in_order_and_what_was_begun_first),
          cmocka_unit_test(of_more_than_may_wait_the_oldest_are_dropped_and_counted),
          cmocka_unit_test(a_line_that_is_too_long_to_wait_waits_alone),
          cmocka_unit_test(a_journal_s_field_has_one_line_or_its_length),
          cmocka_unit_test(a_text_of_a_peer_is_cut_before_a_character),
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
