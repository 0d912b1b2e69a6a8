#include "unit.h"

#include <stdio.h>

#include "base/instant.h"
#include "model/shown.h"

#define BEGIN INT64_C(1800000000)

static Certificate *named(unsigned number, int64_t not_before)
{
    Certificate *c = certificate_new();
    c->sha256 = xasprintf("%064u", number);
    c->not_before = not_before;
    return c;
}

/* A letter for the certificate that each probe is shown. */
typedef struct Sequence {
    const char *letters;
    int64_t step; /* between two probes */
    int64_t
        age; /* of a certificate that is shown for the first time; a letter is as old as when it came first */
    bool unstable;
} Sequence;

static Shown *show(const Sequence *s)
{
    int64_t made['Z' + 1] = { 0 }, now = BEGIN;
    Shown *shown = NULL;
    for (const char *letter = s->letters; *letter; letter++, now += s->step) {
        int64_t *not_before = &made[(size_t)*letter];
        if (*not_before == 0)
            *not_before = now - s->age;
        _cleanup_(certificate_unrefp) Certificate *c = named((unsigned)*letter, *not_before);
        if (shown)
            shown_note(shown, c, now);
        else
            shown = shown_new(c, now);
    }
    return shown;
}

TEST(a_server_that_makes_one_certificate_after_the_other_is_told_from_all_that_rotate)
{
    static const Sequence sequences[] = {
        { "ABCD", HOUR, HOUR, false },
        { "ABCDE", HOUR, HOUR, true },                             /* for each connection */
        { "ABCDE", HOUR, 25 * HOUR, true },                        /* dated a day back */
        { "AABBCCDDEE", HOUR, 0, true },                           /* restarted every other hour */
        { "AAABBBCCCDDDEEE", HOUR, 0, false },                     /* automation, every three hours */
        { "AAAAAAAAAAAABAAAAAAAAAAA", HOUR, 0, false },            /* a restart */
        { "ABCDEFGH", DAY, 0, false },                             /* automation, every day */
        { "ABABABABABABABAB", HOUR, 0, false },                    /* two nodes */
        { "ABCABCCBAABC", HOUR, 0, false },                        /* three */
        { "ABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP", HOUR, WEEK, false }, /* all of an Aurora cluster */
        { "ABCDEFGHIJKLMNOPQRS", HOUR, WEEK, true },               /* dated back, and more than a cluster has */
        { "ABCDDDDD", HOUR, HOUR, false },                         /* three */
        { "ABCDEFEEEEEEE", HOUR, HOUR, true },                     /* seven probes without a fresh one */
        { "ABCDEFEEEEEEEE", HOUR, HOUR, false },                   /* eight */
    };
    for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
        _cleanup_free_ Shown *shown = show(&sequences[i]);
        if (shown->unstable != sequences[i].unstable)
            fail_msg("%s: %s", sequences[i].letters, shown->unstable ? "unstable" : "stable");
    }
}

TEST(what_was_shown_is_counted_from_the_one_before_the_first_fresh_one)
{
    _cleanup_free_ Shown *shown = show(&(Sequence) { .letters = "ABCDEF", .step = HOUR, .age = HOUR });
    assert_int_equal(shown->n_since, 6);
    assert_int_equal(shown->since, BEGIN);
    assert_true(shown_is_noise(shown));
}

TEST(what_was_shown_comes_back_from_its_text)
{
    _cleanup_free_ Shown *shown = show(&(Sequence) { .letters = "ABCDEFGHABIJK", .step = HOUR, .age = WEEK });
    _cleanup_free_ char *text = shown_to_text(shown);
    _cleanup_free_ Shown *again = shown_from_text(text);
    _cleanup_free_ char *text_again = shown_to_text(again);
    assert_string_equal(text, text_again);
    assert_int_equal(again->n, 11);
    assert_null(shown_from_text(""));
    assert_null(shown_from_text("1 2 3"));
    assert_null(shown_from_text("1 2 -9223372036854775808 4 5 6"));
}

TEST(more_than_are_remembered_forget_the_one_that_was_shown_longest_ago)
{
    _cleanup_(certificate_unrefp) Certificate *first = named(0, BEGIN - WEEK);
    _cleanup_free_ Shown *shown = shown_new(first, BEGIN - WEEK);
    for (unsigned i = 1; i < 1000; i++) {
        _cleanup_(certificate_unrefp) Certificate *c = named(i, BEGIN - WEEK);
        shown_note(shown, c, BEGIN + i * HOUR);
        assert_true(shown->n <= SHOWN_REMEMBERED);
    }
    assert_int_equal(shown->n_since, 999);
    assert_true(shown->unstable);
}

RUN_TESTS(cmocka_unit_test(a_server_that_makes_one_certificate_after_the_other_is_told_from_all_that_rotate),
          cmocka_unit_test(what_was_shown_is_counted_from_the_one_before_the_first_fresh_one),
          cmocka_unit_test(what_was_shown_comes_back_from_its_text),
          cmocka_unit_test(more_than_are_remembered_forget_the_one_that_was_shown_longest_ago));
