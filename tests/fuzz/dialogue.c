#include "dialogue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void sha1(const void *data, size_t size, uint8_t *ret)
{
    memset(ret, size > 0 ? *(const uint8_t *)data : 0, DIALOGUE_SHA1_BYTES);
}

static void sha256(const void *data, size_t size, uint8_t *ret)
{
    memset(ret, size > 0 ? *(const uint8_t *)data : 0, DIALOGUE_SHA256_BYTES);
}

static bool authorises(void *userdata, char **ret_reason _unused_)
{
    return *(const uint8_t *)userdata & 128;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The rest is what the server says instead of TLS, or packets with records in them, in two pieces. */
static void play_handshake(Dialogue *dialogue, const uint8_t *data, size_t size)
{
    Buffer records = { 0 }, packets = { 0 };
    if (dialogue_wraps(dialogue)) {
        if (dialogue_unwrap(dialogue, data, size / 2, &records) &&
            dialogue_unwrap(dialogue, data + size / 2, size - size / 2, &records)) {
            assert(records.size <= size);
            dialogue_wrap(dialogue, data, size, &packets);
            assert(packets.size >= size + 8);
        } else
            assert(dialogue->detail);
    } else {
        DialogueStep step = dialogue_not_tls(dialogue, data, least(size, 8), true);
        assert((step == DIALOGUE_REFUSED || step == DIALOGUE_GARBAGE) && dialogue->detail);
    }
    buffer_deinit(&records);
    buffer_deinit(&packets);
}

void play(EngineFamily family, const uint8_t *data, size_t size)
{
    static const Farewell farewells[] = { FAREWELL_REFUSED, FAREWELL_LOGIN, FAREWELL_DROP, FAREWELL_CLOSE };
    static const DialogueMode modes[] = { DIALOGUE_PREAMBLE, DIALOGUE_PREAMBLE, DIALOGUE_DIRECT,
                                          DIALOGUE_PLAINTEXT };
    Dialogue dialogue;
    Buffer out = { 0 };
    if (size == 0)
        return;
    uint8_t choices = data[0];
    const DialogueParams params = {
        .mode = modes[choices >> 5 & 3],
        .farewell = farewells[choices & 3],
        .port = choices & 8 ? 1521 : 443,
        .user = "user",
        .password = choices & 8 ? "sesame" : NULL,
        .asks = choices & 4,
        .claim = choices & 16 ? PLAINTEXT_ACCEPTED : PLAINTEXT_UNKNOWN,
        .sha1 = sha1,
        .sha256 = sha256,
        .authorises = authorises,
        .userdata = &choices,
    };
    size_t piece = choices & 16 ? 1 : SIZE_MAX, at = 1;
    dialogue_init(&dialogue, family, &params);
    DialogueStep step = dialogue_start(&dialogue, &out);
    while (step == DIALOGUE_MORE || step == DIALOGUE_SECURE) {
        if (step == DIALOGUE_SECURE) {
            assert(!dialogue.secure);
            assert(dialogue.in.size == 0); /* not a byte of TLS was read */
            if (choices & 4)
                break;
            step = dialogue_secured(&dialogue, &out);
            continue;
        }
        size_t n = least(size - at, piece);
        if (!dialogue.secure) {
            assert(dialogue_wants(&dialogue) >= 1);
            n = least(n, dialogue_wants(&dialogue));
        }
        if (n == 0)
            break;
        step = dialogue_feed(&dialogue, data + at, n, &out);
        at += n;
        assert(out.size < 65536);
        assert((choices & 128 && dialogue.secure) || !out.data || !memmem(out.data, out.size, "sesame", 6));
    }
    if (step == DIALOGUE_SECURE)
        play_handshake(&dialogue, data + at, size - at);
    assert(step == DIALOGUE_MORE || step == DIALOGUE_SECURE || step == DIALOGUE_LEAVE || dialogue.detail);
    if (dialogue.detail)
        for (const char *c = dialogue.detail; *c; c++)
            assert(*c >= ' ' && *c <= '~');
    dialogue_deinit(&dialogue);
    buffer_deinit(&out);
}
