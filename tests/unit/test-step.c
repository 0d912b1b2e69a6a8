#include "base/shell.h"
#include "model/step.h"
#include "unit.h"

TEST(a_word_is_quoted_where_a_shell_would_read_more_than_it)
{
    static const char *const cases[][2] = {
        { "orders-1.example", "orders-1.example" },
        { "/opt/a,b:c@d+e%f=g", "/opt/a,b:c@d+e%f=g" },
        { "", "''" },
        { "=x", "'=x'" },
        { "~root", "'~root'" },
        { "a b", "'a b'" },
        { "$(id)", "'$(id)'" },
        { "it's", "'it'\\''s'" },
        { "'", "''\\'''" },
        { "!!", "'!!'" },
        { "\u00e4", "'\u00e4'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Buffer quoted = { 0 };
        assert_true(shell_can_quote(cases[i][0]));
        shell_quote(&quoted, cases[i][0]);
        _cleanup_free_ char *word = buffer_take_text(&quoted);
        assert_string_equal(word, cases[i][1]);
    }
}

TEST(no_command_carries_what_is_not_seen)
{
    static const char *const cases[] = { "a\nb",     "\r",       "\033[2J",      "\177",
                                         "\xc2\x85", "\u202e",   "\u2066",       "\u200b",
                                         "\u2028",   "\ufeff",   "\u00ad",       "\U000e0041",
                                         "\xff",     "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                         "\xe2\x80" };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        StepList steps = { 0 };
        Step *step = steps_append(&steps, STEP_CHANGE, PLACE_AWS);
        assert_false(shell_can_quote(cases[i]));
        step_words(step, "aws rds x --name");
        step_value(step, cases[i]);
        step_words(step, "--more");
        step_effect(step, "restarts it");
        assert_null(step->run);
        assert_null(steps_first_command(&steps));
        _cleanup_free_ char *script = steps_script(&steps);
        assert_null(strchr(script, '\n'));
        steps_deinit(&steps);
    }
}

TEST(a_value_in_the_place_of_a_word_is_no_option)
{
    StepList steps = { 0 };
    Step *step = steps_append(&steps, STEP_LOOK, PLACE_HERE);
    step_words(step, "ls");
    step_value(step, "-R");
    assert_null(step->run);
    step = steps_append(&steps, STEP_LOOK, PLACE_HERE);
    step_words(step, "aws --filters Name=x,Values=");
    step_glue_value(step, "-R");
    assert_string_equal(step->run, "aws --filters Name=x,Values=-R");
    steps_deinit(&steps);
}

TEST(a_script_has_looks_first_and_a_comment_above_each_command)
{
    StepList steps = { 0 };
    step_words(steps_append(&steps, STEP_VERIFY, PLACE_HERE), "dbcertctl probe a");
    Step *change = steps_append(&steps, STEP_CHANGE, PLACE_AWS);
    step_words(change, "aws rds x");
    step_effect(change, "restarts it\n$(id)\033");
    steps_by_hand(&steps, STEP_CHANGE, PLACE_SERVER, "edit\nit");
    step_words(steps_append(&steps, STEP_LOOK, PLACE_HERE), "dbcertctl show a");
    _cleanup_free_ char *script = steps_script(&steps), *kept = steps_write(&steps);
    assert_string_equal(
        script, "# Look (here)\ndbcertctl show a\n# Change (aws): restarts it\\x0a$(id)\\x1b\naws rds x\n"
                "# Change (server), by hand: edit\\x0ait\n# Verify (here)\ndbcertctl probe a");
    assert_string_equal(steps_first_command(&steps), "dbcertctl show a");
    assert_string_equal(steps_first_change(&steps), "aws rds x");
    StepList again = steps_read(kept), copy = steps_copy(&again);
    _cleanup_free_ char *same = steps_script(&copy);
    assert_string_equal(same, script);
    steps_deinit(&steps);
    steps_deinit(&again);
    steps_deinit(&copy);
}

TEST(what_an_older_dbcertd_kept_is_shown_and_is_no_command)
{
    static const char *const cases[] = { "aws rds x; then here: dbcertctl probe a",
                                         "change\taws\tx\n",
                                         "change\taws\t\ta\tb\n",
                                         "x\ty\tz\tw\n",
                                         "look\there\t\trm x",
                                         "look\there\t\t\033\n" };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        StepList steps = steps_read(cases[i]);
        assert_int_equal(steps.n, 1);
        assert_null(steps_first_command(&steps));
        _cleanup_free_ char *script = steps_script(&steps);
        assert_null(strchr(script, '\n'));
        assert_memory_equal(script, "# Look (here), by hand: ", strlen("# Look (here), by hand: "));
        steps_deinit(&steps);
    }
}

RUN_TESTS(cmocka_unit_test(a_word_is_quoted_where_a_shell_would_read_more_than_it),
          cmocka_unit_test(no_command_carries_what_is_not_seen),
          cmocka_unit_test(a_value_in_the_place_of_a_word_is_no_option),
          cmocka_unit_test(a_script_has_looks_first_and_a_comment_above_each_command),
          cmocka_unit_test(what_an_older_dbcertd_kept_is_shown_and_is_no_command));
