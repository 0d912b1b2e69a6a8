#include "engine/dialogue.h"

#include <stdlib.h>

static const Protocol *const protocols[N_FAMILIES][3] = {
    [FAMILY_POSTGRES] = { &protocol_postgres, &protocol_postgres_direct, &protocol_postgres_plaintext },
    [FAMILY_MYSQL] = { &protocol_mysql, NULL, &protocol_mysql },
    [FAMILY_SQLSERVER] = { &protocol_tds, &protocol_tds8, NULL },
    [FAMILY_ORACLE] = { &protocol_tls },
    [FAMILY_DB2] = { &protocol_tls },
    [FAMILY_DOCDB] = { &protocol_tls },
    [FAMILY_TLS] = { &protocol_tls },
};

void dialogue_init(Dialogue *dialogue, EngineFamily family, const DialogueParams *params)
{
    const Protocol *protocol = protocols[family][params->mode];
    *dialogue = (Dialogue) { .protocol = protocol ? protocol : protocols[family][DIALOGUE_PREAMBLE],
                             .params = *params };
    dialogue->counted = dialogue->protocol->counts;
}

void dialogue_deinit(Dialogue *dialogue)
{
    buffer_wipe(&dialogue->in); /* a server may send back what it was given */
    buffer_deinit(&dialogue->message);
    free(dialogue->detail);
    dialogue->detail = NULL;
}

DialogueStep dialogue_start(Dialogue *dialogue, Buffer *out)
{
    return dialogue->protocol->start(dialogue, out);
}

size_t dialogue_wants(const Dialogue *dialogue)
{
    return dialogue->protocol->wants ? dialogue->protocol->wants(dialogue) : 1;
}

DialogueStep dialogue_feed(Dialogue *dialogue, const uint8_t *data, size_t size, Buffer *out)
{
    buffer_append(&dialogue->in, data, size);
    if (!dialogue->protocol->feed) /* whatever it says, we are on our way */
        return DIALOGUE_LEAVE;
    return dialogue->protocol->feed(dialogue, out);
}

DialogueStep dialogue_secured(Dialogue *dialogue, Buffer *out)
{
    dialogue->secure = true;
    return dialogue->protocol->secured(dialogue, out);
}

DialogueStep dialogue_not_tls(Dialogue *dialogue, const uint8_t *data, size_t size, bool in_time)
{
    if (dialogue->protocol->not_direct && (size > 0 || in_time))
        return protocol_end(dialogue, DIALOGUE_REFUSED, "%s", dialogue->protocol->not_direct);
    if (dialogue->protocol->not_tls) {
        DialogueStep step = dialogue->protocol->not_tls(dialogue, data, size, in_time);
        if (step != DIALOGUE_MORE)
            return step;
    }
    if (!in_time)
        return protocol_end(dialogue, DIALOGUE_GARBAGE, "the TLS handshake did not end in time");
    if (size == 0)
        return protocol_end(dialogue, DIALOGUE_GARBAGE,
                            "the server closed the connection instead of speaking TLS");
    return protocol_end(dialogue, DIALOGUE_GARBAGE,
                        "the server answered ClientHello with 0x%02x, which is not TLS", data[0]);
}

bool dialogue_is_direct(const Dialogue *dialogue)
{
    return dialogue->protocol->start == protocol_secure_at_once;
}

bool dialogue_wraps(const Dialogue *dialogue)
{
    return dialogue->protocol->wrap != NULL;
}

void dialogue_wrap(const Dialogue *dialogue, const void *data, size_t size, Buffer *out)
{
    dialogue->protocol->wrap(data, size, out);
}

bool dialogue_unwrap(Dialogue *dialogue, const uint8_t *data, size_t size, Buffer *out)
{
    buffer_append(&dialogue->in, data, size);
    return dialogue->protocol->unwrap(dialogue, out);
}
