/*
 * MySQL and MariaDB (client/server protocol, "Connection Phase"). The server speaks first, and counts every
 * connection that ends before login against the client's address (max_connect_errors): so the dialogue goes on
 * to a login, one that succeeds (`login`) or one that is refused (`refused`). Neither is counted, and the first
 * resets the count.
 */

#include <string.h>

#include "base/alloc.h"
#include "engine/protocol.h"

#define HEADER_BYTES       4
#define PACKET_BYTES_MAX   4096 /* greetings, switches and errors have some hundred bytes */
#define ROUNDS_MAX         12   /* caching_sha2_password, the longest, has three; the query has five */
#define MAX_PACKET_OFFERED (1 << 24)
#define CHARSET_UTF8       33

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

/* Errors in answer to a login without TLS, and to the query before it. */
enum {
    ER_ACCESS_DENIED_ERROR = 1045,
    ER_UNKNOWN_SYSTEM_VARIABLE = 1193,
    ER_SECURE_TRANSPORT_REQUIRED = 3159,
};

#define SALT_BYTES 20

/* Plugins that are answered with digest(password) XOR digest(of salt and digest(digest(password))). */
static const struct {
    const char *name;
    size_t digest_bytes;
    bool salt_first;
} plugins[] = {
    { "mysql_native_password", DIALOGUE_SHA1_BYTES, true },
    { "caching_sha2_password", DIALOGUE_SHA256_BYTES, false },
};
#define SHA256_PASSWORD "sha256_password" /* inside TLS it wants the password as it is */

enum {
    FAST_AUTH_SUCCESS = 3,
    PERFORM_FULL_AUTHENTICATION = 4,
};

enum {
    STATE_GREETING,
    STATE_LOGIN,
    STATE_QUERY,
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

static size_t find_plugin(const char *name, size_t size)
{
    size_t i = 0;
    while (i < ARRAY_SIZE(plugins) &&
           (strlen(plugins[i].name) != size || memcmp(plugins[i].name, name, size) != 0))
        i++;
    return i;
}

static void append_scramble(const Dialogue *dialogue, size_t plugin, const uint8_t salt[SALT_BYTES],
                            Buffer *out)
{
    const size_t n = plugins[plugin].digest_bytes;
    const bool salt_first = plugins[plugin].salt_first;
    dialogue_digest_fn digest = n == DIALOGUE_SHA1_BYTES ? dialogue->params.sha1 : dialogue->params.sha256;
    uint8_t once[DIALOGUE_SHA256_BYTES], salted[SALT_BYTES + DIALOGUE_SHA256_BYTES],
        mask[DIALOGUE_SHA256_BYTES];
    const char *password = dialogue->params.password;
    if (!dialogue->authorised || !password || !*password)
        return;
    digest(password, strlen(password), once);
    digest(once, n, salted + (salt_first ? SALT_BYTES : 0));
    memcpy(salted + (salt_first ? 0 : n), salt, SALT_BYTES);
    digest(salted, SALT_BYTES + n, mask);
    for (size_t i = 0; i < n; i++)
        once[i] ^= mask[i];
    buffer_append(out, once, n);
    explicit_bzero(once, sizeof once);
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(mask, sizeof mask);
    wipe_stack();
}

static void append_login_head(const Dialogue *dialogue, Buffer *payload)
{
    static const uint8_t zeros[23];
    append_little_endian(payload, dialogue->capabilities, 4);
    append_little_endian(payload, MAX_PACKET_OFFERED, 4);
    append_little_endian(payload, CHARSET_UTF8, 1);
    buffer_append(payload, zeros, sizeof zeros);
}

static bool asks_for_plaintext(const Dialogue *dialogue)
{
    return dialogue->params.mode == DIALOGUE_PLAINTEXT;
}

/* The password as it is, and its NUL. */
static void append_password(const Dialogue *dialogue, Buffer *out)
{
    const char *password = dialogue->params.password;
    if (dialogue->authorised && password)
        buffer_append(out, password, strlen(password) + 1);
}

/*
 * Decides for the whole connection whether the server is given the configured login. A scramble can be guessed
 * at leisure by whoever has it, or be handed on to the real server: it is as secret as the password. Without
 * TLS, and where the server's certificate does not authorise it, the login is that of a user who does not
 * exist.
 */
static void authorise(Dialogue *dialogue)
{
    const DialogueParams *params = &dialogue->params;
    _cleanup_free_ char *reason = NULL;
    if (params->farewell != FAREWELL_LOGIN)
        return;
    dialogue->authorised = params->authorises && params->authorises(params->userdata, &reason);
    if (!dialogue->authorised)
        (void)protocol_end(dialogue, DIALOGUE_MORE, "the server was not given the login of user \"%s\": %s",
                           params->user, reason ? reason : "its certificate was not verified");
}

static const char *user_name(const Dialogue *dialogue)
{
    return dialogue->authorised ? dialogue->params.user : PROTOCOL_UNKNOWN_USER;
}

/* HandshakeResponse41. */
static DialogueStep log_in(Dialogue *dialogue, Buffer *out)
{
    _cleanup_(buffer_wipe) Buffer payload = { 0 }, scramble = { 0 };
    append_scramble(dialogue, dialogue->plugin, dialogue->salt, &scramble);
    append_login_head(dialogue, &payload);
    buffer_append(&payload, user_name(dialogue), strlen(user_name(dialogue)) + 1);
    append_little_endian(&payload, (uint32_t)scramble.size, 1);
    buffer_append(&payload, scramble.data, scramble.size);
    if (dialogue->capabilities & CLIENT_PLUGIN_AUTH)
        buffer_append(&payload, plugins[dialogue->plugin].name, strlen(plugins[dialogue->plugin].name) + 1);
    append_packet(out, ++dialogue->sequence, &payload);
    dialogue->state = STATE_LOGIN;
    return DIALOGUE_MORE;
}

static const char *error_name(unsigned number)
{
    switch (number) {
    case ER_CON_COUNT_ERROR:
        return " (ER_CON_COUNT_ERROR)";
    case ER_HOST_IS_BLOCKED:
        return " (ER_HOST_IS_BLOCKED)";
    case ER_HOST_NOT_PRIVILEGED:
        return " (ER_HOST_NOT_PRIVILEGED)";
    default:
        return "";
    }
}

static DialogueStep quit(Buffer *out)
{
    static const uint8_t com_quit[] = { 1, 0, 0, 0, 1 };
    buffer_append(out, com_quit, sizeof com_quit);
    return DIALOGUE_LEAVE;
}

/*
 * The answer to a login without TLS, of a user that does not exist. MySQL and MariaDB 11.8 name the reason of a
 * refusal, 3159, for any user. MariaDB 10.11 answers 1045 whether it requires TLS or not: then what the server
 * said of itself inside TLS decides.
 */
static DialogueStep note_plaintext(Dialogue *dialogue, unsigned number, int length, const char *text)
{
    if (number == ER_SECURE_TRANSPORT_REQUIRED)
        dialogue->plaintext = PLAINTEXT_REFUSED;
    else if (number == ER_ACCESS_DENIED_ERROR)
        dialogue->plaintext = dialogue->params.claim;
    if (dialogue->plaintext != PLAINTEXT_UNKNOWN)
        return DIALOGUE_LEAVE;
    return protocol_end(dialogue, DIALOGUE_FAILED,
                        "the login without TLS was refused, but not for want of TLS: %u %.*s", number, length,
                        text);
}

/* ERR_Packet: 0xFF, number, then "#" and five characters of SQLSTATE, then the text. */
static DialogueStep read_error(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    if (size < 3)
        return protocol_end(dialogue, DIALOGUE_GARBAGE, "an error packet of %zu bytes", size);
    unsigned number = little_endian(p + 1, 2);
    size_t skip = size >= 9 && p[3] == '#' ? 9 : 3;
    int length = (int)(size - skip);
    const char *text = (const char *)p + skip;
    dialogue->counted = number == ER_SECURE_TRANSPORT_REQUIRED; /* before it looked at the login */
    if (dialogue->state == STATE_QUERY) {
        if (number ==
            ER_UNKNOWN_SYSTEM_VARIABLE) /* before MySQL 5.7.8 and MariaDB 10.5.2: it cannot be required */
            dialogue->claim = PLAINTEXT_ACCEPTED;
        return quit(out);
    }
    if (dialogue->state == STATE_LOGIN) {
        if (asks_for_plaintext(dialogue))
            return note_plaintext(dialogue, number, length, text);
        if (!dialogue->secure)
            return DIALOGUE_REFUSED; /* the detail is set */
        if (dialogue->authorised)
            return protocol_end(dialogue, DIALOGUE_LEAVE, "the login of user \"%s\" was refused: %u %.*s",
                                user_name(dialogue), number, length, text);
        return DIALOGUE_LEAVE; /* as it had to be */
    }
    dialogue->error = number;
    DialogueStep step = number == ER_HOST_IS_BLOCKED ? DIALOGUE_BLOCKED : DIALOGUE_FAILED;
    return protocol_end(dialogue, step, "the server answered with error %u%s: %.*s", number, error_name(number),
                        length, text);
}

/* Protocol::HandshakeV10. */
static DialogueStep read_greeting(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    enum { AFTER_VERSION = 4 + 8 + 1 + 2, UP_TO_SALT = 1 + 2 + 2 + 1 + 10 };
    const uint8_t *end = p + size, *nul = memchr(p, 0, size);
    if (p[0] != 10 || !nul || end - nul - 1 < AFTER_VERSION)
        return protocol_end(dialogue, DIALOGUE_GARBAGE, "the greeting (0x%02x, %zu bytes) is not MySQL's", p[0],
                            size);
    const uint8_t *q = nul + 1;
    uint32_t offered = little_endian(q + 13, 2);
    memcpy(dialogue->salt, q + 4, 8);
    q += AFTER_VERSION;
    if (end - q >= UP_TO_SALT) {
        offered |= little_endian(q + 3, 2) << 16;
        q += UP_TO_SALT; /* with the capabilities that MariaDB has beyond MySQL's; none of them is used here */
        if (end - q >= 12)
            memcpy(dialogue->salt + 8, q, 12);
        if (end - q > 13)
            dialogue->plugin =
                find_plugin((const char *)q + 13, strnlen((const char *)q + 13, (size_t)(end - q - 13)));
        if (dialogue->plugin == ARRAY_SIZE(plugins))
            dialogue->plugin = 0; /* the server will ask for another one if it minds */
    }

    dialogue->capabilities = CAPABILITIES | (offered & CLIENT_PLUGIN_AUTH);
    if (asks_for_plaintext(dialogue)) {
        dialogue->capabilities &= ~(uint32_t)CLIENT_SSL;
        return log_in(dialogue, out);
    }
    if (!(offered & CLIENT_SSL)) {
        (void)protocol_end(dialogue, DIALOGUE_REFUSED, "the server offers no TLS (have_ssl is not YES)");
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

/* AuthSwitchRequest: 0xFE, plugin, salt; 0xFE alone asks for what nobody should have any more. */
static DialogueStep switch_plugin(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    _cleanup_(buffer_wipe) Buffer answer = { 0 };
    const char *name = (const char *)p + 1;
    size_t length = strnlen(name, size - 1), salt_at = 1 + length + 1, plugin = find_plugin(name, length);
    if (plugin < ARRAY_SIZE(plugins)) {
        if (size >= salt_at + SALT_BYTES)
            append_scramble(dialogue, plugin, p + salt_at, &answer);
    } else if (length == strlen(SHA256_PASSWORD) && memcmp(name, SHA256_PASSWORD, length) == 0)
        append_password(dialogue, &answer);
    append_packet(out, ++dialogue->sequence, &answer);
    return DIALOGUE_MORE;
}

/* AuthMoreData: of caching_sha2_password, 3 is followed by OK, and 4 asks for the password as it is. */
static DialogueStep say_more(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    _cleanup_(buffer_wipe) Buffer answer = { 0 };
    if (size == 2 && p[1] == FAST_AUTH_SUCCESS)
        return DIALOGUE_MORE;
    if (size == 2 && p[1] == PERFORM_FULL_AUTHENTICATION)
        append_password(dialogue, &answer);
    append_packet(out, ++dialogue->sequence, &answer);
    return DIALOGUE_MORE;
}

/* COM_QUERY begins a conversation of its own: sequence 0. */
static DialogueStep ask_variable(Dialogue *dialogue, Buffer *out)
{
    static const char query[] = "\3SELECT @@require_secure_transport";
    append_packet(out, 0, &(Buffer) { .data = (uint8_t *)query, .size = sizeof query - 1 });
    dialogue->state = STATE_QUERY;
    return DIALOGUE_MORE;
}

/* A text result set: the number of columns, the columns, EOF, the row, EOF. */
static DialogueStep read_variable(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    if (p[0] == 0xFE && size < 9)
        return ++dialogue->eofs == 2 ? quit(out) : DIALOGUE_MORE;
    if (dialogue->eofs == 1 && size == (size_t)1 + p[0]) {
        bool on = size == 2 ? p[1] == '1' : memcmp(p, "\2ON", 3) == 0;
        dialogue->claim = on ? PLAINTEXT_REFUSED : PLAINTEXT_ACCEPTED;
    }
    return DIALOGUE_MORE;
}

static DialogueStep read_login_answer(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    switch (p[0]) {
    case 0x00: /* OK_Packet */
        dialogue->counted = false;
        if (dialogue->params.asks && dialogue->authorised)
            return ask_variable(dialogue, out);
        (void)quit(out);
        if (asks_for_plaintext(dialogue))
            dialogue->plaintext = PLAINTEXT_ACCEPTED;
        return dialogue->secure || asks_for_plaintext(dialogue) ? DIALOGUE_LEAVE : DIALOGUE_REFUSED;
    case 0xFE:
        return switch_plugin(dialogue, p, size, out);
    case 0x01:
        return say_more(dialogue, p, size, out);
    default:
        return protocol_end(dialogue, DIALOGUE_GARBAGE, "0x%02x in answer to the login", p[0]);
    }
}

static DialogueStep read_packet(Dialogue *dialogue, const uint8_t *p, size_t size, Buffer *out)
{
    if (p[0] == 0xFF)
        return read_error(dialogue, p, size, out);
    if (dialogue->state == STATE_GREETING)
        return read_greeting(dialogue, p, size, out);
    if (++dialogue->rounds > ROUNDS_MAX)
        return protocol_end(dialogue, DIALOGUE_GARBAGE, "the login did not end after %d rounds", ROUNDS_MAX);
    if (dialogue->state == STATE_QUERY)
        return read_variable(dialogue, p, size, out);
    return read_login_answer(dialogue, p, size, out);
}

static DialogueStep feed(Dialogue *dialogue, Buffer *out)
{
    Buffer *in = &dialogue->in;
    DialogueStep step = DIALOGUE_MORE;
    while (step == DIALOGUE_MORE && in->size >= HEADER_BYTES) {
        size_t size = little_endian(in->data, 3);
        const uint8_t *payload = in->data + HEADER_BYTES;
        if (size == 0 || size > PACKET_BYTES_MAX - HEADER_BYTES)
            return protocol_end(dialogue, DIALOGUE_GARBAGE, "a packet of %zu bytes, which is not MySQL's",
                                size);
        if (in->size < HEADER_BYTES + size)
            return DIALOGUE_MORE;
        dialogue->sequence = in->data[3];
        step = read_packet(dialogue, payload, size, out);
        buffer_consume(in, HEADER_BYTES + size);
    }
    return step;
}

static DialogueStep secured(Dialogue *dialogue, Buffer *out)
{
    if (dialogue->params.farewell == FAREWELL_DROP)
        return DIALOGUE_LEAVE;
    authorise(dialogue);
    return log_in(dialogue, out);
}

const Protocol protocol_mysql = {
    .start = start,
    .wants = wants,
    .feed = feed,
    .secured = secured,
    .counts = true,
};
