#include "base/shell.h"

#include <string.h>

/* Characters beyond ASCII that are not seen, or that turn around what is: C1 controls, zero-width characters,
 * line separators, direction marks, overrides and isolates, the byte order mark. */
static bool is_hidden(uint32_t c)
{
    return (c >= 0x80 && c < 0xa0) || c == 0xad || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

/* Bytes of the character there if it can be shown; 0: it is a control character, hidden, or no UTF-8 (RFC 3629,
 * 4). */
static size_t shown(const unsigned char *c)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = *c < 0x80 ? 1 : *c < 0xc0 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf8 ? 4 : 0;
    if (n <= 1)
        return *c >= ' ' && *c < 0x7f ? n : 0;
    uint32_t value = *c & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (c[i] & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value < 0xe000;
    return value < least[n] || value > 0x10ffff || surrogate || is_hidden(value) ? 0 : n;
}

bool shell_can_quote(const char *text)
{
    for (size_t n; *text; text += n)
        if ((n = shown((const unsigned char *)text)) == 0)
            return false;
    return true;
}

void shell_comment(char *text)
{
    for (size_t n; *text; text += n)
        if ((n = shown((const unsigned char *)text)) == 0) {
            *text = '?';
            n = 1;
        }
}

static bool is_plain(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:,+@%=";
    return *text && *text != '=' /* zsh: a command's path */ && strspn(text, letters) == strlen(text);
}

void shell_quote(Buffer *command, const char *text)
{
    if (is_plain(text)) {
        buffer_append(command, text, strlen(text));
        return;
    }
    buffer_append(command, "'", 1);
    for (size_t length; *text; text += length + 1) {
        length = strcspn(text, "'");
        buffer_append(command, text, length);
        if (!text[length])
            break;
        buffer_append(command, "'\\''", 4);
    }
    buffer_append(command, "'", 1);
}
