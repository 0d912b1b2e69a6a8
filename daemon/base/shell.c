#include "base/shell.h"

#include <string.h>

#include "base/escape.h"

bool shell_can_quote(const char *text)
{
    return text_is_clean(text);
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
