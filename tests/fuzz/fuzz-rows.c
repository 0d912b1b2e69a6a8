/*
 * What is in the rows of the state file, whatever that is: a file that is whole may still hold what no dbcertd
 * has written. The input is rows: the number of a table, then a value for each of its columns: a byte for its
 * type, and behind an integer 8 bytes, behind a text or a blob 2 bytes of length and so many.
 */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "pki/facts.h"
#include "store/alerts.h"
#include "store/discovered.h"
#include "store/store-internal.h"

#define COLUMNS_MAX 32
#define ROWS_MAX    64

typedef struct Input {
    const uint8_t *at, *end;
} Input;

static int read_certificate(const uint8_t *der, size_t size, bool server _unused_, Certificate **ret,
                            void *userdata _unused_)
{
    return certificate_from_der(der, size, ret);
}

/* In memory, and the same for all runs. */
static Store *store_once(void)
{
    static Store *store;
    char *words = NULL;
    if (store)
        return store;
    int r = store_open(&store, NULL, read_certificate, NULL, 1, &words);
    assert(r == 0);
    return store;
}

static uint64_t take_integer(Input *in, size_t bytes)
{
    uint64_t value = 0;
    for (; bytes > 0 && in->at < in->end; bytes--)
        value = value << 8 | *in->at++;
    return value;
}

/* The text is a copy with its end: *owned frees it. */
static Value take_value(Input *in, char **owned)
{
    uint8_t type = (uint8_t)take_integer(in, 1) % 4;
    if (type == 0)
        return TEXT(NULL);
    if (type == 1)
        return INTEGER(take_integer(in, 8));
    size_t size = take_integer(in, 2), left = (size_t)(in->end - in->at);
    if (size > left)
        size = left;
    const uint8_t *bytes = in->at;
    in->at += size;
    if (type == 3)
        return BLOB(bytes, size);
    *owned = xstrndup((const char *)bytes, size);
    return TEXT(*owned);
}

/* A row that the table does not take is none. */
static void insert(Database *db, Input *in)
{
    static const struct {
        const char *sql;
        size_t n;
    } tables[] = {
        { "INSERT OR REPLACE INTO certificate VALUES (?, ?, ?)", 3 },
        { "INSERT OR REPLACE INTO chain VALUES (?, ?, ?)", 3 },
        { "INSERT OR REPLACE INTO served VALUES (?, ?, ?, ?, ?)", 5 },
        { "INSERT OR REPLACE INTO endpoint VALUES (?, ?, ?, ?, ?, ?, ?)", 7 },
        { "INSERT OR REPLACE INTO address VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, ?, "
          "?, ?, ?)",
          25 },
        { "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", 18 },
        { "INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?)",
          21 },
        { "INSERT OR REPLACE INTO posting VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?)",
          21 },
        { "INSERT OR REPLACE INTO silence VALUES (?, ?, ?, ?, ?, ?, ?)", 7 },
        { "INSERT OR REPLACE INTO discovered VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, "
          "?, ?, ?)",
          23 },
    };
    Value values[COLUMNS_MAX] = { 0 };
    char *owned[COLUMNS_MAX] = { 0 };
    size_t table = take_integer(in, 1) % ARRAY_SIZE(tables);
    for (size_t i = 0; i < tables[table].n; i++)
        values[i] = take_value(in, &owned[i]);
    (void)database_run(db, tables[table].sql, values, tables[table].n);
    for (size_t i = 0; i < tables[table].n; i++)
        free(owned[i]);
}

static void empty(Database *db)
{
    static const char *const statements[] = {
        "DELETE FROM certificate", "DELETE FROM chain",      "DELETE FROM served", "DELETE FROM endpoint",
        "DELETE FROM address",     "DELETE FROM alert",      "DELETE FROM outbox", "DELETE FROM posting",
        "DELETE FROM silence",     "DELETE FROM discovered",
    };
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
        int r = database_run(db, statements[i], NO_VALUES);
        assert(r == SQLITE_OK);
    }
}

static void on_alert(SubjectKind about _unused_, const char *subject, Alert alert, void *userdata)
{
    AlertList *alerts = userdata;
    char *kept = steps_write(&alert.finding.steps);
    StepList again = steps_read(kept);
    char *twice = steps_write(&again);
    assert(subject && alert.finding.message && strcmp(kept, twice) == 0);
    steps_deinit(&again);
    free(kept);
    free(twice);
    assert(alert.finding.id < N_FINDINGS && alert.finding.severity < N_SEVERITIES);
    alert_list_append(alerts, alert);
}

static void write_transitions(Batch *batch, Outbox box, const TransitionList *list)
{
    for (size_t i = 0; i < list->n; i++) {
        assert(list->items[i].subject && list->items[i].finding.message);
        outbox_write(batch, box, &list->items[i]);
        outbox_remove(batch, box, list->items[i].id);
    }
}

static void write_discovered(Batch *batch, const RdsInventory *inventory)
{
    for (size_t i = 0; i < inventory->n_endpoints; i++) {
        discovered_write(batch, &inventory->endpoints[i]);
        discovered_remove(batch, &inventory->endpoints[i]);
    }
}

static void write_silences(Batch *batch, const SilenceList *silences)
{
    for (size_t i = 0; i < silences->n; i++) {
        silence_write(batch, &silences->items[i]);
        silence_remove(batch, silences->items[i].id);
    }
}

/* What could be read can be written, and goes again. */
static void read_and_write_lists(Database *db)
{
    AlertList alerts = { 0 };
    TransitionList transitions[N_OUTBOXES] = { 0 };
    SilenceList silences = { 0 };
    RdsInventory inventory = { 0 };
    (void)alerts_read(db, on_alert, &alerts);
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        (void)outbox_read(db, box, &transitions[box]);
    (void)silences_read(db, &silences);
    (void)discovered_read(db, &inventory);
    _cleanup_(batch_freep) Batch *batch = batch_new();
    alerts_clear(batch); /* outboxes and silences, too */
    alerts_write(batch, SUBJECT_ENDPOINT, "orders", &alerts);
    for (Outbox box = 0; box < N_OUTBOXES; box++) {
        write_transitions(batch, box, &transitions[box]);
        transition_list_deinit(&transitions[box]);
    }
    write_silences(batch, &silences);
    write_discovered(batch, &inventory);
    int r = batch_run(batch, db);
    assert(r == SQLITE_OK);
    rds_inventory_deinit(&inventory);
    silence_list_deinit(&silences);
    alert_list_deinit(&alerts);
}

static void read_endpoint(Store *store)
{
    History history = { 0 };
    Endpoint *endpoint = endpoint_new();
    endpoint->name = xstrdup("orders");
    endpoint->host = xstrdup("orders.example");
    endpoint->port = 5432;
    endpoint->engine = engine_find("postgres");
    endpoint->engine_name = xstrdup("postgres");
    EndpointState *state = endpoint_state_new(endpoint);
    Database *db = store->disk->db;
    _cleanup_(batch_freep) Batch *batch = batch_new();
    if (seen_recall(db, &store->reader, state) == SQLITE_OK)
        for (size_t i = 0; i < state->n_addresses; i++)
            assert(!state->addresses[i].seen || state->addresses[i].seen->chain.n > 0);
    (void)seen_history(db, "orders", &history);
    (void)seen_read_history(&store->reader, &history);
    for (size_t i = 0; i < history.n; i++)
        assert(history.items[i].chain.n > 0);
    seen_write(batch, state, NULL, 2);
    seen_forget(batch, 3);
    if (batch_run(batch, db) != SQLITE_OK)
        (void)database_run(db, "ROLLBACK", NO_VALUES);
    history_deinit(&history);
    endpoint_state_free(state);
    endpoint_unref(endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Store *store = store_once();
    Input in = { data, data + size };
    for (size_t i = 0; i < ROWS_MAX && in.at < in.end; i++)
        insert(store->disk->db, &in);
    read_and_write_lists(store->disk->db);
    read_endpoint(store);
    empty(store->disk->db);
    return 0;
}
