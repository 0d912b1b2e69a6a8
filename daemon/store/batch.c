#include "store/batch.h"

#include <string.h>

#include "base/alloc.h"

/* With its texts and blobs behind the values. */
typedef struct Statement {
    const char *sql;
    size_t n;
    Value values[];
} Statement;

struct Batch {
    Statement **statements;
    size_t n;
    size_t bytes;
};

Batch *batch_new(void)
{
    return xcalloc(1, sizeof(Batch));
}

void batch_free(Batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->n; i++)
        free(batch->statements[i]);
    free(batch->statements);
    free(batch);
}

/* Bytes that the value points to. */
static size_t bytes_behind(const Value *value)
{
    if (value->type == VALUE_TEXT)
        return value->text ? strlen(value->text) + 1 : 0;
    return value->type == VALUE_BLOB ? value->size : 0;
}

/* Copies what the value points to. Returns where the next copy goes. */
static char *copy_behind(Value *value, char *to)
{
    size_t size = bytes_behind(value);
    if (size == 0)
        return to;
    memcpy(to, value->type == VALUE_TEXT ? value->text : value->blob, size);
    if (value->type == VALUE_TEXT)
        value->text = to;
    else
        value->blob = to;
    return to + size;
}

void batch_add(Batch *batch, const char *sql, const Value *values, size_t n)
{
    size_t size = sizeof(Statement) + n * sizeof(Value);
    for (size_t i = 0; i < n; i++)
        size += bytes_behind(&values[i]);
    Statement *statement = xcalloc(1, size);
    char *to = (char *)&statement->values[n];
    statement->sql = sql;
    statement->n = n;
    for (size_t i = 0; i < n; i++) {
        statement->values[i] = values[i];
        to = copy_behind(&statement->values[i], to);
    }
    batch->statements = xgrow(batch->statements, batch->n, sizeof(Statement *));
    batch->statements[batch->n++] = statement;
    batch->bytes += size;
}

size_t batch_bytes(const Batch *batch)
{
    return batch->bytes;
}

int batch_run(const Batch *batch, Database *database)
{
    int r = database_run(database, "BEGIN IMMEDIATE", NO_VALUES);
    for (size_t i = 0; i < batch->n && r == SQLITE_OK; i++) {
        const Statement *s = batch->statements[i];
        r = database_run(database, s->sql, s->values, s->n);
    }
    return r == SQLITE_OK ? database_run(database, "COMMIT", NO_VALUES) : r;
}
