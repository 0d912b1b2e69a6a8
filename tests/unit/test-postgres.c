#include "talk.h"

#define SSL_REQUEST BYTES("\0\0\0\x08\x04\xd2\x16\x2f")

TEST(postgres_says_yes_and_tls_begins_after_one_byte)
{
    Talk t = talk(FAMILY_POSTGRES, (DialogueParams) { .farewell = FAREWELL_CLOSE });
    assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_MORE);
    we_said(&t, SSL_REQUEST);
    assert_int_equal(dialogue_wants(&t.dialogue), 1);
    assert_int_equal(server_says(&t, BYTES("S")), DIALOGUE_SECURE);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_LEAVE);
    assert_int_equal(t.out.size, 0);
    assert_false(t.dialogue.counted);
    hang_up(&t);
}

TEST(postgres_says_no)
{
    Talk t = talk(FAMILY_POSTGRES, (DialogueParams) { .farewell = FAREWELL_CLOSE });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("N")), DIALOGUE_REFUSED);
    assert_string_equal(t.dialogue.detail, "the server answered N: it takes no TLS (ssl = off)");
    hang_up(&t);
}

TEST(postgres_answers_with_an_error)
{
    Talk t = talk(FAMILY_POSTGRES, (DialogueParams) { .farewell = FAREWELL_CLOSE });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("E\0\0\0\x25SFATAL\0C53300\0Mtoo many\nclients\0\0")),
                     DIALOGUE_FAILED);
    assert_string_equal(t.dialogue.detail, "the server answered with an error: too many\\x0aclients");
    hang_up(&t);

    t = talk(FAMILY_POSTGRES, (DialogueParams) { .farewell = FAREWELL_CLOSE }); /* before protocol 3.0 */
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("Ecould not fork\n\0")), DIALOGUE_FAILED);
    assert_string_equal(t.dialogue.detail, "the server answered with an error: could not fork");
    hang_up(&t);
}

TEST(what_is_not_postgres_is_garbage)
{
    Talk t = talk(FAMILY_POSTGRES, (DialogueParams) { .farewell = FAREWELL_CLOSE });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("H")), DIALOGUE_GARBAGE);
    hang_up(&t);
}

TEST(postgres_directly_needs_alpn_and_no_words)
{
    Talk t = talk(FAMILY_POSTGRES, (DialogueParams) { .mode = DIALOGUE_DIRECT });
    assert_string_equal(t.dialogue.protocol->alpn, "postgresql");
    assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_SECURE);
    assert_int_equal(t.out.size, 0);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_LEAVE);
    hang_up(&t);
}

TEST(a_postgres_that_is_too_old_for_direct_tls_is_told_as_that)
{
    Talk t = talk(FAMILY_POSTGRES, (DialogueParams) { .mode = DIALOGUE_DIRECT });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(dialogue_not_tls(&t.dialogue, NULL, 0, true), DIALOGUE_REFUSED);
    assert_string_equal(t.dialogue.detail,
                        "the server does not speak TLS first, which PostgreSQL before 17 never does: "
                        "leave direct_tls out");
    assert_int_equal(dialogue_not_tls(&t.dialogue, NULL, 0, false), DIALOGUE_GARBAGE); /* it may just hang */
    hang_up(&t);
}

#define STARTUP                \
    BYTES("\0\0\0\x1d\0\3\0\0" \
          "user\0dbcertd-nobody\0\0")

/* What the server answers to a StartupMessage without TLS, and what follows. */
TEST(postgres_says_whether_it_does_without_tls)
{
    static const struct {
        const uint8_t *bytes;
        size_t size;
        DialogueStep step;
        Plaintext plaintext;
    } cases[] = {
        { BYTES("R"), DIALOGUE_LEAVE, PLAINTEXT_ACCEPTED }, /* an authentication request of any kind */
        { BYTES("E\0\0\0\x22SFATAL\0C28000\0Mno encryption\0\0"), DIALOGUE_LEAVE, PLAINTEXT_REFUSED },
        { BYTES("E\0\0\0\x22SFATAL\0C53300\0Mtoo many here\0\0"), DIALOGUE_FAILED, PLAINTEXT_UNKNOWN },
        { BYTES("E\0\0\0\x22SFATAL\0C57P03\0Mstarting up..\0\0"), DIALOGUE_FAILED, PLAINTEXT_UNKNOWN },
        { BYTES("H"), DIALOGUE_GARBAGE, PLAINTEXT_UNKNOWN },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Talk t = talk(FAMILY_POSTGRES, (DialogueParams) { .mode = DIALOGUE_PLAINTEXT });
        assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_MORE);
        we_said(&t, STARTUP);
        assert_int_equal(server_says(&t, cases[i].bytes, cases[i].size), cases[i].step);
        assert_int_equal(t.dialogue.plaintext, cases[i].plaintext);
        assert_int_equal(t.out.size, 0);
        hang_up(&t);
    }
}

RUN_TESTS(cmocka_unit_test(postgres_says_yes_and_tls_begins_after_one_byte), cmocka_unit_test(postgres_says_no),
          cmocka_unit_test(postgres_answers_with_an_error), cmocka_unit_test(what_is_not_postgres_is_garbage),
          cmocka_unit_test(postgres_directly_needs_alpn_and_no_words),
          cmocka_unit_test(a_postgres_that_is_too_old_for_direct_tls_is_told_as_that),
          cmocka_unit_test(postgres_says_whether_it_does_without_tls));
