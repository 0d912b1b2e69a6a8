/* TLS from the first byte: nothing is said before it or after it. */

#include "engine/dialogue.h"

static DialogueStep start(Dialogue *dialogue _unused_, Buffer *out _unused_)
{
    return DIALOGUE_SECURE;
}

static size_t wants(const Dialogue *dialogue _unused_)
{
    return 1;
}

static DialogueStep feed(Dialogue *dialogue, Buffer *out _unused_)
{
    return dialogue_end(dialogue, DIALOGUE_GARBAGE, "bytes where none were asked for");
}

static DialogueStep secured(Dialogue *dialogue _unused_, Buffer *out _unused_)
{
    return DIALOGUE_LEAVE;
}

const Protocol protocol_tls = { .start = start, .wants = wants, .feed = feed, .secured = secured };
