/* What the texts of findings and of events have in common. */

#include "base/text.h"
#include "base/buffer.h"
#include "base/escape.h"
#include "base/instant.h"
#include "rules/case.h"

void text_certificate(const Certificate *certificate, const Authority *authority, Buffer *text)
{
    buffer_printf(text, "certificate %s (", certificate->serial);
    if (authority->id[0])
        buffer_printf(text, "%s", authority->id);
    else
        buffer_printf(text, "issuer \"%s\"", certificate_issuer_label(certificate));
    buffer_printf(text, ", valid %s to %s)", INSTANT_TEXT(certificate->not_before),
                  INSTANT_TEXT(certificate->not_after));
}

char *text_printable(Buffer *text)
{
    return text_escape_take(buffer_take_text(text));
}

char *text_bounded(Buffer *text)
{
    char *s = text_printable(text);
    text_bound(s, FINDING_MESSAGE_BYTES_MAX);
    return s;
}
