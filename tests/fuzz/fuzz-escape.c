#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "fuzz.h"

/* A second decoder, of text that is known to be UTF-8. */
static const uint8_t *next(const uint8_t *c, uint32_t *ret)
{
    int n = *c < 0x80 ? 0 : *c < 0xe0 ? 1 : *c < 0xf0 ? 2 : 3;
    *ret = n == 0 ? *c : *c & (0x3fU >> n);
    for (c++; n > 0; n--, c++) {
        assert((*c & 0xc0) == 0x80);
        *ret = *ret << 6 | (*c & 0x3f);
    }
    return c;
}

static bool is_forbidden(uint32_t c)
{
    return c < ' ' || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           (c >= 0xd800 && c <= 0xf8ff) || c == 0xfeff || (c & 0xfffe) == 0xfffe ||
           (c >= 0xe0000 && c <= 0xe0fff) || c > 0x10ffff;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_escape_bytes(data, size), *again = text_escape(text),
                        *taken = text_escape_take(xstrdup(text)), *lines = text_escape_lines(text);
    size_t length = strlen(text), half = text_fit(text, length / 2);
    assert(length >= size && length <= ESCAPE_GROWTH_MAX * size);
    assert(strcmp(text, again) == 0 && strcmp(text, taken) == 0 && strcmp(text, lines) == 0);
    for (const uint8_t *c = (const uint8_t *)text; *c;) {
        uint32_t character;
        c = next(c, &character);
        assert(!is_forbidden(character));
    }
    _cleanup_free_ char *cut = xstrndup(text, half), *cut_again = text_escape(cut);
    assert(half <= length / 2 && length / 2 - half < 4 && strcmp(cut, cut_again) == 0);
    return 0;
}
