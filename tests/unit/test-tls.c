#include "talk.h"

TEST(tls_needs_no_words)
{
    Talk t = talk(FAMILY_TLS, (DialogueParams) { .farewell = FAREWELL_CLOSE });
    assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_SECURE);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_LEAVE);
    assert_int_equal(t.out.size, 0);
    hang_up(&t);
}

/* A port that is not TLS's, told by what it says first, or by its number. */
TEST(a_port_in_the_clear_is_named_with_the_one_to_use)
{
    static const struct {
        EngineFamily family;
        uint16_t port;
        const uint8_t *bytes;
        size_t size;
        bool in_time;
        DialogueStep step;
        const char *detail;
    } cases[] = {
        { FAMILY_ORACLE, 1521, BYTES("\0\x08\0\0\x04\0\0\0"), true, DIALOGUE_REFUSED,
          "the server answered ClientHello with 0x00, 1521 is Oracle's port in the clear: TCPS has one of its "
          "own, 2484 by "
          "custom" },
        { FAMILY_ORACLE, 1521, BYTES(""), true, DIALOGUE_REFUSED,
          "the server hung up on ClientHello; 1521 is Oracle's port in the clear: TCPS has one of its own, "
          "2484 by "
          "custom" },
        { FAMILY_ORACLE, 1521, BYTES(""), false, DIALOGUE_REFUSED,
          "the server said nothing to ClientHello; 1521 is Oracle's port in the clear: TCPS has one of its "
          "own, 2484 by "
          "custom" },
        { FAMILY_ORACLE, 9999, BYTES("\0\x08\0\0\x04\0\0\0"), true, DIALOGUE_REFUSED,
          "the server answered ClientHello with 0x00, Oracle's TNS Refuse: TCPS has a port of its own, 2484 by "
          "custom" },
        { FAMILY_DB2, 50000, BYTES(""), true, DIALOGUE_REFUSED,
          "the server hung up on ClientHello; 50000 is Db2's port in the clear: TLS is on the port that "
          "ssl_svcename "
          "names" },
        { FAMILY_DB2, 9999, BYTES("\x01\xe1\xd0\x42"), true, DIALOGUE_REFUSED,
          "the server answered ClientHello with 0x01, Db2's DRDA: TLS is on the port that ssl_svcename names" },
        { FAMILY_TLS, 1433, BYTES(""), true, DIALOGUE_REFUSED,
          "the server hung up on ClientHello; 1433 is SQL Server's port, which begins with TDS: use engine "
          "\"sqlserver\"" },
        { FAMILY_TLS, 1433, BYTES(""), false, DIALOGUE_GARBAGE, "the TLS handshake did not end in time" },
        { FAMILY_TLS, 9999, BYTES("\x4a\0\0\0\x0a"), true, DIALOGUE_REFUSED,
          "the server answered ClientHello with 0x4a, a MySQL or MariaDB greeting: use engine \"mysql\" or "
          "\"mariadb\"" },
        { FAMILY_TLS, 9999, BYTES("HTTP"), true, DIALOGUE_REFUSED,
          "the server answered ClientHello with 0x48, not TLS: is this the port in the clear?" },
        { FAMILY_TLS, 9999, BYTES(""), true, DIALOGUE_GARBAGE,
          "the server closed the connection instead of speaking TLS" },
        { FAMILY_TLS, 9999, BYTES(""), false, DIALOGUE_GARBAGE, "the TLS handshake did not end in time" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Talk t = talk(cases[i].family, (DialogueParams) { .port = cases[i].port });
        assert_int_equal(dialogue_start(&t.dialogue, &t.out), DIALOGUE_SECURE);
        assert_int_equal(dialogue_not_tls(&t.dialogue, cases[i].bytes, cases[i].size, cases[i].in_time),
                         cases[i].step);
        assert_string_equal(t.dialogue.detail, cases[i].detail);
        hang_up(&t);
    }
}

RUN_TESTS(cmocka_unit_test(tls_needs_no_words),
          cmocka_unit_test(a_port_in_the_clear_is_named_with_the_one_to_use));
