#include "store/seen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "store/replacements.h"
#include "store/surplus.h"

/* The columns of `address`, in their order. */
enum {
    COLUMN_ENDPOINT,
    COLUMN_ADDRESS,
    COLUMN_GONE,
    COLUMN_OBSERVED_AT,
    COLUMN_DURATION,
    COLUMN_OUTCOME,
    COLUMN_STAGE,
    COLUMN_DETAIL,
    COLUMN_SERVER_ERROR,
    COLUMN_NO_ROUTE,
    COLUMN_WAS_COUNTED,
    COLUMN_FAILURES,
    COLUMN_FAILING_SINCE,
    COLUMN_SEEN,
    COLUMN_SEEN_AT,
    COLUMN_TLS_VERSION,
    COLUMN_TLS_CIPHER,
    COLUMN_TLS_GROUP,
    COLUMN_TLS_ALPN,
    COLUMN_TLS_AGE,
    COLUMN_CLAIM,
    COLUMN_PLAINTEXT,
    COLUMN_PLAINTEXT_AT,
    COLUMN_COUNTED,
    COLUMN_REPLACEMENTS,
    COLUMN_SHOWN,
    N_COLUMNS
};

static const Value nothing = { .type = VALUE_TEXT };

/* "orders.example:5432": what is remembered is of this server. */
static char *server_of(const EndpointState *state)
{
    return xasprintf("%s:%lld", state->endpoint->host, (long long)state->endpoint->port);
}

static void write_row(const EndpointState *state, const AddressState *a, const char *replacements,
                      const char *shown, Value row[N_COLUMNS])
{
    const Observation *latest = a->latest, *o = a->seen;
    for (size_t i = 0; i < N_COLUMNS; i++)
        row[i] = nothing;
    row[COLUMN_ENDPOINT] = TEXT(state->endpoint->name);
    row[COLUMN_ADDRESS] = TEXT(a->address.text);
    row[COLUMN_GONE] = INTEGER(a->gone);
    row[COLUMN_SHOWN] =
        PASSING(TEXT(shown)); /* what it says changes with the certificate, or does not matter */
    row[COLUMN_SERVER_ERROR] = INTEGER(latest ? latest->server_error : 0);
    row[COLUMN_NO_ROUTE] = INTEGER(latest && latest->no_route);
    row[COLUMN_WAS_COUNTED] = INTEGER(latest && latest->counted);
    row[COLUMN_FAILURES] = INTEGER(a->failures.n);
    row[COLUMN_FAILING_SINCE] = INSTANT(a->failures.n > 0 ? a->failures.first_at : INSTANT_NONE);
    row[COLUMN_PLAINTEXT] = TEXT(plaintext_to_string(a->plaintext));
    row[COLUMN_PLAINTEXT_AT] = PASSING(INSTANT(a->plaintext_at)); /* TDS says it with every probe */
    row[COLUMN_COUNTED] = INTEGER(a->counted);
    row[COLUMN_REPLACEMENTS] = TEXT(replacements);
    if (latest) {
        row[COLUMN_OBSERVED_AT] = PASSING(INSTANT(latest->observed_at));
        row[COLUMN_DURATION] = PASSING(INTEGER(latest->duration_usec));
        row[COLUMN_OUTCOME] = TEXT(outcome_to_string(latest->outcome));
        row[COLUMN_STAGE] = TEXT(stage_to_string(latest->stage));
        row[COLUMN_DETAIL] = TEXT(latest->detail);
    }
    if (o) {
        row[COLUMN_SEEN] = PASSING(TEXT(o->chain.certificates[0]->sha256)); /* digest_of() has all of them */
        row[COLUMN_SEEN_AT] = PASSING(INSTANT(o->observed_at));
        row[COLUMN_TLS_VERSION] = TEXT(o->tls_version);
        row[COLUMN_TLS_CIPHER] = TEXT(o->tls_cipher);
        row[COLUMN_TLS_GROUP] = TEXT(o->tls_group);
        row[COLUMN_TLS_ALPN] = TEXT(o->tls_alpn);
        row[COLUMN_TLS_AGE] = INTEGER(o->tls_age);
        row[COLUMN_CLAIM] = TEXT(plaintext_to_string(o->claim));
    }
}

static void digest_value(Buffer *text, const Value *value)
{
    if (value->passing)
        return;
    if (value->type == VALUE_TEXT)
        buffer_printf(text, "%s%c", value->text ? value->text : "", value->text ? 1 : 2);
    else
        buffer_printf(text, "%lld%c", (long long)value->integer, 1);
}

/* Of all that would be written of an address, the passing aside. */
static uint64_t digest_of_address(const EndpointState *state, const AddressState *a)
{
    Buffer text = { 0 };
    Value row[N_COLUMNS];
    _cleanup_free_ char *replacements = replacements_text(a);
    write_row(state, a, replacements, NULL, row);
    for (size_t i = 0; i < N_COLUMNS; i++)
        digest_value(&text, &row[i]);
    for (size_t i = 0; a->seen && i < a->seen->chain.n; i++)
        buffer_printf(&text, "%s;", a->seen->chain.certificates[i]->sha256);
    _cleanup_free_ char *all = buffer_take_text(&text);
    return text_hash(all);
}

/* written: by the digests of its addresses that were last written. */
static uint64_t digest_of(const EndpointState *state, bool written)
{
    Buffer text = { 0 };
    _cleanup_free_ char *server = server_of(state);
    buffer_printf(&text, "%s %u %s;", server, state->unresolved.n,
                  state->unresolved.n > 0 ? state->unresolved_detail : "");
    for (size_t i = 0; i < state->n_addresses; i++) {
        const AddressState *a = &state->addresses[i];
        buffer_printf(&text, "%" PRIx64 ";", written ? a->kept_digest : digest_of_address(state, a));
    }
    _cleanup_free_ char *all = buffer_take_text(&text);
    return text_hash(all);
}

/* The digests of its addresses are noted already. */
static void note_written(EndpointState *state)
{
    state->kept_digest = digest_of(state, true);
    state->kept_set = endpoint_state_hash_addresses(state);
}

bool seen_differs(const EndpointState *state)
{
    return digest_of(state, false) != state->kept_digest;
}

#define ROW_OF_CERTIFICATE(n) "(SELECT id FROM certificate WHERE sha256 = ?" #n ")"

static void keep_certificate(Batch *batch, const Certificate *c)
{
    batch_add(batch, "INSERT INTO certificate (sha256, der) VALUES (?, ?) ON CONFLICT DO NOTHING",
              VALUES(TEXT(c->sha256), BLOB(c->der, c->der_size)));
}

static void keep_chain(Batch *batch, const Chain *chain)
{
    const char *server = chain->certificates[0]->sha256;
    keep_certificate(batch, chain->certificates[0]);
    batch_add(batch, "DELETE FROM chain WHERE server = " ROW_OF_CERTIFICATE(1), VALUES(TEXT(server)));
    for (size_t i = 1; i < chain->n && chain->certificates[i]->der; i++) {
        keep_certificate(batch, chain->certificates[i]);
        batch_add(batch, "INSERT INTO chain VALUES (" ROW_OF_CERTIFICATE(1) ", ?2, " ROW_OF_CERTIFICATE(3) ")",
                  VALUES(TEXT(server), INTEGER(i), TEXT(chain->certificates[i]->sha256)));
    }
}

/* Its chain, and that it was served until then. Nothing, where its own certificate is not kept. */
static void keep_served(Batch *batch, const EndpointState *state, const Observation *o)
{
    if (!o->chain.certificates[0]->der)
        return;
    keep_chain(batch, &o->chain);
    batch_add(batch,
              "INSERT INTO served VALUES (?1, ?2, " ROW_OF_CERTIFICATE(
                  3) ", ?4, ?4) ON CONFLICT DO UPDATE SET "
                     "first_seen = min(first_seen, ?4), last_seen = max(last_seen, ?4)",
              VALUES(TEXT(state->endpoint->name), TEXT(o->address.text), TEXT(o->chain.certificates[0]->sha256),
                     INTEGER(o->observed_at)));
}

static void keep_address(Batch *batch, const EndpointState *state, const AddressState *a)
{
    Value row[N_COLUMNS];
    _cleanup_free_ char *replacements = replacements_text(a),
                        *shown = a->shown ? shown_to_text(a->shown) : NULL;
    if (a->seen)
        keep_served(batch, state, a->seen);
    write_row(state, a, replacements, shown, row);
    batch_add(
        batch,
        "INSERT OR REPLACE INTO address VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " ROW_OF_CERTIFICATE(
            14) ", ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row, N_COLUMNS);
}

/* Those that have changed; all of them if there are others than before: of 64 that a probe run looks at one
 * after the other, each would be written 64 times. */
static void keep_addresses(Batch *batch, EndpointState *state)
{
    const bool whole = state->kept_set != endpoint_state_hash_addresses(state);
    if (whole)
        batch_add(batch, "DELETE FROM address WHERE endpoint = ?", VALUES(TEXT(state->endpoint->name)));
    for (size_t i = 0; i < state->n_addresses; i++) {
        AddressState *a = &state->addresses[i];
        uint64_t digest = digest_of_address(state, a);
        if (whole || a->kept_digest != digest)
            keep_address(batch, state, a);
        a->kept_digest = digest;
    }
}

void seen_write(Batch *batch, EndpointState *state, const Observation *replaced, int64_t now)
{
    _cleanup_free_ char *server = server_of(state);
    const Streak *unresolved = &state->unresolved;
    bool any = unresolved->n > 0;
    batch_add(batch, "INSERT OR REPLACE INTO endpoint VALUES (?, ?, ?, ?, ?, ?, ?)",
              VALUES(TEXT(state->endpoint->name), TEXT(server), INTEGER(unresolved->n),
                     INSTANT(any ? unresolved->first_at : INSTANT_NONE),
                     INSTANT(any ? state->unresolved_at : INSTANT_NONE),
                     TEXT(any ? state->unresolved_detail : NULL), INTEGER(now)));
    if (replaced && replaced->chain.certificates[0]->der)
        keep_served(batch, state, replaced);
    else if (replaced)
        surplus_note(batch, state->endpoint->name, replaced->observed_at);
    keep_addresses(batch, state);
    if (state->n_kept++ % SURPLUS_INTERVAL == 0)
        surplus_remove(batch, state->endpoint->name);
    note_written(state);
    state->kept_at = now;
}

void seen_write_whole(Batch *batch, EndpointState *state, int64_t now)
{
    state->kept_set = 0;
    seen_write(batch, state, NULL, now);
}

static void touch_address(Batch *batch, const char *name, const AddressState *a)
{
    const Observation *latest = a->latest, *o = a->seen;
    batch_add(batch,
              "UPDATE address SET observed_at = ?, duration_usec = ?, seen_at = ?, plaintext_at = ? "
              "WHERE endpoint = ? AND address = ?",
              VALUES(INSTANT(latest->observed_at), INTEGER(latest->duration_usec),
                     INSTANT(o ? o->observed_at : INSTANT_NONE), INSTANT(a->plaintext_at), TEXT(name),
                     TEXT(a->address.text)));
    if (o)
        batch_add(batch,
                  "UPDATE served SET last_seen = max(last_seen, ?1) WHERE endpoint = ?2 AND address = ?3 AND "
                  "server = (SELECT seen FROM address WHERE endpoint = ?2 AND address = ?3)",
                  VALUES(INTEGER(o->observed_at), TEXT(name), TEXT(a->address.text)));
}

void seen_touch(Batch *batch, EndpointState *state, int64_t now)
{
    const char *name = state->endpoint->name;
    batch_add(batch, "UPDATE endpoint SET kept_at = ? WHERE name = ?", VALUES(INTEGER(now), TEXT(name)));
    for (size_t i = 0; i < state->n_addresses; i++)
        if (state->addresses[i].latest)
            touch_address(batch, name, &state->addresses[i]);
    state->kept_at = now;
}

/* What is read back, of one endpoint. */
typedef struct Recall {
    Database *db;
    const SeenReader *reader; /* NULL: certificates stay DER */
    EndpointState *state;
    char *server; /* that the rows are of */
    Chain chain;  /* that was read last */
    History *history;
} Recall;

/* One bit that has changed on the disk would be another certificate, and its successor a rotation that never
 * was. */
static int read_certificate(const SeenReader *reader, const void *der, size_t size, const char *sha256,
                            Chain *chain)
{
    Certificate *certificate = NULL;
    if (!der || size == 0 || reader->read(der, size, chain->n == 0, &certificate, reader->userdata) < 0)
        return SQLITE_CORRUPT;
    chain_append(chain, certificate);
    return sha256 && strcmp(sha256, certificate->sha256) == 0 ? SQLITE_OK : SQLITE_CORRUPT;
}

/* The columns are DER and fingerprint. */
static int on_certificate(sqlite3_stmt *row, void *userdata)
{
    Recall *recall = userdata;
    const void *der = sqlite3_column_blob(row, 0);
    size_t size = (size_t)sqlite3_column_bytes(row, 0);
    if (recall->reader)
        return read_certificate(recall->reader, der, size, column_text(row, 1), &recall->chain);
    Certificate *unread = certificate_new();
    unread->der = xmemdup(der, size);
    unread->der_size = size;
    unread->sha256 = xstrdup(column_text(row, 1));
    chain_append(&recall->chain, unread);
    return SQLITE_OK;
}

/* The server's own first, as it was sent. */
static int read_chain(Recall *recall, int64_t server)
{
    Database *db = recall->db;
    chain_deinit(&recall->chain);
    int r = database_query(db, "SELECT der, sha256 FROM certificate WHERE id = ?", VALUES(INTEGER(server)),
                           on_certificate, recall);
    if (r != SQLITE_OK || recall->chain.n == 0)
        return r == SQLITE_OK ? SQLITE_CORRUPT : r;
    return database_query(db,
                          "SELECT der, sha256 FROM chain JOIN certificate ON id = certificate WHERE server = ? "
                          "ORDER BY position",
                          VALUES(INTEGER(server)), on_certificate, recall);
}

/* Words of a table that a newer dbcertd may have made: those that are not known count as the first one. */
static unsigned word(sqlite3_stmt *row, int column, int (*from_string)(const char *))
{
    int value = column_word(row, column, from_string);
    return value < 0 ? 0 : (unsigned)value;
}

static Observation *read_latest(sqlite3_stmt *row, const Address *address)
{
    Observation *o = observation_new(address);
    o->outcome = word(row, COLUMN_OUTCOME, outcome_from_string);
    o->stage = word(row, COLUMN_STAGE, stage_from_string);
    o->detail = xstrdup(column_text(row, COLUMN_DETAIL));
    o->observed_at = column_instant(row, COLUMN_OBSERVED_AT);
    o->duration_usec = (uint64_t)sqlite3_column_int64(row, COLUMN_DURATION);
    o->server_error = (unsigned)sqlite3_column_int(row, COLUMN_SERVER_ERROR);
    o->no_route = sqlite3_column_int(row, COLUMN_NO_ROUTE) != 0;
    o->counted = sqlite3_column_int(row, COLUMN_WAS_COUNTED) != 0;
    return o;
}

/* Takes the chain that was read. */
static void read_tls(sqlite3_stmt *row, Chain *chain, Observation *o)
{
    o->tls_version = xstrdup(column_text(row, COLUMN_TLS_VERSION));
    o->tls_cipher = xstrdup(column_text(row, COLUMN_TLS_CIPHER));
    o->tls_group = xstrdup(column_text(row, COLUMN_TLS_GROUP));
    o->tls_alpn = xstrdup(column_text(row, COLUMN_TLS_ALPN));
    o->tls_age = (unsigned)sqlite3_column_int(row, COLUMN_TLS_AGE) % (TLS_AGE_OLD_VERSION + 1);
    o->claim = word(row, COLUMN_CLAIM, plaintext_from_string);
    o->chain = *chain;
    *chain = (Chain) { 0 };
}

static void read_memory(sqlite3_stmt *row, AddressState *a)
{
    a->gone = sqlite3_column_int(row, COLUMN_GONE) != 0;
    a->failures.n = (unsigned)sqlite3_column_int(row, COLUMN_FAILURES);
    a->failures.first_at = sqlite3_column_int64(row, COLUMN_FAILING_SINCE);
    a->plaintext = word(row, COLUMN_PLAINTEXT, plaintext_from_string);
    a->plaintext_at = column_instant(row, COLUMN_PLAINTEXT_AT);
    a->counted = (unsigned)sqlite3_column_int(row, COLUMN_COUNTED);
    replacements_read(column_text(row, COLUMN_REPLACEMENTS), a);
    const char *shown = column_text(row, COLUMN_SHOWN);
    free(a->shown);
    a->shown = shown ? shown_from_text(shown) : NULL;
}

/* What was seen last is the latest observation, too, unless a failed one came after it. */
static int on_address(sqlite3_stmt *row, void *userdata)
{
    Recall *recall = userdata;
    Address address;
    const char *text = column_text(row, COLUMN_ADDRESS);
    bool was_seen = sqlite3_column_type(row, COLUMN_SEEN) != SQLITE_NULL;
    int64_t seen_at = column_instant(row, COLUMN_SEEN_AT);
    if (!text || address_parse(text, (uint16_t)recall->state->endpoint->port, &address) < 0)
        return SQLITE_CORRUPT;
    int r = was_seen ? read_chain(recall, sqlite3_column_int64(row, COLUMN_SEEN)) : SQLITE_OK;
    if (r != SQLITE_OK)
        return r;

    AddressState *a = endpoint_state_add(recall->state, &address);
    if (column_text(row, COLUMN_OUTCOME))
        a->latest = read_latest(row, &address);
    if (was_seen) {
        bool same = a->latest && a->latest->observed_at == seen_at;
        a->seen = same ? observation_ref(a->latest) : observation_new(&address);
        a->seen->observed_at = seen_at;
        read_tls(row, &recall->chain, a->seen);
    }
    read_memory(row, a);
    a->kept_digest = digest_of_address(recall->state, a);
    return SQLITE_OK;
}

static int on_endpoint(sqlite3_stmt *row, void *userdata)
{
    Recall *recall = userdata;
    EndpointState *state = recall->state;
    recall->server = xstrdup(column_text(row, 1));
    state->unresolved.n = (unsigned)sqlite3_column_int(row, 2);
    state->unresolved.first_at = sqlite3_column_int64(row, 3);
    state->unresolved_at = sqlite3_column_int64(row, 4);
    free(state->unresolved_detail);
    state->unresolved_detail = xstrdup(column_text(row, 5));
    state->kept_at = sqlite3_column_int64(row, 6);
    return SQLITE_OK;
}

bool seen_same_server(const EndpointState *a, const EndpointState *b)
{
    return strcmp(a->endpoint->host, b->endpoint->host) == 0 && a->endpoint->port == b->endpoint->port;
}

int seen_recall(Database *db, const SeenReader *reader, EndpointState *state)
{
    Recall recall = { .db = db, .reader = reader, .state = state };
    _cleanup_free_ char *server = server_of(state);
    int r = database_query(db, "SELECT * FROM endpoint WHERE name = ?", VALUES(TEXT(state->endpoint->name)),
                           on_endpoint, &recall);
    bool same = recall.server && strcmp(recall.server, server) == 0;
    free(recall.server);
    if (r == SQLITE_OK && same)
        r = database_query(db, "SELECT * FROM address WHERE endpoint = ?", VALUES(TEXT(state->endpoint->name)),
                           on_address, &recall);
    if (r != SQLITE_OK || !same)
        endpoint_state_forget(state); /* another server, or half of it: it starts empty */
    else
        note_written(state);
    chain_deinit(&recall.chain);
    return r;
}

static int on_served(sqlite3_stmt *row, void *userdata)
{
    Recall *recall = userdata;
    int r = read_chain(recall, sqlite3_column_int64(row, 1));
    if (r != SQLITE_OK)
        return r;
    history_append(recall->history, (HistoryLine) {
                                        .address = xstrdup(column_text(row, 0)),
                                        .chain = recall->chain,
                                        .first_seen = sqlite3_column_int64(row, 2),
                                        .last_seen = sqlite3_column_int64(row, 3),
                                        .age = INSTANT_NONE,
                                    });
    recall->chain = (Chain) { 0 };
    return SQLITE_OK;
}

int seen_history(Database *db, const char *name, History *ret)
{
    Recall recall = { .db = db, .history = ret };
    int r = database_query(db,
                           "SELECT address, server, first_seen, last_seen FROM served WHERE endpoint = ? ORDER "
                           "BY address, first_seen, last_seen",
                           VALUES(TEXT(name)), on_served, &recall);
    if (r == SQLITE_OK)
        r = surplus_read(db, name, ret);
    chain_deinit(&recall.chain);
    return r;
}

static int read_chain_of(const SeenReader *reader, HistoryLine *line)
{
    Chain read = { 0 };
    int r = SQLITE_OK;
    for (size_t i = 0; i < line->chain.n && r == SQLITE_OK; i++) {
        const Certificate *c = line->chain.certificates[i];
        r = read_certificate(reader, c->der, c->der_size, c->sha256, &read);
    }
    chain_deinit(&line->chain);
    line->chain = read;
    return r;
}

int seen_read_history(const SeenReader *reader, History *history)
{
    for (size_t i = 0; i < history->n; i++) {
        int r = read_chain_of(reader, &history->items[i]);
        if (r == SQLITE_OK)
            continue;
        for (; history->n > i; history->n--)
            history_line_deinit(&history->items[history->n - 1]);
        return r;
    }
    return SQLITE_OK;
}

void seen_forget(Batch *batch, int64_t before)
{
    static const char *const statements[] = {
        "DELETE FROM address WHERE endpoint IN (SELECT name FROM endpoint WHERE kept_at < ?)",
        "DELETE FROM endpoint WHERE kept_at < ?",
        "DELETE FROM served WHERE last_seen < ? AND NOT EXISTS (SELECT * FROM address WHERE address.endpoint = "
        "served.endpoint AND seen = server)",
    };
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
        batch_add(batch, statements[i], VALUES(INTEGER(before)));
    surplus_forget(batch, before);
    batch_add(batch, "DELETE FROM chain WHERE server NOT IN (SELECT server FROM served)", NO_VALUES);
    batch_add(batch,
              "DELETE FROM certificate WHERE id NOT IN (SELECT server FROM served UNION SELECT certificate "
              "FROM chain)",
              NO_VALUES);
}
