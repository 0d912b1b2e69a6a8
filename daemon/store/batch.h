#pragma once

/*
 * Statements for one transaction, with copies of all their values: one thread makes it, and another may run it.
 */

#include "store/database.h"

typedef struct Batch Batch;

Batch *batch_new(void);
void batch_free(Batch *batch);
CLEANUP_OF(Batch, batch_free);

/* Adds a statement. sql: a literal; the values are copied. */
void batch_add(Batch *batch, const char *sql, const Value *values, size_t n);

/* How much memory it takes. */
size_t batch_bytes(const Batch *batch);

/* Runs all statements in one transaction: all of them take effect, or none does. */
int batch_run(const Batch *batch, Database *database);
