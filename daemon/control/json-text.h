#pragma once

/*
 * JSON (RFC 8259) put straight into a text: of thousands of endpoints a tree would be built to be thrown away.
 * A key is NULL inside an array, and for what stands by itself. What comes behind another is set off by a
 * comma.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* '{' or '[', and '}' or ']'. */
void json_text_begin(Buffer *text, const char *key, char bracket);
void json_text_end(Buffer *text, char bracket);

/* NULL is null. Escapes what base/escape.h escapes, except newlines. */
void json_text_string(Buffer *text, const char *key, const char *value);

/* RFC 3339; null for INSTANT_NONE and INSTANT_NEVER. */
void json_text_instant(Buffer *text, const char *key, int64_t value);

void json_text_integer(Buffer *text, const char *key, int64_t value);
/* With three digits behind the point. */
void json_text_number(Buffer *text, const char *key, double value);

void json_text_boolean(Buffer *text, const char *key, bool value);
void json_text_null(Buffer *text, const char *key);

/* Sets off what comes next where what came before was taken out of the text. */
void json_text_comma(Buffer *text);

/* How far a text is that is indented piece by piece; all zeros at the beginning. */
typedef struct Indent {
    unsigned depth;
    bool quoted, escaped; /* within a string; behind its backslash */
    bool opened;          /* a bracket, and nothing in it yet */
} Indent;

/* Appends JSON without white space as jansson would indent it by two. */
void json_text_indent(Indent *indent, Buffer *to, const Buffer *text);
