#include "store/database.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "store/scrub.h"

#define APPLICATION_ID 0x64626364 /* "dbcd", for file(1) */

/* A checkpoint writes and syncs so many pages at most: 1 MiB. The commit that makes it takes that much longer.
 */
#define CHECKPOINT_PAGES "256"

struct Database {
    sqlite3 *handle;
    struct stat identity; /* all zeros: in memory */
    char *path;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } statements[DATABASE_STATEMENTS_MAX];
    size_t n_statements;
};

/*
 * The schema, as the steps that lead to it; what is released is never changed, only followed by another step.
 * Words are those of the string tables, instants are seconds since the epoch.
 */
/* A transition that is to be delivered. */
#define TRANSITION_COLUMNS                                                                                     \
    "(number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"                  \
    "  at INTEGER NOT NULL, raises INTEGER NOT NULL, about TEXT NOT NULL, subject TEXT NOT NULL, engine TEXT," \
    "  served_ca TEXT, configured_ca TEXT, fingerprint TEXT, not_after INTEGER, finding TEXT NOT NULL,"        \
    "  severity TEXT NOT NULL, address TEXT, ca TEXT, since INTEGER, due INTEGER, message TEXT NOT NULL,"      \
    "  remedy TEXT NOT NULL, cause TEXT) STRICT;"

static const char *const steps[] = {
    /* What was served when. */
    "CREATE TABLE certificate (id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, der BLOB NOT NULL) STRICT;"
    "CREATE TABLE chain (server INTEGER NOT NULL, position INTEGER NOT NULL, certificate INTEGER NOT NULL,"
    "  PRIMARY KEY (server, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE served (endpoint TEXT NOT NULL, address TEXT NOT NULL, server INTEGER NOT NULL,"
    "  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
    "  PRIMARY KEY (endpoint, address, server)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE endpoint (name TEXT NOT NULL PRIMARY KEY, server TEXT NOT NULL, unresolved INTEGER NOT NULL,"
    "  unresolved_since INTEGER, unresolved_at INTEGER, unresolved_detail TEXT, kept_at INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE address (endpoint TEXT NOT NULL, address TEXT NOT NULL, gone INTEGER NOT NULL,"
    "  observed_at INTEGER, duration_usec INTEGER, outcome TEXT, stage TEXT, detail TEXT,"
    "  server_error INTEGER NOT NULL, no_route INTEGER NOT NULL, was_counted INTEGER NOT NULL,"
    "  failures INTEGER NOT NULL, failing_since INTEGER, seen INTEGER, seen_at INTEGER, tls_version TEXT,"
    "  tls_cipher TEXT, tls_group TEXT, tls_alpn TEXT, tls_age INTEGER, claim TEXT, plaintext TEXT,"
    "  plaintext_at INTEGER, counted INTEGER NOT NULL, replacements TEXT, PRIMARY KEY (endpoint, address))"
    "  STRICT, WITHOUT ROWID;",

    /* What stands, and what is still to be delivered. */
    "CREATE TABLE alert (about TEXT NOT NULL, subject TEXT NOT NULL, finding TEXT NOT NULL, severity TEXT NOT "
    "NULL,"
    "  address TEXT, ca TEXT, since INTEGER, due INTEGER, message TEXT NOT NULL, remedy TEXT NOT NULL, cause "
    "TEXT,"
    "  state TEXT NOT NULL, said TEXT NOT NULL, worst TEXT NOT NULL, sent_at INTEGER, calmer_since INTEGER,"
    "  raises INTEGER NOT NULL, raises_since INTEGER) STRICT;"
    "CREATE INDEX alert_subject ON alert (about, subject);"
    "CREATE TABLE outbox " TRANSITION_COLUMNS,

    /* What nobody wants to be told. */
    "CREATE TABLE silence (id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT, finding TEXT,"
    "  begins_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, reason TEXT NOT NULL, author TEXT NOT NULL) "
    "STRICT;",

    /* What the RDS API said last: the members of RdsEndpoint, in the order of rds_fields. */
    "CREATE TABLE discovered (source TEXT NOT NULL, identifier TEXT NOT NULL, host TEXT NOT NULL, problem TEXT,"
    "  engine TEXT NOT NULL, engine_version TEXT, status TEXT, ca TEXT, pending_ca TEXT, maintenance_window "
    "TEXT,"
    "  offered TEXT, default_ca TEXT, kind INTEGER NOT NULL, port INTEGER NOT NULL, valid_till INTEGER,"
    "  since INTEGER, settle_seconds INTEGER NOT NULL, online INTEGER NOT NULL, maintenance INTEGER NOT NULL,"
    "  auto_applied_after INTEGER, forced_apply INTEGER, current_apply INTEGER, missing_since INTEGER,"
    "  PRIMARY KEY (source, kind, identifier, host)) STRICT, WITHOUT ROWID;",

    /* What the Alertmanager is still to be told. */
    "CREATE TABLE posting " TRANSITION_COLUMNS,

    /* A finding's steps, as model/step.h writes them, in the place of one text; rows with such a text stay. */
    "ALTER TABLE alert RENAME COLUMN remedy TO steps; ALTER TABLE outbox RENAME COLUMN remedy TO steps;"
    "ALTER TABLE posting RENAME COLUMN remedy TO steps;",

    /* Of servers that never show a certificate twice: what tells them, and how many history leaves out. A
     * certificate goes with the last row that has it. */
    "ALTER TABLE address ADD COLUMN shown TEXT;"
    "CREATE TABLE left_out (endpoint TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL, first_seen INTEGER NOT "
    "NULL,"
    "  last_seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX served_server ON served (server);"
    "CREATE INDEX chain_certificate ON chain (certificate);"
    "CREATE TRIGGER served_gone AFTER DELETE ON served"
    "  WHEN NOT EXISTS (SELECT * FROM served WHERE server = old.server) BEGIN"
    "    DELETE FROM chain WHERE server = old.server;"
    "    DELETE FROM certificate WHERE id = old.server AND NOT EXISTS"
    "      (SELECT * FROM chain WHERE certificate = old.server);"
    "  END;"
    "CREATE TRIGGER chain_gone AFTER DELETE ON chain"
    "  WHEN NOT EXISTS (SELECT * FROM chain WHERE certificate = old.certificate) AND NOT EXISTS"
    "    (SELECT * FROM served WHERE server = old.certificate) BEGIN"
    "    DELETE FROM certificate WHERE id = old.certificate;"
    "  END;",
};

void database_close(Database *database)
{
    if (!database)
        return;
    for (size_t i = 0; i < database->n_statements; i++)
        sqlite3_finalize(database->statements[i].statement);
    (void)sqlite3_close(database->handle); /* nothing is left open that it could complain of */
    free(database->path);
    free(database);
}

const char *database_error(const Database *database)
{
    return sqlite3_errmsg(database->handle);
}

bool database_is_damage(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_MISMATCH: /* refused by database_open() */
        return false;
    default: /* SQLITE_CORRUPT, SQLITE_NOTADB, and a schema or rows that our own statements do not fit */
        return true;
    }
}

static int get_integer(sqlite3_stmt *row, void *userdata)
{
    *(int64_t *)userdata = sqlite3_column_int64(row, 0);
    return SQLITE_OK;
}

static int get_ok(sqlite3_stmt *row, void *userdata)
{
    const char *word = column_text(row, 0);
    *(bool *)userdata = word && strcmp(word, "ok") == 0;
    return SQLITE_OK;
}

/* One step, with the version that says it was made, or nothing of it. */
static int step_forward(Database *database, size_t version)
{
    _cleanup_free_ char *sql =
        xasprintf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %zu; COMMIT",
                  steps[version], APPLICATION_ID, version + 1);
    int r = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
    if (r != SQLITE_OK)
        (void)sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

#define VERSION_MAX 10000 /* of any dbcertd to come; beyond it is damage */

/* No other program's database has these three, whatever the head of the file says. */
static int count_own_tables(Database *database, int64_t *ret)
{
    return database_query(database,
                          "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('certificate', "
                          "'served', 'alert')",
                          NO_VALUES, get_integer, ret);
}

static int bring_forward(Database *database, char **ret_words)
{
    int64_t version = 0, application = 0, n_pages = 0, n_own = 0;
    int r = database_query(database, "PRAGMA user_version", NO_VALUES, get_integer, &version);
    if (r == SQLITE_OK)
        r = database_query(database, "PRAGMA application_id", NO_VALUES, get_integer, &application);
    if (r == SQLITE_OK)
        r = database_query(database, "PRAGMA page_count", NO_VALUES, get_integer, &n_pages);
    if (r == SQLITE_OK)
        r = count_own_tables(database, &n_own);
    if (r != SQLITE_OK)
        return r;
    if (n_own == 3 && (application != APPLICATION_ID || version < 0 || version > VERSION_MAX))
        return SQLITE_CORRUPT;
    if (n_pages > 0 && application != APPLICATION_ID && (version > 0 || application != 0)) {
        *ret_words = xstrdup("it is another program's database");
        return SQLITE_MISMATCH;
    }
    if (version < 0 || (size_t)version > ARRAY_SIZE(steps)) {
        *ret_words = xasprintf("its schema has version %lld, and this dbcertd knows those up to %zu: a newer "
                               "dbcertd has made it; install that one again, or move the file away",
                               (long long)version, ARRAY_SIZE(steps));
        return SQLITE_MISMATCH;
    }
    for (size_t i = (size_t)version; i < ARRAY_SIZE(steps) && r == SQLITE_OK; i++)
        r = step_forward(database, i);
    return r;
}

/*
 * Exclusive: no second daemon, and no shared memory beside the file. WAL with `synchronous = NORMAL` syncs at
 * checkpoints alone, so that a commit costs a write: kill -9 loses no batch that was reported as kept, a power
 * cut at most the latest of them, and never the file.
 */
static int prepare_file(Database *database, char **ret_words)
{
    bool fine = false;
    int r = sqlite3_exec(database->handle,
                         "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = "
                         "NORMAL; PRAGMA wal_autocheckpoint = " CHECKPOINT_PAGES
                         "; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; BEGIN EXCLUSIVE; COMMIT",
                         NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = database_query(database, "PRAGMA quick_check(1)", NO_VALUES, get_ok, &fine);
    if (r == SQLITE_OK && !fine)
        r = SQLITE_CORRUPT;
    if (r == SQLITE_OK)
        r = bring_forward(database, ret_words);
    return r == SQLITE_OK ? database_scrub(database->handle) : r;
}

int database_open(Database **ret, const char *path, char **ret_words)
{
    _cleanup_(database_closep) Database *database = xcalloc(1, sizeof *database);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int r = sqlite3_open_v2(path ? path : ":memory:", &database->handle, flags, NULL);
    if (r == SQLITE_OK)
        r = prepare_file(database, ret_words);
    if (r != SQLITE_OK) {
        if (!*ret_words)
            *ret_words = xstrdup(database->handle ? database_error(database) : sqlite3_errstr(r));
        return r;
    }
    database->path = xstrdup(path);
    if (path && stat(path, &database->identity) < 0)
        return SQLITE_CANTOPEN;
    *ret = TAKE(database);
    return SQLITE_OK;
}

bool database_is_there(const Database *database)
{
    struct stat st;
    return !database->path || (stat(database->path, &st) == 0 && st.st_dev == database->identity.st_dev &&
                               st.st_ino == database->identity.st_ino);
}

static int find_statement(Database *database, const char *sql, sqlite3_stmt **ret)
{
    for (size_t i = 0; i < database->n_statements; i++)
        if (database->statements[i].sql == sql) {
            *ret = database->statements[i].statement;
            return SQLITE_OK;
        }
    if (database->n_statements == DATABASE_STATEMENTS_MAX)
        return SQLITE_FULL;
    int r = sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
    if (r != SQLITE_OK)
        return r;
    database->statements[database->n_statements].sql = sql;
    database->statements[database->n_statements++].statement = *ret;
    return SQLITE_OK;
}

static int bind(sqlite3_stmt *statement, int i, const Value *value)
{
    switch (value->type) {
    case VALUE_INSTANT:
        if (value->integer == INSTANT_NONE)
            return sqlite3_bind_null(statement, i);
        return sqlite3_bind_int64(statement, i, value->integer);
    case VALUE_INTEGER:
        return sqlite3_bind_int64(statement, i, value->integer);
    case VALUE_TEXT:
        return sqlite3_bind_text(statement, i, value->text, -1, SQLITE_STATIC);
    default:
        return sqlite3_bind_blob64(statement, i, value->blob, value->size, SQLITE_STATIC);
    }
}

int database_query(Database *database, const char *sql, const Value *values, size_t n,
                   int (*row)(sqlite3_stmt *row, void *userdata), void *userdata)
{
    sqlite3_stmt *statement = NULL;
    int r = find_statement(database, sql, &statement);
    for (size_t i = 0; i < n && r == SQLITE_OK; i++)
        r = bind(statement, (int)i + 1, &values[i]);
    if (r == SQLITE_OK)
        while ((r = sqlite3_step(statement)) == SQLITE_ROW)
            if (row && (r = row(statement, userdata)) != SQLITE_OK)
                break;
    if (statement) {
        (void)sqlite3_reset(statement); /* repeats the step's result */
        (void)sqlite3_clear_bindings(statement);
    }
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

int database_run(Database *database, const char *sql, const Value *values, size_t n)
{
    return database_query(database, sql, values, n, NULL, NULL);
}

const char *column_text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

int column_word(sqlite3_stmt *row, int column, int (*from_string)(const char *))
{
    const char *text = column_text(row, column);
    return text ? from_string(text) : -1;
}

int64_t column_instant(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? INSTANT_NONE : sqlite3_column_int64(row, column);
}
