#include "store/replacements.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/buffer.h"

char *replacements_text(const AddressState *address)
{
    Buffer text = { 0 };
    for (size_t i = 0; address->replacements && i < REPLACEMENTS_KEPT; i++)
        if (address->replacements[i].at > 0)
            buffer_printf(&text, "%s %s %lld;", address->replacements[i].before, address->replacements[i].now,
                          (long long)address->replacements[i].at);
    return text.size > 0 ? buffer_take_text(&text) : NULL;
}

void replacements_read(const char *text, AddressState *address)
{
    size_t n = 0;
    for (int length; text && n < REPLACEMENTS_KEPT; text += length) {
        Replacement r = { 0 };
        long long at;
        length = 0;
        if (sscanf(text, "%64[^ ;] %64[^ ;] %lld;%n", r.before, r.now, &at, &length) != 3 || length == 0)
            return;
        r.at = at;
        if (!address->replacements)
            address->replacements = xcalloc(REPLACEMENTS_KEPT, sizeof *address->replacements);
        address->replacements[n++] = r;
    }
}
