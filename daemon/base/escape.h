#pragma once

/*
 * Text of a peer becomes text of ours: what a terminal, a journal or a page would obey or not show is written
 * as an escape sequence. `\x1b` is a control character of ASCII or a byte that is not UTF-8, `\u202e` and
 * `\U000e0041` are code points.
 *
 * A backslash stays, so that a distinguished name or a path reads as usual and clean text stays what it is.
 * Hence nothing can be unescaped, and nothing compares names by it.
 */

#include <stdbool.h>
#include <stddef.h>

#define ESCAPE_GROWTH_MAX 4 /* one byte becomes `\xff` */

/* Return an escaped copy, which is the caller's; NULL for NULL. Bytes may contain zeros. */
char *text_escape(const char *text);
char *text_escape_bytes(const void *bytes, size_t size);

/* The same, but newlines stay: for texts of ours that have several lines. */
char *text_escape_lines(const char *text);

/* Whether nothing of it would be escaped. */
bool text_is_clean(const char *text);

/* Takes the text and returns it, or its escaped copy. */
char *text_escape_take(char *text);

/* The text up to so many bytes, in whole characters. Returns their number. */
size_t text_fit(const char *text, size_t bytes_max);
