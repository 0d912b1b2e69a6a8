#pragma once

/* What all renderings share: members of JSON as text, colours, and tables. */

#include <jansson.h>
#include <stdbool.h>

#define COLUMNS_MAX 8

/* A member that is a text, borrowed; "-" if there is none. */
const char *get(const json_t *object, const char *key);

/* Whether there is one that is not null. */
bool has(const json_t *object, const char *key);

/* "yes", "no", or "not known". */
const char *yes_or_no(const json_t *object, const char *key);

/* The day of an instant, which is enough for a table. The caller's. */
char *day(const json_t *object, const char *key);

/* What switches a severity's colour on and off: "" but on a terminal, and never with NO_COLOR. */
const char *colour_of(const char *severity);
const char *colour_end(void);

typedef struct Table {
    char *(*rows)[COLUMNS_MAX];
    size_t n;
} Table;

void table_deinit(Table *table);

/* Takes the cells, of which the last may begin with a severity: that is coloured. */
void add_row(Table *table, size_t n_cells, char **cells);

void print_table(const Table *table);
