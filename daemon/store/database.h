#pragma once

/* SQLite, as the store's own files use it. Errors are SQLite's result codes. */

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

#define DATABASE_STATEMENTS_MAX 64 /* prepared once each */

typedef struct Database Database;

/*
 * Opens or makes the file, alone: SQLITE_BUSY if another process has it. Brings its schema forward; *ret_words
 * says why it is refused with SQLITE_MISMATCH: it is a newer dbcertd's, or another program's. NULL: in memory.
 */
int database_open(Database **ret, const char *path, char **ret_words);
void database_close(Database *database);
CLEANUP_OF(Database, database_close);

/* Whether the file still is what was opened: somebody may have removed it. */
bool database_is_there(const Database *database);

/* Whether a result means that the file is damaged, and not merely that it cannot be written now. */
bool database_is_damage(int result);

/* What SQLite says of the latest error. Borrowed. */
const char *database_error(const Database *database);

typedef enum ValueType {
    VALUE_INTEGER,
    VALUE_INSTANT, /* INSTANT_NONE is NULL there */
    VALUE_TEXT,    /* NULL is NULL */
    VALUE_BLOB,
} ValueType;

typedef struct Value {
    ValueType type;
    bool passing; /* it changes each time, and alone is no reason to write */
    int64_t integer;
    const char *text;
    const void *blob;
    size_t size;
} Value;

#define INTEGER(x)  ((Value) { .type = VALUE_INTEGER, .integer = (int64_t)(x) })
#define INSTANT(x)  ((Value) { .type = VALUE_INSTANT, .integer = (x) })
#define TEXT(x)     ((Value) { .type = VALUE_TEXT, .text = (x) })
#define BLOB(x, n)  ((Value) { .type = VALUE_BLOB, .blob = (x), .size = (n) })
#define PASSING(x)  passing_value(x)
#define VALUES(...) ((const Value[]) { __VA_ARGS__ }), ARRAY_SIZE(((const Value[]) { __VA_ARGS__ }))
#define NO_VALUES   NULL, 0

static inline Value passing_value(Value value)
{
    value.passing = true;
    return value;
}

/* Runs a statement to its end. sql: a literal; it is known by its address. */
int database_run(Database *database, const char *sql, const Value *values, size_t n);

/* The same for one that gives rows: row() is called for each, and ends it early with another result than
 * SQLITE_OK. */
int database_query(Database *database, const char *sql, const Value *values, size_t n,
                   int (*row)(sqlite3_stmt *row, void *userdata), void *userdata);

/* Columns of a row. Texts are borrowed until the next row. */
const char *column_text(sqlite3_stmt *row, int column);
int column_word(sqlite3_stmt *row, int column, int (*from_string)(const char *)); /* negative: none of them */
int64_t column_instant(sqlite3_stmt *row, int column);
