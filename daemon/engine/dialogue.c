#include "engine/dialogue.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/text.h"

/* MySQL's own errors have at most 512 bytes (MYSQL_ERRMSG_SIZE), and those before a login one short sentence.
 */
#define DETAIL_BYTES_MAX 400

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
        return dialogue_end(dialogue, DIALOGUE_REFUSED, "%s", dialogue->protocol->not_direct);
    if (dialogue->protocol->not_tls) {
        DialogueStep step = dialogue->protocol->not_tls(dialogue, data, size, in_time);
        if (step != DIALOGUE_MORE)
            return step;
    }
    if (!in_time)
        return dialogue_end(dialogue, DIALOGUE_GARBAGE, "the TLS handshake did not end in time");
    if (size == 0)
        return dialogue_end(dialogue, DIALOGUE_GARBAGE,
                            "the server closed the connection instead of speaking TLS");
    return dialogue_end(dialogue, DIALOGUE_GARBAGE,
                        "the server answered ClientHello with 0x%02x, which is not TLS", data[0]);
}

bool dialogue_is_record(uint8_t type)
{
    return type >= 20 && type <= 23;
}

bool dialogue_is_direct(const Dialogue *dialogue)
{
    return dialogue->protocol->start == dialogue_secure_at_once;
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

DialogueStep dialogue_end(Dialogue *dialogue, DialogueStep step, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    free(dialogue->detail);
    char *text = xvasprintf(format, args);
    va_end(args);
    for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
        text[n - 1] = 0;                       /* a server's text may be a line of its own */
    dialogue->detail = text_escape_take(text); /* goes into logs and onto terminals */
    text_bound(dialogue->detail, DETAIL_BYTES_MAX);
    return step;
}

DialogueStep dialogue_secure_at_once(Dialogue *dialogue _unused_, Buffer *out _unused_)
{
    return DIALOGUE_SECURE;
}

DialogueStep dialogue_leave(Dialogue *dialogue _unused_, Buffer *out _unused_)
{
    return DIALOGUE_LEAVE;
}
