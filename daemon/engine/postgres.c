/*
 * PostgreSQL (frontend/backend protocol 3.0, "SSL Session Encryption"): SSLRequest, one byte back, TLS. A
 * server that gets close_notify before anything else logs nothing, so there is no farewell beyond it.
 */

#include <string.h>

#include "engine/protocol.h"

#define ERROR_BYTES_MAX 2048 /* an ErrorResponse this early is one sentence */

enum {
    STATE_ANSWER, /* one byte, and not one more: what is behind an 'S' belongs to TLS (CVE-2021-23222's class)
                   */
    STATE_ERROR,
};

static DialogueStep start(Dialogue *dialogue, Buffer *out)
{
    static const uint8_t ssl_request[] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f };
    dialogue->state = STATE_ANSWER;
    buffer_append(out, ssl_request, sizeof ssl_request);
    return DIALOGUE_MORE;
}

static size_t wants(const Dialogue *dialogue)
{
    return dialogue->state == STATE_ANSWER ? 1 : ERROR_BYTES_MAX;
}

/* ErrorResponse: 'E', length, then fields of a type byte and a string; before version 3.0: 'E' and a string. */
static const char *error_field(const Buffer *in, char type)
{
    const char *text = (const char *)in->data + 1, *end = (const char *)in->data + in->size;
    if (in->size < 6 || (text[0] >= ' ' && text[0] <= '~'))
        return type == 'M' ? text : "";
    for (const char *field = text + 4; field < end && *field; field += strlen(field) + 1)
        if (*field == type)
            return field + 1;
    return type == 'M' ? "an error without a text" : "";
}

static bool error_complete(const Buffer *in)
{
    if (in->size >= ERROR_BYTES_MAX)
        return true;
    if (in->size < 5)
        return false;
    size_t length =
        (size_t)in->data[1] << 24 | (size_t)in->data[2] << 16 | (size_t)in->data[3] << 8 | in->data[4];
    if (length < ERROR_BYTES_MAX)
        return in->size >= 1 + length;
    return memchr(in->data + 1, 0, in->size - 1) != NULL;
}

static DialogueStep feed(Dialogue *dialogue, Buffer *out _unused_)
{
    Buffer *in = &dialogue->in;
    if (dialogue->secure)
        return DIALOGUE_LEAVE; /* whatever it says, we are on our way */
    switch (in->data[0]) {
    case 'S':
        buffer_consume(in, in->size);
        return DIALOGUE_SECURE;
    case 'N':
        return protocol_end(dialogue, DIALOGUE_REFUSED, "the server answered N: it takes no TLS (ssl = off)");
    case 'E':
        dialogue->state = STATE_ERROR;
        if (!error_complete(in))
            return DIALOGUE_MORE;
        return protocol_end(dialogue, DIALOGUE_FAILED, "the server answered with an error: %s",
                            error_field(in, 'M'));
    default:
        return protocol_end(dialogue, DIALOGUE_GARBAGE,
                            "the answer to SSLRequest was 0x%02x, which is not PostgreSQL", in->data[0]);
    }
}

/* ssl_ecdh_curve: P-256 alone, until PostgreSQL 18 put X25519 beside it. */
const Protocol protocol_postgres = {
    .start = start,
    .wants = wants,
    .feed = feed,
    .secured = protocol_leave,
    .p256 = true,
};

/* TLS from the first byte, which needs ALPN ("Direct SSL Connection", PostgreSQL 17 and later). */

const Protocol protocol_postgres_direct = {
    .start = protocol_secure_at_once,
    .secured = protocol_leave,
    .not_direct =
        "the server does not speak TLS first, which PostgreSQL before 17 never does: leave direct_tls out",
    .alpn = "postgresql",
    .p256 = true,
};

/* A StartupMessage without TLS: an authentication request in answer to it says that the server goes on like
 * that. */

static DialogueStep start_plaintext(Dialogue *dialogue, Buffer *out)
{
    static const char startup[] = "\0\0\0\x1d\0\3\0\0"
                                  "user\0" PROTOCOL_UNKNOWN_USER "\0";
    _Static_assert(sizeof startup == 0x1d, "the length is in the message");
    dialogue->state = STATE_ERROR;
    buffer_append(out, startup, sizeof startup);
    return DIALOGUE_MORE;
}

/* Classes of SQLSTATE that are about the server's health, not about our way in. */
static bool is_passing(const char *sqlstate)
{
    return strncmp(sqlstate, "53", 2) == 0 || strncmp(sqlstate, "57", 2) == 0;
}

static DialogueStep feed_plaintext(Dialogue *dialogue, Buffer *out _unused_)
{
    const Buffer *in = &dialogue->in;
    switch (in->data[0]) {
    case 'R': /* who hangs up here is not logged, but a Terminate would be: it is no answer to an authentication
               */
        dialogue->plaintext = PLAINTEXT_ACCEPTED;
        return DIALOGUE_LEAVE;
    case 'E':
        if (!error_complete(in))
            return DIALOGUE_MORE;
        if (is_passing(error_field(in, 'C')))
            return protocol_end(dialogue, DIALOGUE_FAILED, "the server answered with an error: %s",
                                error_field(in, 'M'));
        dialogue->plaintext = PLAINTEXT_REFUSED;
        return DIALOGUE_LEAVE;
    default:
        return protocol_end(dialogue, DIALOGUE_GARBAGE,
                            "the answer to StartupMessage was 0x%02x, which is not PostgreSQL", in->data[0]);
    }
}

const Protocol protocol_postgres_plaintext = { .start = start_plaintext,
                                               .wants = wants,
                                               .feed = feed_plaintext };
