#include "talk.h"

/* Protocol::HandshakeV10 of a server with CLIENT_SSL and CLIENT_PLUGIN_AUTH, salt "abcdefgh" "ijklmnopqrst". */
#define GREETING(low)                               \
    BYTES("\x52\0\0\0\x0a"                          \
          "5.5.5-10.11.6-MariaDB\0"                 \
          "\x07\0\0\0"                              \
          "abcdefgh\0" low "\x21\x02\0\xff\x81\x15" \
          "\0\0\0\0\0\0\0\0\0\0"                    \
          "ijklmnopqrst\0"                          \
          "mysql_native\0\0\0")

static bool yes(void *userdata _unused_, char **ret_reason _unused_)
{
    return true;
}

static bool no(void *userdata _unused_, char **ret_reason)
{
    *ret_reason = xstrdup("its certificate expired 2025-08-01T00:00:00Z");
    return false;
}

static const DialogueParams login = {
    .farewell = FAREWELL_LOGIN, .user = "dbcertd", .password = "secret", .authorises = yes
};

#define SSL_REQUEST_41                               \
    BYTES("\x20\0\0\x01\x05\xaa\x08\0\0\0\0\x01\x21" \
          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")

/* Greeted, TLS is up, and what was said up to the login is passed over. */
static Talk logging_in(DialogueParams params, const uint8_t *greeting, size_t size)
{
    Talk t = talk(FAMILY_MYSQL, params);
    (void)dialogue_start(&t.dialogue, &t.out);
    (void)server_says(&t, greeting, size);
    (void)dialogue_secured(&t.dialogue, &t.out);
    buffer_consume(&t.out, t.out.size);
    return t;
}

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
    Talk t = talk(FAMILY_MYSQL, (DialogueParams) { .farewell = FAREWELL_REFUSED });
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
    Talk t = talk(FAMILY_MYSQL, login);
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
    Talk t = logging_in(login, GREETING("\xfe\xff"));
    assert_int_equal(server_says(&t, BYTES("\x2c\0\0\x03\xfe"
                                           "mysql_native_password\0"
                                           "ABCDEFGHIJKLMNOPQRST\0")),
                     DIALOGUE_MORE);
    we_said(&t, BYTES("\x14\0\0\x04" SCRAMBLE_2));
    hang_up(&t);
}

TEST(mysql_login_gives_the_password_to_no_other_plugin)
{
    Talk t = logging_in(login, GREETING("\xfe\xff"));
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
    Talk t = talk(FAMILY_MYSQL, (DialogueParams) { .farewell = FAREWELL_DROP });
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
    Talk t = talk(FAMILY_MYSQL, login);
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
    Talk t = talk(FAMILY_MYSQL, (DialogueParams) { .farewell = FAREWELL_REFUSED });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("\x15\0\0\0\xff\x69\x04Host is blocked...")), DIALOGUE_BLOCKED);
    assert_string_equal(t.dialogue.detail,
                        "the server answered with error 1129 (ER_HOST_IS_BLOCKED): Host is blocked...");
    assert_false(t.dialogue.counted);
    hang_up(&t);
}

TEST(mysql_is_full_instead_of_greeting)
{
    Talk t = talk(FAMILY_MYSQL, (DialogueParams) { .farewell = FAREWELL_REFUSED });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("\x1d\0\0\0\xff\x10\x04#08004Too many connections")),
                     DIALOGUE_FAILED);
    assert_string_equal(t.dialogue.detail,
                        "the server answered with error 1040 (ER_CON_COUNT_ERROR): Too many connections");
    hang_up(&t);
}

TEST(mysql_knows_no_user_of_this_host)
{
    Talk t = talk(FAMILY_MYSQL, (DialogueParams) { .farewell = FAREWELL_REFUSED });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("\x19\0\0\0\xff\x6a\x04Host is not allowed...")), DIALOGUE_FAILED);
    assert_string_equal(t.dialogue.detail,
                        "the server answered with error 1130 (ER_HOST_NOT_PRIVILEGED): Host is not allowed...");
    assert_int_equal(t.dialogue.error, 1130);
    hang_up(&t);
}

/* HandshakeV10 of MySQL 8: caching_sha2_password. */
#define GREETING_8                                   \
    BYTES("\x4a\0\0\0\x0a"                           \
          "8.0.36\0"                                 \
          "\x0b\0\0\0"                               \
          "abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15" \
          "\0\0\0\0\0\0\0\0\0\0"                     \
          "ijklmnopqrst\0"                           \
          "caching_sha2_password\0")

/* Computed apart, by Python: SHA256("secret") XOR SHA256(SHA256(SHA256("secret")) salt). */
#define SHA2_SCRAMBLE_1                                                \
    "\xc7\x6e\x28\x98\x61\x2a\x4c\xf0\x42\xc7\x7f\xa8\xc4\x70\x2c\x4c" \
    "\x64\xc0\xc2\xc5\x57\xc5\x3c\x4d\x75\x59\x5a\xaa\x6a\xba\xe8\x09"
#define SHA2_SCRAMBLE_2                                                \
    "\xd7\x21\xe1\x83\xc1\xf0\x36\xa1\x96\xc1\x38\x92\x01\xb8\xd5\x3f" \
    "\x38\x06\x4a\x16\xf1\xd0\x92\x36\x83\xab\x88\x67\x63\x15\x2d\x75"

#define OK(sequence) BYTES("\x07\0\0" sequence "\0\0\0\x02\0\0\0")

static Talk log_in_to_8(DialogueParams params)
{
    Talk t = talk(FAMILY_MYSQL, params);
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, GREETING_8), DIALOGUE_SECURE);
    we_said(&t, SSL_REQUEST_41);
    assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_MORE);
    we_said(&t, BYTES("\x5f\0\0\x02\x05\xaa\x08\0\0\0\0\x01\x21"
                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                      "dbcertd\0"
                      "\x20" SHA2_SCRAMBLE_1 "caching_sha2_password\0"));
    return t;
}

TEST(mysql_8_lets_in_whom_it_remembers)
{
    Talk t = log_in_to_8(login);
    assert_int_equal(server_says(&t, BYTES("\x02\0\0\x03\x01\x03")), DIALOGUE_MORE); /* fast_auth_success */
    assert_int_equal(t.out.size, 0);
    assert_int_equal(server_says(&t, OK("\x04")), DIALOGUE_LEAVE);
    we_said(&t, BYTES("\x01\0\0\0\x01"));
    assert_false(t.dialogue.counted);
    hang_up(&t);
}

#define PERFORM_FULL_AUTHENTICATION BYTES("\x02\0\0\x03\x01\x04")

TEST(mysql_8_gets_the_password_inside_tls_if_its_certificate_authorises_it)
{
    Talk t = log_in_to_8(login);
    assert_int_equal(server_says(&t, PERFORM_FULL_AUTHENTICATION), DIALOGUE_MORE);
    we_said(&t, BYTES("\x07\0\0\x04secret\0"));
    assert_int_equal(server_says(&t, OK("\x05")), DIALOGUE_LEAVE);
    we_said(&t, BYTES("\x01\0\0\0\x01"));
    assert_null(t.dialogue.detail);
    hang_up(&t);
}

#define NOT_GIVEN \
    "the server was not given the login of user \"dbcertd\": its certificate expired 2025-08-01T00:00:00Z"

/* Whatever it asks for: by greeting, by a switch of the plugin, by the full round, by an OK that lets nobody
 * in. */
TEST(a_server_without_authorisation_gets_nothing_made_of_the_password)
{
    static const struct {
        const uint8_t *bytes;
        size_t size;
    } asks[] = {
        { ACCESS_DENIED("\x03") },
        { PERFORM_FULL_AUTHENTICATION },
        { BYTES("\x2c\0\0\x03\xfe"
                "mysql_native_password\0"
                "ABCDEFGHIJKLMNOPQRST\0") },
        { BYTES("\x2c\0\0\x03\xfe"
                "caching_sha2_password\0"
                "ABCDEFGHIJKLMNOPQRST\0") },
        { BYTES("\x26\0\0\x03\xfe"
                "sha256_password\0"
                "ABCDEFGHIJKLMNOPQRST\0") },
        { OK("\x03") },
    };
    for (size_t i = 0; i < 2 * ARRAY_SIZE(asks); i++) {
        DialogueParams params = login;
        params.authorises = i < ARRAY_SIZE(asks) ? no : NULL;
        params.asks = true;
        Talk t = talk(FAMILY_MYSQL, params);
        (void)dialogue_start(&t.dialogue, &t.out);
        (void)server_says(&t, GREETING("\xfe\xff"));
        we_said(&t, SSL_REQUEST_41);
        assert_int_equal(dialogue_secured(&t.dialogue, &t.out), DIALOGUE_MORE);
        we_said(&t, LOGIN_AS_NOBODY);
        const uint8_t *bytes = asks[i % ARRAY_SIZE(asks)].bytes;
        DialogueStep step = server_says(&t, bytes, asks[i % ARRAY_SIZE(asks)].size);
        if (step == DIALOGUE_MORE) {
            we_said(&t, BYTES("\0\0\0\x04"));
            step = server_says(&t, ACCESS_DENIED("\x05"));
        }
        assert_int_equal(step, DIALOGUE_LEAVE);
        if (t.out.size > 0)
            we_said(&t, BYTES("\x01\0\0\0\x01"));
        if (params.authorises)
            assert_string_equal(t.dialogue.detail, NOT_GIVEN);
        else
            assert_non_null(t.dialogue.detail);
        assert_false(t.dialogue.counted);
        hang_up(&t);
    }
}

/* What was below this function's frame while the login was put together. */
static bool __attribute__((noinline, no_sanitize("address", "undefined"))) stack_holds(const uint8_t *bytes,
                                                                                       size_t size)
{
    volatile uint8_t here[64] = { 0 };
    const volatile uint8_t *top = here;
    for (const volatile uint8_t *p = top - 16384; p < top; p++) {
        size_t n = 0;
        while (n < size && p[n] == bytes[n])
            n++;
        if (n == size)
            return true;
    }
    return false;
}

TEST(mysql_8_refuses_nobody_after_the_full_round)
{
    Talk t = logging_in((DialogueParams) { .farewell = FAREWELL_REFUSED, .authorises = yes }, GREETING_8);
    assert_int_equal(server_says(&t, PERFORM_FULL_AUTHENTICATION), DIALOGUE_MORE);
    we_said(&t, BYTES("\0\0\0\x04"));
    assert_true(t.dialogue.counted);
    assert_int_equal(server_says(&t, ACCESS_DENIED("\x05")), DIALOGUE_LEAVE);
    assert_false(t.dialogue.counted);
    assert_null(t.dialogue.detail);
    hang_up(&t);
}

TEST(mysql_login_is_switched_from_sha2_to_native_and_from_native_to_sha2)
{
    Talk t = log_in_to_8(login);
    assert_int_equal(server_says(&t, BYTES("\x2c\0\0\x03\xfe"
                                           "mysql_native_password\0"
                                           "ABCDEFGHIJKLMNOPQRST\0")),
                     DIALOGUE_MORE);
    we_said(&t, BYTES("\x14\0\0\x04" SCRAMBLE_2));
    hang_up(&t);

    t = logging_in(login, GREETING("\xfe\xff"));
    assert_int_equal(server_says(&t, BYTES("\x2c\0\0\x03\xfe"
                                           "caching_sha2_password\0"
                                           "ABCDEFGHIJKLMNOPQRST\0")),
                     DIALOGUE_MORE);
    we_said(&t, BYTES("\x20\0\0\x04" SHA2_SCRAMBLE_2));
    hang_up(&t);
}

TEST(sha256_password_gets_the_password_on_the_same_terms)
{
    Talk t = log_in_to_8(login);
    assert_int_equal(server_says(&t, BYTES("\x26\0\0\x03\xfe"
                                           "sha256_password\0"
                                           "ABCDEFGHIJKLMNOPQRST\0")),
                     DIALOGUE_MORE);
    we_said(&t, BYTES("\x07\0\0\x04secret\0"));
    hang_up(&t);
}

/* The last four of the reserved bytes, where MySQL has zeros, and no bit 0. */
TEST(mariadb_s_extended_capabilities_are_passed_over)
{
    Talk t = talk(FAMILY_MYSQL, login);
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(server_says(&t, BYTES("\x5c\0\0\0\x0a"
                                           "5.5.5-11.4.2-MariaDB-log\0"
                                           "\x07\0\0\0"
                                           "abcdefgh\0\xfe\xff\x21\x02\0\xff\xc1\x15"
                                           "\0\0\0\0\0\0\x1d\0\0\0"
                                           "ijklmnopqrst\0"
                                           "mysql_native_password\0")),
                     DIALOGUE_SECURE);
    we_said(&t, SSL_REQUEST_41);
    (void)dialogue_secured(&t.dialogue, &t.out);
    assert_memory_equal(t.out.data + 36 + 8, "\x14" SCRAMBLE_1, 21);
    hang_up(&t);
}

/* A login in the clear: sequence 1, without CLIENT_SSL, as nobody. */
TEST(mysql_says_whether_it_does_without_tls)
{
    static const struct {
        const uint8_t *bytes;
        size_t size;
        Plaintext claim; /* what it said of itself inside TLS */
        DialogueStep step;
        Plaintext plaintext;
    } cases[] = {
        { OK("\x02"), PLAINTEXT_UNKNOWN, DIALOGUE_LEAVE, PLAINTEXT_ACCEPTED },
        { OK("\x02"), PLAINTEXT_REFUSED, DIALOGUE_LEAVE,
          PLAINTEXT_ACCEPTED }, /* a proxy in front of it, perhaps */
        { BYTES("\x11\0\0\x02\xff\x57\x0c#HY000insecure"), PLAINTEXT_UNKNOWN, DIALOGUE_LEAVE,
          PLAINTEXT_REFUSED },
        { ACCESS_DENIED("\x02"), PLAINTEXT_REFUSED, DIALOGUE_LEAVE, PLAINTEXT_REFUSED },
        { ACCESS_DENIED("\x02"), PLAINTEXT_ACCEPTED, DIALOGUE_LEAVE,
          PLAINTEXT_ACCEPTED }, /* the user's REQUIRE SSL */
        { ACCESS_DENIED("\x02"), PLAINTEXT_UNKNOWN, DIALOGUE_FAILED, PLAINTEXT_UNKNOWN },
        { BYTES("\x11\0\0\x02\xff\xca\x04#42000too many"), PLAINTEXT_ACCEPTED, DIALOGUE_FAILED,
          PLAINTEXT_UNKNOWN },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        DialogueParams params = login;
        params.mode = DIALOGUE_PLAINTEXT;
        params.claim = cases[i].claim;
        params.asks = true;
        Talk t = talk(FAMILY_MYSQL, params);
        (void)dialogue_start(&t.dialogue, &t.out);
        assert_int_equal(server_says(&t, GREETING_8), DIALOGUE_MORE);
        we_said(&t, BYTES("\x46\0\0\x01\x05\xa2\x08\0\0\0\0\x01\x21"
                          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                          "dbcertd-nobody\0"
                          "\0"
                          "caching_sha2_password\0"));
        assert_int_equal(server_says(&t, cases[i].bytes, cases[i].size), cases[i].step);
        assert_int_equal(t.dialogue.plaintext, cases[i].plaintext);
        assert_int_equal(t.dialogue.counted, memcmp(cases[i].bytes + 4, "\xff\x57\x0c", 3) == 0); /* 3159 */
        if (t.out.size > 0)
            we_said(&t, BYTES("\x01\0\0\0\x01"));
        hang_up(&t);
    }
}

#define EOF_PACKET(sequence) "\x05\0\0" sequence "\xfe\0\0\x02\0"

/* Before it quits, inside TLS: the variable, in a text result set. */
TEST(mysql_says_of_itself_whether_it_requires_tls)
{
    static const struct {
        const uint8_t *bytes;
        size_t size;
        Plaintext claim;
    } cases[] = {
        { BYTES("\x01\0\0\x01\x01"
                "\x02\0\0\x02xx" EOF_PACKET("\x03") "\x02\0\0\x04\x01\x31" EOF_PACKET("\x05")),
          PLAINTEXT_REFUSED },
        { BYTES("\x01\0\0\x01\x01"
                "\x02\0\0\x02xx" EOF_PACKET("\x03") "\x03\0\0\x04\x02ON" EOF_PACKET("\x05")),
          PLAINTEXT_REFUSED },
        { BYTES("\x01\0\0\x01\x01"
                "\x02\0\0\x02xx" EOF_PACKET("\x03") "\x02\0\0\x04\x01\x30" EOF_PACKET("\x05")),
          PLAINTEXT_ACCEPTED },
        { BYTES("\x01\0\0\x01\x01"
                "\x02\0\0\x02xx" EOF_PACKET("\x03") "\x04\0\0\x04\x03OFF" EOF_PACKET("\x05")),
          PLAINTEXT_ACCEPTED },
        { BYTES("\x01\0\0\x01\x01"
                "\x02\0\0\x02xx" EOF_PACKET("\x03") "\x01\0\0\x04\xfb" EOF_PACKET("\x05")), /* NULL */
          PLAINTEXT_UNKNOWN },
        { BYTES("\x11\0\0\x01\xff\xa9\x04#HY000unknown!"), PLAINTEXT_ACCEPTED }, /* it cannot require it */
        { BYTES("\x11\0\0\x01\xff\x28\x04#42000go away!"), PLAINTEXT_UNKNOWN },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        DialogueParams params = login;
        params.asks = true;
        Talk t = log_in_to_8(params);
        assert_int_equal(server_says(&t, OK("\x03")), DIALOGUE_MORE);
        we_said(&t, BYTES("\x22\0\0\0\x03SELECT @@require_secure_transport"));
        assert_false(t.dialogue.counted);
        assert_int_equal(server_says(&t, cases[i].bytes, cases[i].size), DIALOGUE_LEAVE);
        assert_int_equal(t.dialogue.claim, cases[i].claim);
        assert_int_equal(t.dialogue.plaintext,
                         PLAINTEXT_UNKNOWN); /* that is for the login without TLS to tell */
        we_said(&t, BYTES("\x01\0\0\0\x01"));
        hang_up(&t);
    }
}

/* SHA256("secret") is as good as the password for caching_sha2_password's scrambles, SHA256 of it checks
 * guesses. */
TEST(a_login_leaves_nothing_of_the_password_on_the_stack)
{
#ifdef __SANITIZE_ADDRESS__
    skip(); /* code for ASan keeps copies of its own, and is not what is shipped */
#endif
    static const char password[] = "correct horse battery staple";
    uint8_t once[DIALOGUE_SHA256_BYTES], twice[DIALOGUE_SHA256_BYTES];
    pki_sha256(password, strlen(password), once);
    pki_sha256(once, sizeof once, twice);
    wipe_stack();
    DialogueParams params = login;
    params.password = password;
    Talk t = logging_in(params, GREETING_8);
    assert_false(stack_holds(once, 16));
    assert_false(stack_holds(twice, 16));
    assert_false(stack_holds((const uint8_t *)password, sizeof password - 1));
    hang_up(&t);
}

TEST(nothing_made_of_the_password_is_given_without_tls)
{
    DialogueParams params = login;
    params.mode = DIALOGUE_PLAINTEXT;
    Talk t = talk(FAMILY_MYSQL, params);
    (void)dialogue_start(&t.dialogue, &t.out);
    (void)server_says(&t, GREETING_8);
    buffer_consume(&t.out, t.out.size);
    assert_int_equal(server_says(&t, BYTES("\x02\0\0\x02\x01\x04")), DIALOGUE_MORE);
    we_said(&t, BYTES("\0\0\0\x03"));
    assert_int_equal(server_says(&t, BYTES("\x2c\0\0\x04\xfe"
                                           "mysql_native_password\0"
                                           "ABCDEFGHIJKLMNOPQRST\0")),
                     DIALOGUE_MORE);
    we_said(&t, BYTES("\0\0\0\x05"));
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
        Talk t = talk(FAMILY_MYSQL, (DialogueParams) { .farewell = FAREWELL_REFUSED });
        (void)dialogue_start(&t.dialogue, &t.out);
        assert_int_equal(server_says(&t, cases[i].bytes, cases[i].size), DIALOGUE_GARBAGE);
        assert_non_null(t.dialogue.detail);
        hang_up(&t);
    }
}

TEST(a_login_that_never_ends_is_left)
{
    Talk t = talk(FAMILY_MYSQL, (DialogueParams) { .farewell = FAREWELL_REFUSED });
    DialogueStep step = DIALOGUE_MORE;
    unsigned rounds = 0;
    (void)dialogue_start(&t.dialogue, &t.out);
    (void)server_says(&t, GREETING("\xfe\xff"));
    (void)dialogue_secured(&t.dialogue, &t.out);
    for (; step == DIALOGUE_MORE && rounds < 100; rounds++)
        step = server_says(&t, BYTES("\x02\0\0\x03\x01\x04"));
    assert_int_equal(step, DIALOGUE_GARBAGE);
    assert_int_equal(rounds, 13);
    hang_up(&t);
}

TEST(not_a_byte_of_tls_is_read_with_the_greeting)
{
    Talk t = talk(FAMILY_MYSQL, (DialogueParams) { .farewell = FAREWELL_REFUSED });
    (void)dialogue_start(&t.dialogue, &t.out);
    assert_int_equal(dialogue_wants(&t.dialogue), 4);
    (void)server_says(&t, BYTES("\x52\0\0\0"));
    assert_int_equal(dialogue_wants(&t.dialogue), 0x52);
    (void)server_says(&t, BYTES("\x0a"
                                "5"));
    assert_int_equal(dialogue_wants(&t.dialogue), 0x50);
    hang_up(&t);
}

RUN_TESTS(cmocka_unit_test(mysql_refused_is_left_after_the_refusal_and_not_counted),
          cmocka_unit_test(mysql_login_answers_the_greeting_s_salt_and_quits),
          cmocka_unit_test(mysql_login_follows_a_switch_to_native_with_its_new_salt),
          cmocka_unit_test(mysql_login_gives_the_password_to_no_other_plugin),
          cmocka_unit_test(mysql_dropped_stays_counted),
          cmocka_unit_test(mysql_without_tls_is_left_uncounted_and_without_a_password),
          cmocka_unit_test(mysql_blocks_this_host_instead_of_greeting),
          cmocka_unit_test(mysql_is_full_instead_of_greeting),
          cmocka_unit_test(mysql_knows_no_user_of_this_host),
          cmocka_unit_test(mysql_8_lets_in_whom_it_remembers),
          cmocka_unit_test(mysql_8_gets_the_password_inside_tls_if_its_certificate_authorises_it),
          cmocka_unit_test(a_server_without_authorisation_gets_nothing_made_of_the_password),
          cmocka_unit_test(a_login_leaves_nothing_of_the_password_on_the_stack),
          cmocka_unit_test(mysql_8_refuses_nobody_after_the_full_round),
          cmocka_unit_test(mysql_login_is_switched_from_sha2_to_native_and_from_native_to_sha2),
          cmocka_unit_test(sha256_password_gets_the_password_on_the_same_terms),
          cmocka_unit_test(mariadb_s_extended_capabilities_are_passed_over),
          cmocka_unit_test(mysql_says_whether_it_does_without_tls),
          cmocka_unit_test(mysql_says_of_itself_whether_it_requires_tls),
          cmocka_unit_test(nothing_made_of_the_password_is_given_without_tls),
          cmocka_unit_test(what_is_not_mysql_is_garbage), cmocka_unit_test(a_login_that_never_ends_is_left),
          cmocka_unit_test(not_a_byte_of_tls_is_read_with_the_greeting));
