#include "base/text.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"

#define WORD_MAX 64 /* longer words are not compared */

int text_find(const char *text, const char *const *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (table[i] && strcmp(table[i], text) == 0)
            return (int)i;
    return -EINVAL;
}

bool text_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

void text_bound(char *text, size_t max)
{
    static const char ellipsis[] = "...";
    if (strlen(text) > max)
        memcpy(text + text_fit(text, max - strlen(ellipsis)), ellipsis, sizeof ellipsis);
}

bool text_is_local_url(const char *url)
{
    static const char http[] = "http://";
    if (strncmp(url, http, strlen(http)) != 0)
        return false;
    const char *host = url + strlen(http);
    size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    if (strncmp(host, "127.", 4) == 0)
        return strspn(host, "0123456789.") == length;
    return (length == 9 && strncmp(host, "localhost", length) == 0) ||
           (length == 5 && strncmp(host, "[::1]", length) == 0 && strchr(":/", host[length]));
}

bool text_is_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return *text && strspn(text, letters) == strlen(text);
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = MIN(a, b);
    return ab < c ? ab : c;
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), row[WORD_MAX + 1];
    if (la > WORD_MAX || lb > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[lb];
}

void nearest_offer(Nearest *nearest, const char *word)
{
    size_t d = distance(nearest->misspelt, word), length = strlen(nearest->misspelt);
    if (d > 1 + length / 4 || (nearest->word && d >= nearest->distance))
        return;
    nearest->word = word;
    nearest->distance = d;
}

uint64_t text_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    /* FNV's high bits depend little on the last characters, and names differ there ("orders-1", "orders-2"). */
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    return hash ^ (hash >> 33);
}

void text_set(char **field, char *text)
{
    free(*field);
    *field = text;
}

char *text_hex(const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char *text = xcalloc(2 * n + 1, 1);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return text;
}
