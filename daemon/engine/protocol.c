#include "engine/protocol.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/text.h"

/* MySQL's own errors have at most 512 bytes (MYSQL_ERRMSG_SIZE), and those before a login one short sentence.
 */
#define DETAIL_BYTES_MAX 400

bool protocol_is_tls_record(uint8_t type)
{
    return type >= 20 && type <= 23;
}

DialogueStep protocol_end(Dialogue *dialogue, DialogueStep step, const char *format, ...)
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

DialogueStep protocol_secure_at_once(Dialogue *dialogue _unused_, Buffer *out _unused_)
{
    return DIALOGUE_SECURE;
}

DialogueStep protocol_leave(Dialogue *dialogue _unused_, Buffer *out _unused_)
{
    return DIALOGUE_LEAVE;
}
