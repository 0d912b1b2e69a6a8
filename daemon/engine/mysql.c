/*
 * MySQL and MariaDB (client/server protocol, "Connection Phase"). The server speaks first, and counts every
 * connection that ends before login against the client's address (max_connect_errors): so the dialogue goes on
 * to a login, one that succeeds (`login`) or one that is refused (`refused`). Neither is counted, and the first
 * resets the count.
 */

#include <string.h>

#include "engine/dialogue.h"

#define HEADER_BYTES       4
#define PACKET_BYTES_MAX   4096 /* greetings, switches and errors have some hundred bytes */
#define ROUNDS_MAX         8    /* caching_sha2_password, the longest, has three */
#define MAX_PACKET_OFFERED (1 << 24)
#define CHARSET_UTF8       33

#define NATIVE_PASSWORD "mysql_native_password"
#define NOBODY          "dbcertd-nobody" /* must not exist: a real user's failed logins may lock that user */

enum {
    CLIENT_SSL = 0x0800,
    CLIENT_PLUGIN_AUTH = 0x00080000,

    /*
     * LONG_PASSWORD, LONG_FLAG, PROTOCOL_41, SSL, TRANSACTIONS, SECURE_CONNECTION: exactly what the login
     * carries. Promising more and sending less is a "Bad handshake", which counts. LONG_PASSWORD tells MariaDB
     * that the last four reserved bytes are not capabilities of its own.
     */
    CAPABILITIES = 0x0000AA05,
};

#define ERROR_HOST_BLOCKED 1129 /* ER_HOST_IS_BLOCKED */

enum {
    STATE_GREETING,
    STATE_LOGIN,
};

static uint32_t little_endian(const uint8_t *p, size_t n)
{
    uint32_t value = 0;
    while (n-- > 0)
        value = value << 8 | p[n];
    return value;
}

static void append_little_endian(Buffer *out, uint32_t value, size_t n)
{
    for (; n > 0; n--, value >>= 8)
        buffer_append(out, &(uint8_t) { (uint8_t)value }, 1);
}

static void append_packet(Buffer *out, uint8_t sequence, const Buffer *payload)
{
    append_little_endian(out, (uint32_t)payload->size, 3);
    buffer_append(out, &sequence, 1);
    buffer_append(out, payload->data, payload->size);
}

static DialogueStep start(Dialogue *dialogue, Buffer *out _unused_)
{
    dialogue->state = STATE_GREETING;
    return DIALOGUE_MORE;
}

static size_t wants(const Dialogue *dialogue)
{
    const Buffer *in = &dialogue->in;
    if (in->size < HEADER_BYTES)
        return HEADER_BYTES - in->size;
    size_t whole = HEADER_BYTES + little_endian(in->data, 3);
    return whole > in->size && whole <= PACKET_BYTES_MAX ? whole - in->size : 1;
}

/* mysql_native_password: SHA1(password) XOR SHA1(salt, SHA1(SHA1(password))). */
static void append_scramble(Dialogue *dialogue, const uint8_t salt[20], Buffer *out)
{
    uint8_t once[DIALOGUE_SHA1_BYTES], salted[20 + DIALOGUE_SHA1_BYTES], mask[DIALOGUE_SHA1_BYTES];
    const char *password = dialogue->params.password;
    if (!password || !*password)
        return;
    dialogue->params.sha1(password, strlen(password), once);
    memcpy(salted, salt, 20);
    dialogue->params.sha1(once, sizeof once, salted + 20);
    dialogue->params.sha1(salted, sizeof salted, mask);
    for (size_t i = 0; i < sizeof once; i++)
        once[i] ^= mask[i];
    buffer_append(out, once, sizeof once);
    explicit_bzero(once, sizeof once);
}

static void append_login_head(const Dialogue *dialogue, Buffer *payload)
{
    static const uint8_t zeros[23];
    append_little_endian(payload, dialogue->capabilities, 4);
    append_little_endian(payload, MAX_PACKET_OFFERED, 4);
    append_little_endian(payload, CHARSET_UTF8, 1);
    buffer_append(payload, zeros, sizeof zeros);
}

/* A password is for TLS alone; without it even `login` leaves as a user that does not exist. */
static bool logs_in(const Dialogue *dialogue)
{
    return dialogue->secure && dialogue->params.farewell == FAREWELL_LOGIN;
}

static const char *user_name(const Dialogue *dialogue)
{
    return logs_in(dialogue) ? dialogue->params.user : NOBODY;
}

/* HandshakeResponse41. */
static DialogueStep log_in(Dialogue *dialogue, Buffer *out)
{
    _cleanup_(buffer_deinit) Buffer payload = { 0 }, scramble = { 0 };
    if (logs_in(dialogue))
        append_scramble(dialogue, dialogue->salt, &scramble);
    append_login_head(dialogue, &payload);
    buffer_append(&payload, user_name(dialogue), strlen(user_name(dialogue)) + 1);
    append_little_endian(&payload, (uint32_t)scramble.size, 1);
    buffer_append(&payload, scramble.data, scramble.size);
    if (dialogue->capabilities & CLIENT_PLUGIN_AUTH)
        buffer_append(&payload, NATIVE_PASSWORD, sizeof NATIVE_PASSWORD);
    append_packet(out, ++dialogue->sequence, &payload);
    dialogue->state = STATE_LOGIN;
    return DIALOGUE_MORE;
}

/* ERR_Packet: 0xFF, number, then "#" and five characters of SQLSTATE, then the text. */
static DialogueStep read_error(Dialogue *dialogue, const uint8_t *p, size_t size)
{
    if (size < 3)
        return dialogue_end(dialogue, DIALOGUE_GARBAGE, "an error packet of %zu bytes", size);
    uint32_t number = little_endian(p + 1, 2);
    size_t skip = size >= 9 && p[3] == '#' ? 9 : 3;
    int length = (int)(size - skip);
    const char *text = (const char *)p + skip;
    dialogue->counted = false;
    if (dialogue->state == STATE_LOGIN) {
        if (!dialogue->secure)
            return DIALOGUE_REFUSED; /* the detail is set */
        if (logs_in(dialogue))
            return dialogue_end(dialogue, DIALOGUE_LEAVE, "the login of user \"%s\" was refused: %u %.*s",
                                user_name(dialogue), number, length, text);
        return DIALOGUE_LEAVE;
    }
    DialogueStep step = number == ERROR_HOST_BLOCKED ? DIALOGUE_BLOCKED : DIALOGUE_FAILED;
    return dialogue_end(dialogue, step, "the server answered with error %u: %.*s", number, length, text);
}

/* Protocol::HandshakeV10. */
static DialogueStep read_greeting(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    enum { AFTER_VERSION = 4 + 8 + 1 + 2, UP_TO_SALT = 1 + 2 + 2 + 1 + 10 };
    const uint8_t *end = p + size, *nul = memchr(p, 0, size);
    if (p[0] != 10 || !nul || end - nul - 1 < AFTER_VERSION)
        return dialogue_end(dialogue, DIALOGUE_GARBAGE, "the greeting (0x%02x, %zu bytes) is not MySQL's", p[0],
                            size);
    const uint8_t *q = nul + 1;
    uint32_t offered = little_endian(q + 13, 2);
    memcpy(dialogue->salt, q + 4, 8);
    q += AFTER_VERSION;
    if (end - q >= UP_TO_SALT) {
        offered |= little_endian(q + 3, 2) << 16;
        q += UP_TO_SALT;
        if (end - q >= 12)
            memcpy(dialogue->salt + 8, q, 12);
    }

    dialogue->capabilities = CAPABILITIES | (offered & CLIENT_PLUGIN_AUTH);
    if (!(offered & CLIENT_SSL)) {
        (void)dialogue_end(dialogue, DIALOGUE_REFUSED, "the server offers no TLS (have_ssl is not YES)");
        dialogue->capabilities &= ~(uint32_t)CLIENT_SSL;
        if (dialogue->params.farewell == FAREWELL_DROP)
            return DIALOGUE_REFUSED;
        return log_in(dialogue, out); /* leave uncounted here too */
    }
    _cleanup_(buffer_deinit) Buffer payload = { 0 };
    append_login_head(dialogue, &payload);
    append_packet(out, ++dialogue->sequence, &payload);
    return DIALOGUE_SECURE;
}

/*
 * AuthSwitchRequest: 0xFE, plugin, salt. Anything but mysql_native_password is answered with an empty packet:
 * the server's identity is not established here, so nothing that it could learn the password from is sent.
 */
static DialogueStep switch_plugin(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    _cleanup_(buffer_deinit) Buffer answer = { 0 };
    const size_t salt_at = 1 + sizeof NATIVE_PASSWORD;
    if (logs_in(dialogue) && size >= salt_at + 20 &&
        memcmp(p + 1, NATIVE_PASSWORD, sizeof NATIVE_PASSWORD) == 0)
        append_scramble(dialogue, p + salt_at, &answer);
    append_packet(out, ++dialogue->sequence, &answer);
    return DIALOGUE_MORE;
}

static DialogueStep read_login_answer(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    static const uint8_t com_quit[] = { 1, 0, 0, 0, 1 };
    if (++dialogue->rounds > ROUNDS_MAX)
        return dialogue_end(dialogue, DIALOGUE_GARBAGE, "the login did not end after %d rounds", ROUNDS_MAX);
    switch (p[0]) {
    case 0x00: /* OK_Packet */
        dialogue->counted = false;
        buffer_append(out, com_quit, sizeof com_quit);
        return dialogue->secure ? DIALOGUE_LEAVE : DIALOGUE_REFUSED;
    case 0xFE:
        return switch_plugin(dialogue, p, size, out);
    case 0x01: /* AuthMoreData; caching_sha2_password's 3 is followed by OK without an answer from us */
        if (size == 2 && p[1] == 3)
            return DIALOGUE_MORE;
        append_packet(out, ++dialogue->sequence, &(Buffer) { 0 });
        return DIALOGUE_MORE;
    default:
        return dialogue_end(dialogue, DIALOGUE_GARBAGE, "0x%02x in answer to the login", p[0]);
    }
}

static DialogueStep feed(Dialogue *dialogue, Buffer *out)
{
    Buffer *in = &dialogue->in;
    DialogueStep step = DIALOGUE_MORE;
    while (step == DIALOGUE_MORE && in->size >= HEADER_BYTES) {
        size_t size = little_endian(in->data, 3);
        const uint8_t *payload = in->data + HEADER_BYTES;
        if (size == 0 || size > PACKET_BYTES_MAX - HEADER_BYTES)
            return dialogue_end(dialogue, DIALOGUE_GARBAGE, "a packet of %zu bytes, which is not MySQL's",
                                size);
        if (in->size < HEADER_BYTES + size)
            return DIALOGUE_MORE;
        dialogue->sequence = in->data[3];
        if (payload[0] == 0xFF)
            step = read_error(dialogue, payload, size);
        else if (dialogue->state == STATE_GREETING)
            step = read_greeting(dialogue, payload, size, out);
        else
            step = read_login_answer(dialogue, payload, size, out);
        buffer_consume(in, HEADER_BYTES + size);
    }
    return step;
}

static DialogueStep secured(Dialogue *dialogue, Buffer *out)
{
    if (dialogue->params.farewell == FAREWELL_DROP)
        return DIALOGUE_LEAVE;
    return log_in(dialogue, out);
}

const Protocol protocol_mysql = {
    .start = start,
    .wants = wants,
    .feed = feed,
    .secured = secured,
    .counts = true,
};
