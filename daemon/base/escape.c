#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"

typedef struct Range {
    uint32_t first, last;
} Range;

/*
 * What is not shown, or changes how its neighbours are shown. Unicode 16.0: general categories Cc beyond ASCII,
 * Cf, Zl, Zp and Co (DerivedGeneralCategory.txt), Default_Ignorable_Code_Point (DerivedCoreProperties.txt:
 * fillers, variation selectors, tags), and the noncharacters of U+FDD0..U+FDEF; is_hidden() adds the others. In
 * order.
 */
static const Range hidden[] = {
    { 0x80, 0x9f },        { 0xad, 0xad },       { 0x34f, 0x34f },     { 0x600, 0x605 },
    { 0x61c, 0x61c },      { 0x6dd, 0x6dd },     { 0x70f, 0x70f },     { 0x890, 0x891 },
    { 0x8e2, 0x8e2 },      { 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },
    { 0x200b, 0x200f },    { 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0x3164, 0x3164 },
    { 0xe000, 0xf8ff },    { 0xfdd0, 0xfdef },   { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
    { 0xffa0, 0xffa0 },    { 0xfff0, 0xfffb },   { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },
    { 0x13430, 0x1343f },  { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
    { 0xf0000, 0x10ffff },
};

static bool is_hidden(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_SIZE(hidden) && hidden[i].first <= c; i++)
        if (c <= hidden[i].last)
            return true;
    return (c & 0xfffe) == 0xfffe; /* the last two of each plane are no characters */
}

/* Returns the bytes of the character there; 0: it is not UTF-8 (RFC 3629, 4: neither overlong nor a surrogate).
 */
static size_t decode(const uint8_t *text, size_t size, uint32_t *ret)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const uint8_t lead = text[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (n == 0 || n > size)
        return 0;
    uint32_t c = n == 1 ? lead : lead & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (text[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return n;
}

/* Returns the bytes of what is shown as it is, from the text's beginning on. */
static size_t clean_length(const uint8_t *text, size_t size, bool lines)
{
    size_t at = 0;
    while (at < size) {
        uint32_t c;
        size_t n = 1;
        if (text[at] < ' ' || text[at] == 0x7f) {
            if (!lines || text[at] != '\n')
                break;
        } else if (text[at] >= 0x80 && ((n = decode(text + at, size - at, &c)) == 0 || is_hidden(c)))
            break;
        at += n;
    }
    return at;
}

static void append(Buffer *buffer, const uint8_t *text, size_t size, bool lines)
{
    while (size > 0) {
        uint32_t c;
        size_t n = clean_length(text, size, lines);
        buffer_append(buffer, text, n);
        text += n;
        size -= n;
        if (size == 0)
            break;
        n = decode(text, size, &c);
        if (n <= 1)
            buffer_printf(buffer, "\\x%02x", text[0]);
        else
            buffer_printf(buffer, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        text += n ? n : 1;
        size -= n ? n : 1;
    }
}

char *text_escape_bytes(const void *bytes, size_t size)
{
    Buffer buffer = { 0 };
    append(&buffer, bytes, size, false);
    return buffer_take_text(&buffer);
}

char *text_escape(const char *text)
{
    return text ? text_escape_bytes(text, strlen(text)) : NULL;
}

char *text_escape_lines(const char *text)
{
    Buffer buffer = { 0 };
    if (!text)
        return NULL;
    append(&buffer, (const uint8_t *)text, strlen(text), true);
    return buffer_take_text(&buffer);
}

bool text_is_clean(const char *text)
{
    size_t size = strlen(text);
    return clean_length((const uint8_t *)text, size, false) == size;
}

char *text_escape_take(char *text)
{
    size_t size = text ? strlen(text) : 0;
    if (clean_length((const uint8_t *)text, size, false) == size)
        return text;
    char *escaped = text_escape_bytes(text, size);
    free(text);
    return escaped;
}

size_t text_fit(const char *text, size_t bytes_max)
{
    size_t size = strnlen(text, bytes_max + 1);
    if (size <= bytes_max)
        return size;
    for (size = bytes_max; size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80;)
        size--;
    return size;
}
