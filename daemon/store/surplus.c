#include "store/surplus.h"

#include "base/instant.h"

/*
 * The rows of `served` that are too many: ?1 endpoint, ?2 served for less than so many seconds, ?3 rows and ?4
 * bytes of the first ones and again of the latest that stay. Not those that an address serves now.
 */
#define SURPLUS                                                                                                \
    "(SELECT address, server, first_seen, last_seen FROM"                                                      \
    "  (SELECT *, row_number() OVER earlier AS n, count(*) OVER () AS n_all, sum(bytes) OVER earlier AS "      \
    "n_bytes,"                                                                                                 \
    "     sum(bytes) OVER () AS all_bytes FROM"                                                                \
    "    (SELECT *, (SELECT length(der) FROM certificate WHERE id = server) +"                                 \
    "       (SELECT coalesce(sum(length(der) / (SELECT count(*) FROM chain AS other WHERE other.certificate "  \
    "= id)), 0)"                                                                                               \
    "        FROM chain JOIN certificate ON id = chain.certificate WHERE chain.server = served.server) AS "    \
    "bytes"                                                                                                    \
    "     FROM served WHERE endpoint = ?1 AND last_seen - first_seen < ?2 AND NOT EXISTS"                      \
    "       (SELECT * FROM address WHERE address.endpoint = ?1 AND address.address = served.address AND seen " \
    "= server))"                                                                                               \
    "   WINDOW earlier AS (ORDER BY first_seen, address, server))"                                             \
    "  WHERE NOT (n <= ?3 AND n_bytes <= ?4) AND NOT (n_all - n < ?3 AND all_bytes - n_bytes + bytes <= ?4))"

/* One more statement that says what follows if there is a row for it already. */
#define ADD_UP                                                                                          \
    " ON CONFLICT DO UPDATE SET n = n + excluded.n, first_seen = min(first_seen, excluded.first_seen)," \
    " last_seen = max(last_seen, excluded.last_seen)"

static void bound(Batch *batch, const char *endpoint, int64_t shorter_than, int64_t rows, int64_t bytes)
{
    const Value values[] = { TEXT(endpoint), INTEGER(shorter_than), INTEGER(rows), INTEGER(bytes) };
    batch_add(batch,
              "INSERT INTO left_out SELECT ?1, count(*), min(first_seen), max(last_seen) FROM " SURPLUS
              " HAVING count(*) > 0" ADD_UP,
              values, ARRAY_SIZE(values));
    batch_add(batch,
              "DELETE FROM served WHERE endpoint = ?1 AND (address, server) IN (SELECT address, server "
              "FROM " SURPLUS ")",
              values, ARRAY_SIZE(values));
}

void surplus_remove(Batch *batch, const char *endpoint)
{
    bound(batch, endpoint, SURPLUS_SHORT, SURPLUS_SHORT_ROWS, SURPLUS_SHORT_BYTES);
    bound(batch, endpoint, INT64_MAX, SURPLUS_ROWS, SURPLUS_BYTES);
}

void surplus_note(Batch *batch, const char *endpoint, int64_t served_at)
{
    batch_add(batch, "INSERT INTO left_out VALUES (?1, 1, ?2, ?2)" ADD_UP,
              VALUES(TEXT(endpoint), INTEGER(served_at)));
}

static int on_left_out(sqlite3_stmt *row, void *userdata)
{
    History *history = userdata;
    int64_t n = sqlite3_column_int64(row, 0);
    history->n_left_out = n > 0 ? (size_t)n : 0;
    history->left_out_from = sqlite3_column_int64(row, 1);
    history->left_out_to = sqlite3_column_int64(row, 2);
    return SQLITE_OK;
}

int surplus_read(Database *db, const char *endpoint, History *ret)
{
    return database_query(db, "SELECT n, first_seen, last_seen FROM left_out WHERE endpoint = ?",
                          VALUES(TEXT(endpoint)), on_left_out, ret);
}

void surplus_forget(Batch *batch, int64_t before)
{
    batch_add(batch, "DELETE FROM left_out WHERE last_seen < ?", VALUES(INTEGER(before)));
}
