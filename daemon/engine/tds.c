/*
 * SQL Server (MS-TDS). 7.x: PRELOGIN in the clear, then the TLS handshake inside PRELOGIN packets. 8.0
 * ("strict"): TLS first, PRELOGIN inside. No login follows: a refused one would be an error in the server's
 * log, and hanging up here is no worse.
 */

#include "engine/protocol.h"

#define HEADER_BYTES      8 /* type, status, length (2, big-endian, with the header), SPID (2), packet, window */
#define PACKET_BYTES      4096 /* what is negotiated later begins with this */
#define MESSAGE_BYTES_MAX 4096 /* a PRELOGIN answer has some 50 */

enum {
    TYPE_RESPONSE = 0x04,
    TYPE_PRELOGIN = 0x12,
    STATUS_LAST = 0x01,
};

enum {
    OPTION_ENCRYPTION = 0x01,
    OPTION_END = 0xff,
};

/*
 * ENCRYPTION, 2.2.6.5. We say OFF, "for the login only": the answer then tells whether the server insists on
 * more. A certificate is to be had all the same.
 */
enum {
    ENCRYPT_OFF = 0,
    ENCRYPT_ON = 1,
    ENCRYPT_NOT_SUP = 2,
    ENCRYPT_REQ = 3,
    ENCRYPT_FLAGS = 0x80, /* client certificates */
};

static size_t big_endian(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* Data to packets of at most PACKET_BYTES, the last one marked. */
static void wrap(const void *data, size_t size, Buffer *out)
{
    const uint8_t *at = data;
    do {
        size_t n = size < PACKET_BYTES - HEADER_BYTES ? size : PACKET_BYTES - HEADER_BYTES,
               whole = n + HEADER_BYTES;
        const uint8_t header[HEADER_BYTES] = { TYPE_PRELOGIN, n == size ? STATUS_LAST : 0,
                                               (uint8_t)(whole >> 8), (uint8_t)whole };
        buffer_append(out, header, sizeof header);
        buffer_append(out, at, n);
        at += n;
        size -= n;
    } while (size > 0);
}

static void say_prelogin(Buffer *out, uint8_t encryption)
{
    const uint8_t options[] = {
        0x00,       0, 0x1a, 0, 6,       /* VERSION */
        0x01,       0, 0x20, 0, 1,       /* ENCRYPTION */
        0x02,       0, 0x21, 0, 1,       /* INSTOPT: any instance */
        0x03,       0, 0x22, 0, 4,       /* THREADID */
        0x04,       0, 0x26, 0, 1,       /* MARS: no */
        0xff,       9, 0,    0, 0, 0, 0, /* the version of a client of SQL Server 2005, as in 4.1 */
        encryption, 0, 0,    0, 0, 0, 0,
    };
    wrap(options, sizeof options, out);
}

static DialogueStep start(Dialogue *dialogue _unused_, Buffer *out)
{
    say_prelogin(out, ENCRYPT_OFF);
    return DIALOGUE_MORE;
}

static size_t wants(const Dialogue *dialogue)
{
    const Buffer *in = &dialogue->in;
    if (in->size < HEADER_BYTES)
        return HEADER_BYTES - in->size;
    size_t whole = big_endian(in->data + 2);
    return whole > in->size ? whole - in->size : 1;
}

static DialogueStep read_encryption(Dialogue *dialogue, uint8_t encryption)
{
    if (dialogue->secure)
        return DIALOGUE_LEAVE; /* what it says inside TDS 8.0 is about nothing */
    switch (encryption & ~ENCRYPT_FLAGS) {
    case ENCRYPT_OFF:
        dialogue->plaintext = PLAINTEXT_ACCEPTED;
        return DIALOGUE_SECURE;
    case ENCRYPT_ON:
    case ENCRYPT_REQ:
        dialogue->plaintext = PLAINTEXT_REFUSED;
        return DIALOGUE_SECURE;
    case ENCRYPT_NOT_SUP:
        dialogue->plaintext = PLAINTEXT_ACCEPTED;
        return protocol_end(dialogue, DIALOGUE_REFUSED, "the server answered ENCRYPT_NOT_SUP: it takes no TLS");
    default:
        return protocol_end(dialogue, DIALOGUE_GARBAGE, "the server answered ENCRYPTION 0x%02x", encryption);
    }
}

/* PRELOGIN: options of token, offset, length, up to 0xFF; then their data, by offset from the first token. */
static DialogueStep read_prelogin(Dialogue *dialogue)
{
    const uint8_t *p = dialogue->message.data;
    size_t size = dialogue->message.size;
    for (size_t at = 0; at < size && p[at] != OPTION_END; at += 5) {
        if (size - at < 5)
            break;
        size_t offset = big_endian(p + at + 1), length = big_endian(p + at + 3);
        if (p[at] != OPTION_ENCRYPTION)
            continue;
        if (length < 1 || offset >= size)
            break;
        return read_encryption(dialogue, p[offset]);
    }
    return protocol_end(dialogue, DIALOGUE_GARBAGE, "the answer to PRELOGIN (%zu bytes) has no ENCRYPTION",
                        size);
}

static DialogueStep not_prelogin(Dialogue *dialogue, const uint8_t *header)
{
    if (protocol_is_tls_record(header[0]) && header[1] == 3)
        return protocol_end(dialogue, DIALOGUE_GARBAGE,
                            "the server answered PRELOGIN with TLS, as TDS 8.0 does: set strict");
    return protocol_end(dialogue, DIALOGUE_GARBAGE,
                        "the answer to PRELOGIN was 0x%02x, which is not SQL Server", header[0]);
}

static DialogueStep feed(Dialogue *dialogue, Buffer *out _unused_)
{
    Buffer *in = &dialogue->in;
    while (in->size >= HEADER_BYTES) {
        size_t whole = big_endian(in->data + 2);
        if (in->data[0] != TYPE_RESPONSE || whole < HEADER_BYTES)
            return not_prelogin(dialogue, in->data);
        if (dialogue->message.size + whole > MESSAGE_BYTES_MAX)
            return protocol_end(dialogue, DIALOGUE_GARBAGE, "an answer to PRELOGIN of more than %d bytes",
                                MESSAGE_BYTES_MAX);
        if (in->size < whole)
            return DIALOGUE_MORE;
        bool last = in->data[1] & STATUS_LAST;
        if (++dialogue->rounds > MESSAGE_BYTES_MAX / HEADER_BYTES)
            return protocol_end(dialogue, DIALOGUE_GARBAGE, "an answer to PRELOGIN that does not end");
        buffer_append(&dialogue->message, in->data + HEADER_BYTES, whole - HEADER_BYTES);
        buffer_consume(in, whole);
        if (last)
            return read_prelogin(dialogue);
    }
    return DIALOGUE_MORE;
}

/* The handshake's records come as the data of PRELOGIN packets, cut anywhere; some servers mark them as
 * responses. */
static bool unwrap(Dialogue *dialogue, Buffer *out)
{
    Buffer *in = &dialogue->in;
    while (in->size > 0) {
        if (dialogue->packet_left > 0) {
            size_t n = MIN(in->size, dialogue->packet_left);
            buffer_append(out, in->data, n);
            buffer_consume(in, n);
            dialogue->packet_left -= n;
            continue;
        }
        if (in->size < HEADER_BYTES)
            break;
        size_t whole = big_endian(in->data + 2);
        if ((in->data[0] != TYPE_PRELOGIN && in->data[0] != TYPE_RESPONSE) || whole < HEADER_BYTES) {
            (void)protocol_end(dialogue, DIALOGUE_GARBAGE,
                               "the server answered ClientHello with 0x%02x, which is no packet of TDS",
                               in->data[0]);
            return false;
        }
        dialogue->packet_left = whole - HEADER_BYTES;
        buffer_consume(in, HEADER_BYTES);
    }
    return true;
}

const Protocol protocol_tds = {
    .start = start,
    .wants = wants,
    .feed = feed,
    .secured = protocol_leave,
    .wrap = wrap,
    .unwrap = unwrap,
};

static DialogueStep secured_strict(Dialogue *dialogue _unused_, Buffer *out)
{
    say_prelogin(out, ENCRYPT_ON);
    return DIALOGUE_MORE;
}

const Protocol protocol_tds8 = {
    .start = protocol_secure_at_once,
    .wants = wants,
    .feed = feed,
    .secured = secured_strict,
    .not_direct = "the server does not speak TLS first, as TDS 8.0 does (SQL Server 2022): leave strict out",
    .alpn = "tds/8.0",
};
