#include "base/shell.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

bool shell_can_quote(const char *text)
{
    _cleanup_free_ char *shown = xstrdup(text);
    text_make_printable(shown);
    return strcmp(shown, text) == 0;
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
