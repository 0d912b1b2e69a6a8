#include "store/store.h"

#include <string.h>

#include "base/alloc.h"

typedef struct Entry {
    uint64_t hash;
    char *endpoint;
    AlertList alerts;
} Entry;

struct Store {
    Entry **entries;
    size_t n_entries;
    TransitionList outbox;
    size_t n_delivered; /* at the outbox's head */
};

Store *store_new(void)
{
    return xcalloc(1, sizeof(Store));
}

static void entry_free(Entry *entry)
{
    alert_list_deinit(&entry->alerts);
    free(entry->endpoint);
    free(entry);
}

void store_free(Store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->n_entries; i++)
        entry_free(store->entries[i]);
    free(store->entries);
    transition_list_deinit(&store->outbox);
    free(store);
}

AlertList *store_alerts(Store *store, const char *endpoint)
{
    uint64_t hash = text_hash(endpoint);
    for (size_t i = 0; i < store->n_entries; i++)
        if (store->entries[i]->hash == hash && strcmp(store->entries[i]->endpoint, endpoint) == 0)
            return &store->entries[i]->alerts;
    Entry *entry = xcalloc(1, sizeof *entry);
    entry->hash = hash;
    entry->endpoint = xstrdup(endpoint);
    store->entries = xgrow(store->entries, store->n_entries, sizeof(Entry *));
    store->entries[store->n_entries++] = entry;
    return &entry->alerts;
}

/* Nothing stands any more: the endpoint may be gone from the configuration for good. */
static void forget_if_empty(Store *store, const char *endpoint)
{
    for (size_t i = 0; i < store->n_entries; i++) {
        Entry *entry = store->entries[i];
        if (entry->alerts.n > 0 || strcmp(entry->endpoint, endpoint) != 0)
            continue;
        entry_free(entry);
        store->entries[i] = store->entries[--store->n_entries];
        return;
    }
}

int store_commit(Store *store, const char *endpoint, TransitionList *transitions)
{
    for (size_t i = 0; i < transitions->n; i++)
        transition_list_append(&store->outbox, transitions->items[i]);
    transitions->n = 0; /* what the items held is the outbox's now */
    forget_if_empty(store, endpoint);
    return 0;
}

const Transition *store_undelivered(const Store *store)
{
    return store->n_delivered < store->outbox.n ? &store->outbox.items[store->n_delivered] : NULL;
}

void store_delivered(Store *store)
{
    if (++store->n_delivered < store->outbox.n)
        return;
    transition_list_deinit(&store->outbox);
    store->n_delivered = 0;
}
