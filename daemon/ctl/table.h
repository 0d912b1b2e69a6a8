#pragma once

/* What all renderings share: members of JSON as text, colours, and tables. */

#include <jansson.h>
#include <stdbool.h>

#define COLUMNS_MAX 8

/* A member that is a text, borrowed; "-" if there is none. */
const char *table_text(const json_t *object, const char *key);

/* Whether there is one that is not null. */
bool table_has(const json_t *object, const char *key);

/* "yes", "no", or "not known". */
const char *yes_or_no(const json_t *object, const char *key);

/* The day of an instant, which is enough for a table. The caller's. */
char *table_day(const json_t *object, const char *key);

/* What switches a severity's colour on and off: "" but on a terminal, and never with NO_COLOR. */
const char *colour_of(const char *severity);
const char *colour_end(void);

typedef struct Table {
    char *(*rows)[COLUMNS_MAX];
    size_t n;
    bool letters; /* the first cell is a severity's letter, and has its colour */
    unsigned char
        drop[COLUMNS_MAX]; /* what a terminal that is too narrow does without, the highest first; 0: never */
} Table;

/* The letter of a severity's word; "?" if it is none. */
const char *letter_of(const char *severity);

void table_deinit(Table *table);

/* Takes the cells, of which the last may begin with a severity: that is coloured, where no letter is. */
void add_row(Table *table, size_t n_cells, char **cells);

void print_table(const Table *table);
