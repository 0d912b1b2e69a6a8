#include "dialogue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void sha1(const void *data, size_t size, uint8_t ret[DIALOGUE_SHA1_BYTES])
{
    memset(ret, size > 0 ? *(const uint8_t *)data : 0, DIALOGUE_SHA1_BYTES);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void play(EngineFamily family, const uint8_t *data, size_t size)
{
    static const Farewell farewells[] = { FAREWELL_REFUSED, FAREWELL_LOGIN, FAREWELL_DROP, FAREWELL_CLOSE };
    Dialogue dialogue;
    Buffer out = { 0 };
    if (size == 0)
        return;
    const DialogueParams params = {
        .farewell = farewells[data[0] & 3],
        .user = "user",
        .password = data[0] & 8 ? "password" : NULL,
        .sha1 = sha1,
    };
    size_t piece = data[0] & 16 ? 1 : SIZE_MAX, at = 1;
    dialogue_init(&dialogue, family, &params);
    DialogueStep step = dialogue_start(&dialogue, &out);
    while (step == DIALOGUE_MORE || step == DIALOGUE_SECURE) {
        if (step == DIALOGUE_SECURE) {
            assert(!dialogue.secure);
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
    }
    assert(step == DIALOGUE_MORE || step == DIALOGUE_LEAVE || dialogue.detail);
    if (dialogue.detail)
        for (const char *c = dialogue.detail; *c; c++)
            assert(*c >= ' ' && *c <= '~');
    dialogue_deinit(&dialogue);
    buffer_deinit(&out);
}
