/* MS-TDS 2.2.6.5 and 4.1: what SQL Server says before TLS, and around its records. */

#include "talk.h"

/* The specification's example, with ENCRYPTION off, no instance and no thread. */
#define PRELOGIN(encryption)                                                 \
    BYTES("\x12\x01\0\x2f\0\0\0\0"                                           \
          "\0\0\x1a\0\6\1\0\x20\0\1\2\0\x21\0\1\3\0\x22\0\4\4\0\x26\0\1\xff" \
          "\x09\0\0\0\0\0" encryption "\0\0\0\0\0\0")

/* VERSION and ENCRYPTION, as SQL Server 2019 answers. */
#define ANSWER(encryption) BYTES("\4\1\0\x1a\0\0\1\0\0\0\x0b\0\6\1\0\x11\0\1\xff\x0f\0\x10\x1e\0\0" encryption)

TEST(every_answer_but_not_supported_leads_to_tls)
{
    static const struct {
        const uint8_t *bytes;
        size_t size;
        DialogueStep step;
        Plaintext plaintext;
    } cases[] = {
        { ANSWER("\0"), DIALOGUE_SECURE, PLAINTEXT_ACCEPTED },  /* off: for the login only */
        { ANSWER("\1"), DIALOGUE_SECURE, PLAINTEXT_REFUSED },   /* on */
        { ANSWER("\2"), DIALOGUE_REFUSED, PLAINTEXT_ACCEPTED }, /* not supported */
        { ANSWER("\3"), DIALOGUE_SECURE, PLAINTEXT_REFUSED },   /* required */
        { ANSWER("\x83"), DIALOGUE_SECURE,
          PLAINTEXT_REFUSED }, /* required, and client certificates are known */
        { ANSWER("\4"), DIALOGUE_GARBAGE, PLAINTEXT_UNKNOWN },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { 0 });
        assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_MORE);
        we_said(&t, PRELOGIN("\0"));
        assert_int_equal(server_says(&t, cases[i].bytes, cases[i].size), cases[i].step);
        assert_int_equal(t.dialogue.plaintext, cases[i].plaintext);
        assert_int_equal(t.dialogue.in.size, 0);
        if (cases[i].step == DIALOGUE_SECURE) {
            assert_true(dialogue_wraps(&t.dialogue));
            assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_LEAVE);
        }
        assert_int_equal(t.out.size, 0);
        hang_up(&t);
    }
}

TEST(an_answer_may_come_in_several_packets)
{
    Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { 0 });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("\4\0\0\x0d\0\0\1\0\1\0\6\0\1"
                                           "\4\1\0\x0a\0\0\2\0\xff\3")),
                     DIALOGUE_SECURE);
    assert_int_equal(t.dialogue.plaintext, PLAINTEXT_REFUSED);
    hang_up(&t);
}

TEST(not_a_byte_of_tls_is_read_with_the_answer)
{
    Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { 0 });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(dialogue_wants(&t.dialogue), 8);
    (void)server_says(&t, BYTES("\4\1\0\x1a\0\0\1\0"));
    assert_int_equal(dialogue_wants(&t.dialogue), 0x1a - 8);
    hang_up(&t);
}

TEST(what_is_not_tds_is_garbage)
{
    static const struct {
        const uint8_t *bytes;
        size_t size;
        const char *detail;
    } cases[] = {
        { BYTES("HTTP/1.1"), "the answer to PRELOGIN was 0x48, which is not SQL Server" },
        { BYTES("\x15\3\1\0\2\2\x28\0"), "the server answered PRELOGIN with TLS, as TDS 8.0 does: set strict" },
        { BYTES("\4\1\0\7\0\0\1\0"), "the answer to PRELOGIN was 0x04, which is not SQL Server" },
        { BYTES("\4\1\0\x08\0\0\1\0"), "the answer to PRELOGIN (0 bytes) has no ENCRYPTION" },
        { BYTES("\4\1\0\x09\0\0\1\0\xff"), "the answer to PRELOGIN (1 bytes) has no ENCRYPTION" },
        { BYTES("\4\1\0\x0e\0\0\1\0\1\0\6\0\1\xff"), "the answer to PRELOGIN (6 bytes) has no ENCRYPTION" },
        { BYTES("\4\1\0\x0f\0\0\1\0\1\0\6\0\0\xff\3"), "the answer to PRELOGIN (7 bytes) has no ENCRYPTION" },
        { BYTES("\4\1\0\x0c\0\0\1\0\1\0\6\0"), "the answer to PRELOGIN (4 bytes) has no ENCRYPTION" },
        { BYTES("\4\1\xff\xff\0\0\1\0"), "an answer to PRELOGIN of more than 4096 bytes" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { 0 });
        (void)dialogue_start(&t.dialogue, &t.out);
        assert_int_equal(server_says(&t, cases[i].bytes, cases[i].size), DIALOGUE_GARBAGE);
        assert_string_equal(t.dialogue.detail, cases[i].detail);
        hang_up(&t);
    }
}

TEST(records_go_out_in_packets_of_which_the_last_is_marked)
{
    Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { 0 });
    uint8_t records[4088 + 3];
    memset(records, 'r', sizeof records);
    dialogue_wrap(&t.dialogue, records, 3, &t.out);
    we_said(&t, BYTES("\x12\1\0\x0b\0\0\0\0rrr"));
    dialogue_wrap(&t.dialogue, records, 4088, &t.out);
    assert_int_equal(t.out.size, 4096);
    assert_memory_equal(t.out.data, "\x12\1\x10\0\0\0\0\0r", 9);
    buffer_consume(&t.out, t.out.size);
    dialogue_wrap(&t.dialogue, records, sizeof records, &t.out);
    assert_int_equal(t.out.size, 4096 + 8 + 3);
    assert_memory_equal(t.out.data, "\x12\0\x10\0\0\0\0\0r", 9);
    assert_memory_equal(t.out.data + 4096, "\x12\1\0\x0b\0\0\0\0rrr", 11);
    hang_up(&t);
}

/* Three packets, one of them empty, cut at every boundary there is. */
TEST(records_are_joined_whatever_the_cuts)
{
    static const char packets[] = "\x12\0\0\x0b\0\0\1\0abc"
                                  "\x12\0\0\x08\0\0\2\0"
                                  "\4\1\0\x0c\0\0\3\0defg";
    const size_t size = sizeof packets - 1;
    for (size_t first = 1; first < size; first++)
        for (size_t second = 1; first + second <= size; second++) {
            Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { 0 });
            const uint8_t *p = (const uint8_t *)packets;
            assert_true(dialogue_unwrap(&t.dialogue, p, first, &t.out));
            assert_true(dialogue_unwrap(&t.dialogue, p + first, second, &t.out));
            assert_true(dialogue_unwrap(&t.dialogue, p + first + second, size - first - second, &t.out));
            we_said(&t, BYTES("abcdefg"));
            hang_up(&t);
        }
}

TEST(records_come_in_no_other_packets)
{
    Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { 0 });
    assert_false(dialogue_unwrap(&t.dialogue, BYTES("\x16\3\3\0\x40\0\0\0"), &t.out));
    assert_string_equal(t.dialogue.detail,
                        "the server answered ClientHello with 0x16, which is no packet of TDS");
    hang_up(&t);
    t = talk(FAMILY_SQLSERVER, (DialogueParams) { 0 });
    assert_false(dialogue_unwrap(&t.dialogue, BYTES("\x12\1\0\7\0\0\0\0"), &t.out));
    hang_up(&t);
}

TEST(strict_says_prelogin_inside_tls)
{
    Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { .mode = DIALOGUE_DIRECT });
    assert_string_equal(t.dialogue.protocol->alpn, "tds/8.0");
    assert_false(dialogue_wraps(&t.dialogue));
    assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_SECURE);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_MORE);
    we_said(&t, PRELOGIN("\1"));
    assert_int_equal(server_says(&t, ANSWER("\0")), DIALOGUE_LEAVE);
    assert_int_equal(t.dialogue.plaintext, PLAINTEXT_UNKNOWN);
    hang_up(&t);
}

TEST(a_server_that_is_not_strict_is_told_as_that)
{
    Talk t = talk(FAMILY_SQLSERVER, (DialogueParams) { .mode = DIALOGUE_DIRECT });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(dialogue_not_tls(&t.dialogue, NULL, 0, true), DIALOGUE_REFUSED);
    assert_string_equal(
        t.dialogue.detail,
        "the server does not speak TLS first, as TDS 8.0 does (SQL Server 2022): leave strict out");
    hang_up(&t);
}

RUN_TESTS(cmocka_unit_test(every_answer_but_not_supported_leads_to_tls),
          cmocka_unit_test(an_answer_may_come_in_several_packets),
          cmocka_unit_test(not_a_byte_of_tls_is_read_with_the_answer),
          cmocka_unit_test(what_is_not_tds_is_garbage),
          cmocka_unit_test(records_go_out_in_packets_of_which_the_last_is_marked),
          cmocka_unit_test(records_are_joined_whatever_the_cuts),
          cmocka_unit_test(records_come_in_no_other_packets), cmocka_unit_test(strict_says_prelogin_inside_tls),
          cmocka_unit_test(a_server_that_is_not_strict_is_told_as_that));
