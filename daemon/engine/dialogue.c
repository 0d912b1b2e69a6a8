#include "engine/dialogue.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"

static const Protocol *const protocols[] = {
    [FAMILY_POSTGRES] = &protocol_postgres,
    [FAMILY_MYSQL] = &protocol_mysql,
    [FAMILY_TLS] = &protocol_tls,
};

void dialogue_init(Dialogue *dialogue, EngineFamily family, const DialogueParams *params)
{
    *dialogue = (Dialogue) { .protocol = protocols[family], .params = *params };
    dialogue->counted = dialogue->protocol->counts;
}

void dialogue_deinit(Dialogue *dialogue)
{
    buffer_deinit(&dialogue->in);
    free(dialogue->detail);
    dialogue->detail = NULL;
}

DialogueStep dialogue_start(Dialogue *dialogue, Buffer *out)
{
    return dialogue->protocol->start(dialogue, out);
}

size_t dialogue_wants(const Dialogue *dialogue)
{
    return dialogue->protocol->wants(dialogue);
}

DialogueStep dialogue_feed(Dialogue *dialogue, const uint8_t *data, size_t size, Buffer *out)
{
    buffer_append(&dialogue->in, data, size);
    return dialogue->protocol->feed(dialogue, out);
}

DialogueStep dialogue_secured(Dialogue *dialogue, Buffer *out)
{
    dialogue->secure = true;
    return dialogue->protocol->secured(dialogue, out);
}

DialogueStep dialogue_end(Dialogue *dialogue, DialogueStep step, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    free(dialogue->detail);
    dialogue->detail = xvasprintf(format, args);
    va_end(args);
    for (char *c = dialogue->detail; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?'; /* goes into logs and onto terminals */
    return step;
}
