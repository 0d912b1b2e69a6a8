#include "control/json-text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/instant.h"

static void raw(Buffer *text, const char *words)
{
    buffer_append(text, words, strlen(words));
}

/* Behind an opening bracket, a comma, a line's end or nothing there is no comma. Keys are ours, and plain. */
static void begin_value(Buffer *text, const char *key)
{
    bool comma = text->size > 0 && !memchr("{[,\n", text->data[text->size - 1], 4);
    size_t length = key ? strlen(key) : 0;
    uint8_t *to = buffer_extend(text, comma + (key ? length + strlen("\"\":") : 0));
    if (comma)
        *to++ = ',';
    if (!key)
        return;
    *to++ = '"';
    memcpy(to, key, length);
    memcpy(to + length, "\":", 2);
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

void json_text_comma(Buffer *text)
{
    raw(text, ",");
}

/* Printable ASCII without '"' and '\\', as nearly everything is; eight bytes are looked at at once. */
static bool is_plain(const char *value, size_t size)
{
    const uint64_t ones = UINT64_MAX / 255, high_bits = ones << 7;
    size_t n = 0;
    for (uint64_t v; n + sizeof v <= size; n += sizeof v) {
        memcpy(&v, value + n, sizeof v);
        uint64_t quote = v ^ (ones * '"'), backslash = v ^ (ones * '\\');
        if ((v | (v - ones * ' ') | (v + ones) | (quote - ones) | (backslash - ones)) & high_bits)
            return false; /* a byte borrows from the next one only if it is found itself */
    }
    while (n < size && value[n] >= ' ' && value[n] <= '~' && value[n] != '"' && value[n] != '\\')
        n++;
    return n == size;
}

static void put_plain(Buffer *text, const char *value, size_t size)
{
    uint8_t *to = buffer_extend(text, size + 2);
    to[0] = '"';
    memcpy(to + 1, value, size);
    to[1 + size] = '"';
}

/* Printable ASCII with some '"' or '\\', as messages have. False: it is something else, and nothing was put. */
static bool put_printable(Buffer *text, const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (value[i] < ' ' || value[i] > '~')
            return false;
    size_t before = text->size;
    uint8_t *begin = buffer_extend(text, 2 * size + 2), *to = begin;
    *to++ = '"';
    for (size_t i = 0; i < size; i++) {
        if (value[i] == '"' || value[i] == '\\')
            *to++ = '\\';
        *to++ = (uint8_t)value[i];
    }
    *to++ = '"';
    buffer_cut(text, before + (size_t)(to - begin));
    return true;
}

static void put_anything(Buffer *text, const char *value)
{
    _cleanup_free_ char *shown = text_escape_lines(value);
    json_t *string = json_string(shown);
    _cleanup_free_ char *escaped = json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    json_decref(string);
    raw(text, escaped ? escaped : "null");
}

void json_text_string(Buffer *text, const char *key, const char *value)
{
    if (!value) {
        json_text_null(text, key);
        return;
    }
    size_t size = strlen(value);
    begin_value(text, key);
    if (is_plain(value, size))
        put_plain(text, value, size);
    else if (!put_printable(text, value, size))
        put_anything(text, value);
}

void json_text_instant(Buffer *text, const char *key, int64_t value)
{
    if (value == INSTANT_NONE || value == INSTANT_NEVER) {
        json_text_null(text, key);
        return;
    }
    const char *words = INSTANT_TEXT(value);
    begin_value(text, key);
    put_plain(text, words, strlen(words));
}

void json_text_integer(Buffer *text, const char *key, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    begin_value(text, key);
    raw(text, digits);
}

void json_text_number(Buffer *text, const char *key, double value)
{
    begin_value(text, key);
    buffer_printf(text, "%.3f", value);
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

static void new_line(Buffer *to, unsigned depth)
{
    buffer_printf(to, "\n%*s", (int)depth * 2, "");
}

/* A character outside of strings. */
static void indent_mark(Indent *indent, Buffer *to, char c)
{
    bool closes = strchr("]}", c), opened = indent->opened;
    if (c == '\n')
        return;
    indent->opened = strchr("[{", c);
    if (closes)
        indent->depth--;
    if (closes != opened && (closes || opened))
        new_line(to, indent->depth);
    buffer_append(to, &c, 1);
    if (indent->opened)
        indent->depth++;
    if (c == ',')
        new_line(to, indent->depth);
    else if (c == ':')
        raw(to, " ");
}

void json_text_indent(Indent *indent, Buffer *to, const Buffer *text)
{
    for (size_t i = 0; i < text->size; i++) {
        char c = (char)text->data[i];
        if (indent->quoted)
            buffer_append(to, &c, 1);
        else
            indent_mark(indent, to, c);
        if (c == '"' && !indent->escaped)
            indent->quoted = !indent->quoted;
        indent->escaped = indent->quoted && c == '\\' && !indent->escaped;
    }
}
