/* Conversations, as they are written in the protocols' documents: what the server says, what we say, what
 * follows. */

#include "unit.h"

#include "engine/dialogue.h"
#include "pki/facts.h"

/* A string literal's bytes, with the NULs in it. */
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

typedef struct Talk {
    Dialogue dialogue;
    Buffer out;
} Talk;

static Talk talk(EngineFamily family, Farewell farewell, const char *user, const char *password)
{
    Talk t = { 0 };
    dialogue_init(
        &t.dialogue, family,
        &(DialogueParams) { .farewell = farewell, .user = user, .password = password, .sha1 = pki_sha1 });
    return t;
}

static void hang_up(Talk *t)
{
    dialogue_deinit(&t->dialogue);
    buffer_deinit(&t->out);
}

static void we_said(Talk *t, const uint8_t *bytes, size_t size)
{
    assert_int_equal(t->out.size, size);
    assert_memory_equal(t->out.data, bytes, size);
    buffer_consume(&t->out, size);
}

/* In pieces as small as they can come, and never more than was asked for. */
static DialogueStep server_says(Talk *t, const uint8_t *bytes, size_t size)
{
    DialogueStep step = DIALOGUE_MORE;
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(step, DIALOGUE_MORE);
        assert_true(dialogue_wants(&t->dialogue) >= 1);
        step = dialogue_feed(&t->dialogue, bytes + i, 1, &t->out);
    }
    return step;
}

#define SSL_REQUEST BYTES("\0\0\0\x08\x04\xd2\x16\x2f")

TEST(postgres_says_yes_and_tls_begins_after_one_byte)
{
    Talk t = talk(FAMILY_POSTGRES, FAREWELL_CLOSE, NULL, NULL);
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
    Talk t = talk(FAMILY_POSTGRES, FAREWELL_CLOSE, NULL, NULL);
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("N")), DIALOGUE_REFUSED);
    assert_string_equal(t.dialogue.detail, "the server answered N: it takes no TLS (ssl = off)");
    hang_up(&t);
}

TEST(postgres_answers_with_an_error)
{
    Talk t = talk(FAMILY_POSTGRES, FAREWELL_CLOSE, NULL, NULL);
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("E\0\0\0\x25SFATAL\0C53300\0Mtoo many\nclients\0\0")),
                     DIALOGUE_FAILED);
    assert_string_equal(t.dialogue.detail, "the server answered with an error: too many?clients");
    hang_up(&t);

    t = talk(FAMILY_POSTGRES, FAREWELL_CLOSE, NULL, NULL); /* before protocol 3.0 */
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("Ecould not fork\n\0")), DIALOGUE_FAILED);
    assert_string_equal(t.dialogue.detail, "the server answered with an error: could not fork?");
    hang_up(&t);
}

TEST(what_is_not_postgres_is_garbage)
{
    Talk t = talk(FAMILY_POSTGRES, FAREWELL_CLOSE, NULL, NULL);
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("H")), DIALOGUE_GARBAGE);
    hang_up(&t);
}

TEST(tls_needs_no_words)
{
    Talk t = talk(FAMILY_TLS, FAREWELL_CLOSE, NULL, NULL);
    assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_SECURE);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_LEAVE);
    assert_int_equal(t.out.size, 0);
    hang_up(&t);
}

/* Protocol::HandshakeV10 of a server with CLIENT_SSL and CLIENT_PLUGIN_AUTH, salt "abcdefgh" "ijklmnopqrst". */
#define GREETING(low)                               \
    BYTES("\x52\0\0\0\x0a"                          \
          "5.5.5-10.11.6-MariaDB\0"                 \
          "\x07\0\0\0"                              \
          "abcdefgh\0" low "\x21\x02\0\xff\x81\x15" \
          "\0\0\0\0\0\0\0\0\0\0"                    \
          "ijklmnopqrst\0"                          \
          "mysql_native\0\0\0")

#define SSL_REQUEST_41                               \
    BYTES("\x20\0\0\x01\x05\xaa\x08\0\0\0\0\x01\x21" \
          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")

/* HandshakeResponse41 of a user that does not exist: sequence 2, no password. */
#define LOGIN_AS_NOBODY                                    \
    BYTES("\x46\0\0\x02\x05\xaa\x08\0\0\0\0\x01\x21"       \
          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
          "dbcertd-nobody\0"                               \
          "\0"                                             \
          "mysql_native_password\0")

#define ACCESS_DENIED(sequence) BYTES("\x12\0\0" sequence "\xff\x15\x04#28000denied\0\0\0")

TEST(mysql_refused_is_left_after_the_refusal_and_not_counted)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_REFUSED, NULL, NULL);
    assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_MORE);
    assert_int_equal(t.out.size, 0); /* the server speaks first */
    assert_int_equal(server_says(&t, GREETING("\xfe\xff")), DIALOGUE_SECURE);
    we_said(&t, SSL_REQUEST_41);
    assert_true(t.dialogue.counted);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_MORE);
    we_said(&t, LOGIN_AS_NOBODY);
    /* AuthSwitchRequest: answered with an empty packet, since to ignore it counts. */
    assert_int_equal(server_says(&t, BYTES("\x2c\0\0\x03\xfe"
                                           "mysql_native_password\0"
                                           "ABCDEFGHIJKLMNOPQRST\0")),
                     DIALOGUE_MORE);
    we_said(&t, BYTES("\0\0\0\x04"));
    assert_true(t.dialogue.counted);
    assert_int_equal(server_says(&t, ACCESS_DENIED("\x05")), DIALOGUE_LEAVE);
    assert_false(t.dialogue.counted);
    assert_null(t.dialogue.detail); /* the refusal was asked for */
    assert_int_equal(t.out.size, 0);
    hang_up(&t);
}

#define SCRAMBLE_1 "\x88\x17\xc5\x0f\xa7\x79\xda\xef\x01\x0e\xe7\x57\x78\x25\xb0\x84\x7d\xf9\x84\x2e"
#define SCRAMBLE_2 "\x28\x44\x15\x90\x67\x42\x85\xe7\xd0\x3c\xae\x7a\xf2\x37\x50\x47\x97\xf7\x0e\x91"

/* The scrambles were computed apart, by Python: SHA1("secret") XOR SHA1("abcdefghijklmnopqrst"
 * SHA1(SHA1("secret"))). */
TEST(mysql_login_answers_the_greeting_s_salt_and_quits)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_LOGIN, "dbcertd", "secret");
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, GREETING("\xfe\xff")), DIALOGUE_SECURE);
    we_said(&t, SSL_REQUEST_41);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_MORE);
    we_said(&t, BYTES("\x53\0\0\x02\x05\xaa\x08\0\0\0\0\x01\x21"
                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                      "dbcertd\0"
                      "\x14" SCRAMBLE_1 "mysql_native_password\0"));
    assert_int_equal(server_says(&t, BYTES("\x07\0\0\x03\0\0\0\x02\0\0\0")), DIALOGUE_LEAVE);
    we_said(&t, BYTES("\x01\0\0\0\x01")); /* COM_QUIT */
    assert_false(t.dialogue.counted);
    hang_up(&t);
}

TEST(mysql_login_follows_a_switch_to_native_with_its_new_salt)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_LOGIN, "dbcertd", "secret");
    (void)dialogue_start(&t.dialogue, &t.out);
    (void)server_says(&t, GREETING("\xfe\xff"));
    (void)dialogue_secured(&t.dialogue, &t.out);
    buffer_consume(&t.out, t.out.size);
    assert_int_equal(server_says(&t, BYTES("\x2c\0\0\x03\xfe"
                                           "mysql_native_password\0"
                                           "ABCDEFGHIJKLMNOPQRST\0")),
                     DIALOGUE_MORE);
    we_said(&t, BYTES("\x14\0\0\x04" SCRAMBLE_2));
    hang_up(&t);
}

TEST(mysql_login_gives_the_password_to_no_other_plugin)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_LOGIN, "dbcertd", "secret");
    (void)dialogue_start(&t.dialogue, &t.out);
    (void)server_says(&t, GREETING("\xfe\xff"));
    (void)dialogue_secured(&t.dialogue, &t.out);
    buffer_consume(&t.out, t.out.size);
    assert_int_equal(server_says(&t, BYTES("\x16\0\0\x03\xfe"
                                           "mysql_clear_password\0")),
                     DIALOGUE_MORE);
    we_said(&t, BYTES("\0\0\0\x04"));
    assert_int_equal(server_says(&t, ACCESS_DENIED("\x05")), DIALOGUE_LEAVE);
    assert_string_equal(t.dialogue.detail, "the login of user \"dbcertd\" was refused: 1045 denied");
    assert_false(t.dialogue.counted);
    hang_up(&t);
}

TEST(mysql_dropped_stays_counted)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_DROP, NULL, NULL);
    (void)dialogue_start(&t.dialogue, &t.out);
    (void)server_says(&t, GREETING("\xfe\xff"));
    we_said(&t, SSL_REQUEST_41);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_LEAVE);
    assert_int_equal(t.out.size, 0);
    assert_true(t.dialogue.counted);
    hang_up(&t);
}

TEST(mysql_without_tls_is_left_uncounted_and_without_a_password)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_LOGIN, "dbcertd", "secret");
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, GREETING("\xfe\xf7")), DIALOGUE_MORE);
    /* Sequence 1, without CLIENT_SSL, as nobody. */
    we_said(&t, BYTES("\x46\0\0\x01\x05\xa2\x08\0\0\0\0\x01\x21"
                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                      "dbcertd-nobody\0"
                      "\0"
                      "mysql_native_password\0"));
    assert_int_equal(server_says(&t, ACCESS_DENIED("\x02")), DIALOGUE_REFUSED);
    assert_string_equal(t.dialogue.detail, "the server offers no TLS (have_ssl is not YES)");
    assert_false(t.dialogue.counted);
    hang_up(&t);
}

TEST(mysql_blocks_this_host_instead_of_greeting)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_REFUSED, NULL, NULL);
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("\x15\0\0\0\xff\x69\x04Host is blocked...")), DIALOGUE_BLOCKED);
    assert_string_equal(t.dialogue.detail, "the server answered with error 1129: Host is blocked...");
    assert_false(t.dialogue.counted);
    hang_up(&t);
}

TEST(mysql_is_full_instead_of_greeting)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_REFUSED, NULL, NULL);
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("\x1d\0\0\0\xff\x10\x04#08004Too many connections")),
                     DIALOGUE_FAILED);
    assert_string_equal(t.dialogue.detail, "the server answered with error 1040: Too many connections");
    hang_up(&t);
}

TEST(what_is_not_mysql_is_garbage)
{
    static const struct {
        const uint8_t *bytes;
        size_t size;
    } cases[] = {
        { BYTES("HTTP") },           /* a length of 5 MB */
        { BYTES("\0\0\0\0") },       /* an empty packet */
        { BYTES("\x01\0\0\0\x09") }, /* another protocol version */
        { BYTES("\x06\0\0\0\x0a"
                "5.5.5") }, /* a version that does not end */
        { BYTES("\x08\0\0\0\x0a"
                "5.5.5\0x") },       /* nothing behind it */
        { BYTES("\x01\0\0\0\xff") }, /* an error without a number */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Talk t = talk(FAMILY_MYSQL, FAREWELL_REFUSED, NULL, NULL);
        (void)dialogue_start(&t.dialogue, &t.out);
        assert_int_equal(server_says(&t, cases[i].bytes, cases[i].size), DIALOGUE_GARBAGE);
        assert_non_null(t.dialogue.detail);
        hang_up(&t);
    }
}

TEST(a_login_that_never_ends_is_left)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_REFUSED, NULL, NULL);
    DialogueStep step = DIALOGUE_MORE;
    unsigned rounds = 0;
    (void)dialogue_start(&t.dialogue, &t.out);
    (void)server_says(&t, GREETING("\xfe\xff"));
    (void)dialogue_secured(&t.dialogue, &t.out);
    for (; step == DIALOGUE_MORE && rounds < 100; rounds++)
        step = server_says(&t, BYTES("\x02\0\0\x03\x01\x04"));
    assert_int_equal(step, DIALOGUE_GARBAGE);
    assert_int_equal(rounds, 9);
    hang_up(&t);
}

TEST(not_a_byte_of_tls_is_read_with_the_greeting)
{
    Talk t = talk(FAMILY_MYSQL, FAREWELL_REFUSED, NULL, NULL);
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(dialogue_wants(&t.dialogue), 4);
    (void)server_says(&t, BYTES("\x52\0\0\0"));
    assert_int_equal(dialogue_wants(&t.dialogue), 0x52);
    (void)server_says(&t, BYTES("\x0a"
                                "5"));
    assert_int_equal(dialogue_wants(&t.dialogue), 0x50);
    hang_up(&t);
}

RUN_TESTS(cmocka_unit_test(postgres_says_yes_and_tls_begins_after_one_byte), cmocka_unit_test(postgres_says_no),
          cmocka_unit_test(postgres_answers_with_an_error), cmocka_unit_test(what_is_not_postgres_is_garbage),
          cmocka_unit_test(tls_needs_no_words),
          cmocka_unit_test(mysql_refused_is_left_after_the_refusal_and_not_counted),
          cmocka_unit_test(mysql_login_answers_the_greeting_s_salt_and_quits),
          cmocka_unit_test(mysql_login_follows_a_switch_to_native_with_its_new_salt),
          cmocka_unit_test(mysql_login_gives_the_password_to_no_other_plugin),
          cmocka_unit_test(mysql_dropped_stays_counted),
          cmocka_unit_test(mysql_without_tls_is_left_uncounted_and_without_a_password),
          cmocka_unit_test(mysql_blocks_this_host_instead_of_greeting),
          cmocka_unit_test(mysql_is_full_instead_of_greeting), cmocka_unit_test(what_is_not_mysql_is_garbage),
          cmocka_unit_test(a_login_that_never_ends_is_left),
          cmocka_unit_test(not_a_byte_of_tls_is_read_with_the_greeting));
