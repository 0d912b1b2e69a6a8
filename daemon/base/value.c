#include "base/value.h"

#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "base/text.h"

#define LABEL_BYTES_MAX       63  /* RFC 1035, 2.3.4 */
#define CONFIG_NAME_BYTES_MAX 128 /* the configuration's limit for names */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

char *value_copy(IsValue is, const char *text)
{
    return text && is(text) ? xstrdup(text) : NULL;
}

bool value_is_host(const char *text)
{
    if (strlen(text) > HOST_NAME_BYTES_MAX + 1)
        return false;
    for (;;) {
        size_t length = strspn(text, LETTERS DIGITS "-_");
        if (length == 0 || length > LABEL_BYTES_MAX || text[0] == '-' || text[length - 1] == '-')
            return false;
        text += length;
        if (!*text || strcmp(text, ".") == 0)
            return true;
        if (*text++ != '.')
            return false;
    }
}

bool value_is_path(const char *text)
{
    return text[0] == '/' && strlen(text) < PATH_MAX && shell_can_quote(text);
}

bool value_is_name(const char *text)
{
    return text_is_name(text) && strspn(text, "._-") == 0 && strlen(text) <= CONFIG_NAME_BYTES_MAX;
}
