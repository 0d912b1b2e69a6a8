#include "control/json-text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "control/json-internal.h"

static void raw(Buffer *text, const char *words)
{
    buffer_append(text, words, strlen(words));
}

/* Behind an opening bracket, a line's end or nothing there is no comma. Keys are ours, and plain. */
static void begin_value(Buffer *text, const char *key)
{
    if (text->size > 0 && !memchr("{[\n", text->data[text->size - 1], 3))
        raw(text, ",");
    if (!key)
        return;
    raw(text, "\"");
    raw(text, key);
    raw(text, "\":");
}

void json_text_begin(Buffer *text, const char *key, char bracket)
{
    begin_value(text, key);
    buffer_append(text, &bracket, 1);
}

void json_text_end(Buffer *text, char bracket)
{
    buffer_append(text, &bracket, 1);
}

/* How many of the bytes stand for themselves: printable ASCII without '"' and '\\', eight at once. */
static size_t count_plain(const char *value, size_t size)
{
    const uint64_t ones = UINT64_MAX / 255, high_bits = ones << 7;
    size_t n = 0;
    for (uint64_t v; n + sizeof v <= size; n += sizeof v) {
        memcpy(&v, value + n, sizeof v);
        uint64_t quote = v ^ (ones * '"'), backslash = v ^ (ones * '\\');
        if ((v | (v - ones * ' ') | (v + ones) | (quote - ones) | (backslash - ones)) & high_bits)
            break; /* a byte borrows from the next one only if it is found itself */
    }
    while (n < size && value[n] >= ' ' && value[n] <= '~' && value[n] != '"' && value[n] != '\\')
        n++;
    return n;
}

/* Printable ASCII, as nearly everything is. False: it is something else, and nothing was put. */
static bool put_printable(Buffer *text, const char *value, size_t size)
{
    size_t before = text->size;
    raw(text, "\"");
    for (size_t at = 0; at < size; at++) {
        size_t n = count_plain(value + at, size - at);
        buffer_append(text, value + at, n);
        at += n;
        if (at < size && (value[at] < ' ' || value[at] > '~')) {
            text->size = before;
            return false;
        }
        if (at < size)
            buffer_append(text, (char[]) { '\\', value[at] }, 2);
    }
    raw(text, "\"");
    return true;
}

void json_text_string(Buffer *text, const char *key, const char *value)
{
    if (!value) {
        json_text_null(text, key);
        return;
    }
    begin_value(text, key);
    if (put_printable(text, value, strlen(value)))
        return;
    json_t *string = json_of_text(value);
    _cleanup_free_ char *escaped = json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    json_decref(string);
    raw(text, escaped ? escaped : "null");
}

void json_text_instant(Buffer *text, const char *key, int64_t value)
{
    json_text_string(text, key, value == INSTANT_NONE || value == INSTANT_NEVER ? NULL : INSTANT_TEXT(value));
}

void json_text_integer(Buffer *text, const char *key, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    begin_value(text, key);
    raw(text, digits);
}

void json_text_boolean(Buffer *text, const char *key, bool value)
{
    begin_value(text, key);
    raw(text, value ? "true" : "false");
}

void json_text_null(Buffer *text, const char *key)
{
    begin_value(text, key);
    raw(text, "null");
}
