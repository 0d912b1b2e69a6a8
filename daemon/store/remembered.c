#include "store/remembered.h"

#include <string.h>

#include "base/alloc.h"

void remembered_deinit(Remembered *remembered)
{
    for (size_t i = 0; i < remembered->n; i++)
        endpoint_state_free(remembered->states[i]);
    free(remembered->states);
    *remembered = (Remembered) { 0 };
}

/* Where one of that name is, or would be. */
static size_t place_of(const Remembered *remembered, const char *name, bool *ret_found)
{
    size_t low = 0, high = remembered->n;
    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(remembered->states[middle]->endpoint->name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static EndpointState *take_at(Remembered *remembered, size_t i)
{
    EndpointState *state = remembered->states[i];
    memmove(&remembered->states[i], &remembered->states[i + 1],
            (--remembered->n - i) * sizeof(EndpointState *));
    return state;
}

static void forget_oldest(Remembered *remembered)
{
    size_t oldest = 0;
    for (size_t i = 1; i < remembered->n; i++)
        if (remembered->states[i]->kept_at < remembered->states[oldest]->kept_at)
            oldest = i;
    endpoint_state_free(take_at(remembered, oldest));
}

/* Takes the state. */
static void insert(Remembered *remembered, EndpointState *state)
{
    bool found;
    if (remembered->n == REMEMBERED_MAX)
        forget_oldest(remembered);
    size_t i = place_of(remembered, state->endpoint->name, &found);
    if (found)
        endpoint_state_free(take_at(remembered, i));
    remembered->states = xgrow(remembered->states, remembered->n, sizeof(EndpointState *));
    memmove(&remembered->states[i + 1], &remembered->states[i],
            (remembered->n++ - i) * sizeof(EndpointState *));
    remembered->states[i] = state;
}

static void move(EndpointState *to, EndpointState *from)
{
    to->addresses = TAKE(from->addresses);
    to->n_addresses = from->n_addresses;
    to->unresolved = from->unresolved;
    to->unresolved_detail = TAKE(from->unresolved_detail);
    to->unresolved_at = from->unresolved_at;
    to->kept_digest = from->kept_digest;
    to->kept_set = from->kept_set;
    to->kept_at = from->kept_at;
    from->n_addresses = 0;
}

void remembered_take(Remembered *remembered, EndpointState *state)
{
    bool found;
    size_t i = place_of(remembered, state->endpoint->name, &found);
    if (!found)
        return;
    _cleanup_(endpoint_state_freep) EndpointState *was = take_at(remembered, i);
    if (seen_same_server(was, state))
        move(state, was);
}

/* Leaves the verification out: it is made again. */
static AddressState copy_of(const AddressState *address)
{
    AddressState copy = *address;
    copy.latest = address->latest ? observation_ref(address->latest) : NULL;
    copy.seen = address->seen ? observation_ref(address->seen) : NULL;
    copy.verification = (Verification) { 0 };
    copy.changed_at = INSTANT_NONE;
    copy.shown = address->shown ? xmemdup(address->shown, sizeof *copy.shown) : NULL;
    copy.replacements =
        address->replacements ? xmemdup(address->replacements, REPLACEMENTS_KEPT * sizeof(Replacement)) : NULL;
    return copy;
}

/* All that tells one server from another. */
static EndpointState *state_of(const char *name, const char *host, int64_t port)
{
    _cleanup_(endpoint_unrefp) Endpoint *endpoint = endpoint_new();
    endpoint->name = xstrdup(name);
    endpoint->host = xstrdup(host);
    endpoint->port = port;
    return endpoint_state_new(endpoint);
}

void remembered_put(Remembered *remembered, const EndpointState *state)
{
    const Endpoint *endpoint = state->endpoint;
    if (state->n_addresses == 0 && state->unresolved.n == 0)
        return;
    EndpointState *copy = state_of(endpoint->name, endpoint->host, endpoint->port);
    for (size_t i = 0; i < state->n_addresses; i++) {
        copy->addresses = xgrow(copy->addresses, i, sizeof *copy->addresses);
        copy->addresses[copy->n_addresses++] = copy_of(&state->addresses[i]);
    }
    copy->unresolved = state->unresolved;
    copy->unresolved_detail = xstrdup(state->unresolved_detail);
    copy->unresolved_at = state->unresolved_at;
    copy->kept_digest = state->kept_digest;
    copy->kept_set = state->kept_set;
    copy->kept_at = state->kept_at;
    insert(remembered, copy);
}

void remembered_forget(Remembered *remembered, int64_t before)
{
    for (size_t i = remembered->n; i-- > 0;)
        if (remembered->states[i]->kept_at < before)
            endpoint_state_free(take_at(remembered, i));
}

typedef struct Reading {
    Database *database;
    const SeenReader *reader;
    Remembered *remembered;
} Reading;

/* The columns are the name and "HOST:PORT". */
static int on_endpoint(sqlite3_stmt *row, void *userdata)
{
    const Reading *reading = userdata;
    const char *name = column_text(row, 0);
    _cleanup_free_ char *host = xstrdup(column_text(row, 1));
    char *colon = host ? strrchr(host, ':') : NULL;
    if (!name || !colon)
        return SQLITE_OK; /* it is of no server that could be watched */
    *colon = 0;
    _cleanup_(endpoint_state_freep) EndpointState *state = state_of(name, host, strtoll(colon + 1, NULL, 10));
    int r = seen_recall(reading->database, reading->reader, state);
    if (r == SQLITE_OK)
        insert(reading->remembered, TAKE(state));
    return r;
}

int remembered_read(Database *database, const SeenReader *reader, Remembered *ret)
{
    Reading reading = { .database = database, .reader = reader, .remembered = ret };
    return database_query(
        database,
        "SELECT name, server FROM (SELECT * FROM endpoint ORDER BY kept_at DESC LIMIT " STRINGIFY(
            REMEMBERED_MAX) ") ORDER BY name",
        NO_VALUES, on_endpoint, &reading);
}
