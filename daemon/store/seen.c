#include "store/seen.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
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

/* "BEFORE NOW INSTANT;..." */
static char *replacements_text(const AddressState *address)
{
    Buffer text = { 0 };
    for (size_t i = 0; address->replacements && i < REPLACEMENTS_KEPT; i++)
        if (address->replacements[i].at > 0)
            buffer_printf(&text, "%s %s %lld;", address->replacements[i].before, address->replacements[i].now,
                          (long long)address->replacements[i].at);
    return text.size > 0 ? buffer_take_text(&text) : NULL;
}

static void read_replacements(const char *text, AddressState *address)
{
    size_t n = 0;
    for (int length; text && n < REPLACEMENTS_KEPT; text += length) {
        Replacement r = { 0 };
        long long at;
        length = 0;
        if (sscanf(text, "%64[^ ;] %64[^ ;] %lld;%n", r.before, r.now, &at, &length) != 3 || length == 0)
            return;
        r.at = at;
        if (!address->replacements)
            address->replacements = xcalloc(REPLACEMENTS_KEPT, sizeof *address->replacements);
        address->replacements[n++] = r;
    }
}

/* seen: the row of the certificate that was last seen there. */
static void write_row(const EndpointState *state, const AddressState *a, const char *replacements,
                      const char *shown, int64_t seen, Value row[N_COLUMNS])
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
        row[COLUMN_SEEN] = seen ? INTEGER(seen) : nothing;
        row[COLUMN_SEEN].passing = true; /* its fingerprint is looked at instead */
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

/* Of all that would be written, the passing aside. */
static uint64_t digest_of(const EndpointState *state)
{
    Buffer text = { 0 };
    _cleanup_free_ char *server = server_of(state);
    buffer_printf(&text, "%s %u %s;", server, state->unresolved.n,
                  state->unresolved.n > 0 ? state->unresolved_detail : "");
    for (size_t i = 0; i < state->n_addresses; i++) {
        const AddressState *a = &state->addresses[i];
        Value row[N_COLUMNS];
        _cleanup_free_ char *replacements = replacements_text(a);
        write_row(state, a, replacements, NULL, 0, row);
        for (size_t j = 0; j < N_COLUMNS; j++)
            digest_value(&text, &row[j]);
        for (size_t j = 0; a->seen && j < a->seen->chain.n; j++)
            buffer_printf(&text, "%s;", a->seen->chain.certificates[j]->sha256);
    }
    _cleanup_free_ char *all = buffer_take_text(&text);
    return text_hash(all);
}

bool seen_differs(const EndpointState *state)
{
    return digest_of(state) != state->kept_digest;
}

static int get_id(sqlite3_stmt *row, void *userdata)
{
    *(int64_t *)userdata = sqlite3_column_int64(row, 0);
    return SQLITE_OK;
}

/* The row of a certificate; makes it if there is none. */
static int keep_certificate(Database *db, const Certificate *c, int64_t *ret)
{
    *ret = 0;
    int r = database_run(db, "INSERT INTO certificate (sha256, der) VALUES (?, ?) ON CONFLICT DO NOTHING",
                         VALUES(TEXT(c->sha256), BLOB(c->der, c->der_size)));
    if (r == SQLITE_OK)
        r = database_query(db, "SELECT id FROM certificate WHERE sha256 = ?", VALUES(TEXT(c->sha256)), get_id,
                           ret);
    return r;
}

/* As far as all of it is kept. */
static int keep_chain(Database *db, const Chain *chain, int64_t *ret_server)
{
    int r = keep_certificate(db, chain->certificates[0], ret_server);
    if (r == SQLITE_OK)
        r = database_run(db, "DELETE FROM chain WHERE server = ?", VALUES(INTEGER(*ret_server)));
    for (size_t i = 1; i < chain->n && chain->certificates[i]->der && r == SQLITE_OK; i++) {
        int64_t id;
        r = keep_certificate(db, chain->certificates[i], &id);
        if (r == SQLITE_OK)
            r = database_run(db, "INSERT INTO chain VALUES (?, ?, ?)",
                             VALUES(INTEGER(*ret_server), INTEGER(i), INTEGER(id)));
    }
    return r;
}

/* Its chain, and that it was served until then. Nothing, where its own certificate is not kept. */
static int keep_served(Database *db, const EndpointState *state, const Observation *o, int64_t *ret_server)
{
    *ret_server = 0;
    if (!o->chain.certificates[0]->der)
        return SQLITE_OK;
    int r = keep_chain(db, &o->chain, ret_server);
    if (r != SQLITE_OK)
        return r;
    return database_run(db,
                        "INSERT INTO served VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO UPDATE SET first_seen = "
                        "min(first_seen, ?4), last_seen = max(last_seen, ?4)",
                        VALUES(TEXT(state->endpoint->name), TEXT(o->address.text), INTEGER(*ret_server),
                               INTEGER(o->observed_at)));
}

static int keep_address(Database *db, const EndpointState *state, const AddressState *a)
{
    int64_t seen = 0;
    Value row[N_COLUMNS];
    _cleanup_free_ char *replacements = replacements_text(a),
                        *shown = a->shown ? shown_to_text(a->shown) : NULL;
    int r = a->seen ? keep_served(db, state, a->seen, &seen) : SQLITE_OK;
    if (r != SQLITE_OK)
        return r;
    write_row(state, a, replacements, shown, seen, row);
    return database_run(db,
                        "INSERT INTO address VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                        "?, ?, ?, ?, ?, ?, ?)",
                        row, N_COLUMNS);
}

int seen_write(Database *db, EndpointState *state, const Observation *replaced, int64_t now)
{
    int64_t ignored;
    _cleanup_free_ char *server = server_of(state);
    const Streak *unresolved = &state->unresolved;
    bool any = unresolved->n > 0;
    int r = database_run(db, "INSERT OR REPLACE INTO endpoint VALUES (?, ?, ?, ?, ?, ?, ?)",
                         VALUES(TEXT(state->endpoint->name), TEXT(server), INTEGER(unresolved->n),
                                INSTANT(any ? unresolved->first_at : INSTANT_NONE),
                                INSTANT(any ? state->unresolved_at : INSTANT_NONE),
                                TEXT(any ? state->unresolved_detail : NULL), INTEGER(now)));
    if (r == SQLITE_OK && replaced)
        r = replaced->chain.certificates[0]->der
                ? keep_served(db, state, replaced, &ignored)
                : surplus_note(db, state->endpoint->name, replaced->observed_at);
    if (r == SQLITE_OK)
        r = database_run(db, "DELETE FROM address WHERE endpoint = ?", VALUES(TEXT(state->endpoint->name)));
    for (size_t i = 0; i < state->n_addresses && r == SQLITE_OK; i++)
        r = keep_address(db, state, &state->addresses[i]);
    if (r == SQLITE_OK && state->n_kept++ % SURPLUS_INTERVAL == 0)
        r = surplus_remove(db, state->endpoint->name);
    if (r == SQLITE_OK) {
        state->kept_digest = digest_of(state);
        state->kept_at = now;
    }
    return r;
}

static int touch_address(Database *db, const char *name, const AddressState *a)
{
    const Observation *latest = a->latest, *o = a->seen;
    int r = database_run(db,
                         "UPDATE address SET observed_at = ?, duration_usec = ?, seen_at = ?, plaintext_at = ? "
                         "WHERE endpoint = ? AND address = ?",
                         VALUES(INSTANT(latest->observed_at), INTEGER(latest->duration_usec),
                                INSTANT(o ? o->observed_at : INSTANT_NONE), INSTANT(a->plaintext_at),
                                TEXT(name), TEXT(a->address.text)));
    if (r == SQLITE_OK && o)
        r = database_run(
            db,
            "UPDATE served SET last_seen = max(last_seen, ?1) WHERE endpoint = ?2 AND address = ?3 AND "
            "server = (SELECT seen FROM address WHERE endpoint = ?2 AND address = ?3)",
            VALUES(INTEGER(o->observed_at), TEXT(name), TEXT(a->address.text)));
    return r;
}

int seen_touch(Database *db, EndpointState *state, int64_t now)
{
    const char *name = state->endpoint->name;
    int r =
        database_run(db, "UPDATE endpoint SET kept_at = ? WHERE name = ?", VALUES(INTEGER(now), TEXT(name)));
    for (size_t i = 0; i < state->n_addresses && r == SQLITE_OK; i++)
        if (state->addresses[i].latest)
            r = touch_address(db, name, &state->addresses[i]);
    if (r == SQLITE_OK)
        state->kept_at = now;
    return r;
}

/* What is read back, of one endpoint. */
typedef struct Recall {
    Database *db;
    const SeenReader *reader;
    EndpointState *state;
    char *server; /* that the rows are of */
    Chain chain;  /* that was read last */
    History *history;
} Recall;

/* The columns are DER and fingerprint. One bit that has changed on the disk would be another certificate, and
 * its successor a rotation that never was. */
static int on_certificate(sqlite3_stmt *row, void *userdata)
{
    Recall *recall = userdata;
    Certificate *certificate = NULL;
    const void *der = sqlite3_column_blob(row, 0);
    int size = sqlite3_column_bytes(row, 0);
    const char *sha256 = column_text(row, 1);
    bool server = recall->chain.n == 0;
    if (!der || size <= 0 ||
        recall->reader->read(der, (size_t)size, server, &certificate, recall->reader->userdata) < 0)
        return SQLITE_CORRUPT;
    chain_append(&recall->chain, certificate);
    return sha256 && strcmp(sha256, certificate->sha256) == 0 ? SQLITE_OK : SQLITE_CORRUPT;
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
    read_replacements(column_text(row, COLUMN_REPLACEMENTS), a);
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
        endpoint_state_forget(state); /* another server, or half of it: it starts anew */
    else
        state->kept_digest = digest_of(state);
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

int seen_history(Database *db, const SeenReader *reader, const char *name, History *ret)
{
    Recall recall = { .db = db, .reader = reader, .history = ret };
    int r = database_query(db,
                           "SELECT address, server, first_seen, last_seen FROM served WHERE endpoint = ? ORDER "
                           "BY address, first_seen, last_seen",
                           VALUES(TEXT(name)), on_served, &recall);
    if (r == SQLITE_OK)
        r = surplus_read(db, name, ret);
    chain_deinit(&recall.chain);
    return r;
}

int seen_forget(Database *db, int64_t before)
{
    const Value values[] = { INTEGER(before) };
    static const char *const statements[] = {
        "DELETE FROM address WHERE endpoint IN (SELECT name FROM endpoint WHERE kept_at < ?)",
        "DELETE FROM endpoint WHERE kept_at < ?",
        "DELETE FROM served WHERE last_seen < ? AND NOT EXISTS (SELECT * FROM address WHERE address.endpoint = "
        "served.endpoint AND seen = server)",
    };
    int r = SQLITE_OK;
    for (size_t i = 0; i < ARRAY_SIZE(statements) && r == SQLITE_OK; i++)
        r = database_run(db, statements[i], values, ARRAY_SIZE(values));
    if (r == SQLITE_OK)
        r = surplus_forget(db, before);
    if (r == SQLITE_OK)
        r = database_run(db, "DELETE FROM chain WHERE server NOT IN (SELECT server FROM served)", NO_VALUES);
    if (r == SQLITE_OK)
        r = database_run(db,
                         "DELETE FROM certificate WHERE id NOT IN (SELECT server FROM served UNION SELECT "
                         "certificate FROM chain)",
                         NO_VALUES);
    return r;
}
