#pragma once

/* String tables, and the nearest word to a misspelt one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/*
 * One table per enum: TYPE_to_string() and TYPE_from_string() (-EINVAL if there is none). The same words are
 * used in the configuration, the journal, JSON and metrics.
 */
#define DECLARE_STRING_TABLE(prefix, type)      \
    const char *prefix##_to_string(type value); \
    int prefix##_from_string(const char *text)

#define DEFINE_STRING_TABLE(prefix, type, table)                          \
    const char *prefix##_to_string(type value)                            \
    {                                                                     \
        return (size_t)value < ARRAY_SIZE(table) ? (table)[value] : NULL; \
    }                                                                     \
    int prefix##_from_string(const char *text)                            \
    {                                                                     \
        return text_find(text, (table), ARRAY_SIZE(table));               \
    }                                                                     \
    struct prefix##_table_wants_a_semicolon

/* What makes a word's plural: "%zu certificate%s". */
#define PLURAL(n) ((n) == 1 ? "" : "s")

/* Index of text in the table, or -EINVAL. */
int text_find(const char *text, const char *const *table, size_t n);

/* Whether they read the same; NULL does as another NULL alone. */
bool text_same(const char *a, const char *b);

/* Puts a text, which it takes, in the place of the one that is there. */
void text_set(char **field, char *text);

/* Two digits for each byte. The caller's. */
char *text_hex(const uint8_t *bytes, size_t n);

/* Bounds a peer's text: one of over max bytes is cut before a character of UTF-8, and ends in "...". */
void text_bound(char *text, size_t max);

/* At least one letter or digit or . _ - and nothing else: safe in a path, a log line, and a shell. */
bool text_is_name(const char *text);

/* Whether a URL is http:// of this very host: by its address, or as localhost. */
bool text_is_local_url(const char *url);

/* Of the words given one by one, keeps the one nearest to the misspelt word: for "did you mean". */
typedef struct Nearest {
    const char *misspelt;
    const char *word; /* NULL while nothing is near enough to be meant */
    size_t distance;
} Nearest;

void nearest_offer(Nearest *nearest, const char *word);

/* FNV-1a, mixed: the same on every machine, so a fleet's phases can be foretold. Not for hash tables of foreign
 * keys. */
uint64_t text_hash(const char *text);
