/* Silences, and what the RDS API said last: lists that are kept as they are. */

#include <string.h>

#include "base/alloc.h"
#include "store/alerts.h"
#include "store/discovered.h"
#include "store/store-internal.h"

const SilenceList *store_silences(const Store *store)
{
    return &store->silences;
}

int64_t store_silence(Store *store, Silence silence)
{
    silence.id = ++store->last_silence;
    silence_list_append(&store->silences, silence);
    if (store_is_kept(store))
        silence_write(store_open_batch(store), &silence);
    store_close_batch(store);
    return silence.id;
}

bool store_unsilence(Store *store, int64_t id)
{
    size_t i = 0;
    while (i < store->silences.n && store->silences.items[i].id != id)
        i++;
    if (i == store->silences.n)
        return false;
    silence_list_remove(&store->silences, i);
    if (store_is_kept(store))
        silence_remove(store_open_batch(store), id);
    store_close_batch(store);
    return true;
}

static bool is_of(const RdsEndpoint *endpoint, const char *source)
{
    return strcmp(endpoint->source, source) == 0;
}

void store_recall_discovered(const Store *store, const char *source, RdsInventory *ret)
{
    *ret = (RdsInventory) { 0 };
    for (size_t i = 0; i < store->discovered.n_endpoints; i++)
        if (is_of(&store->discovered.endpoints[i], source))
            rds_inventory_append(ret, rds_endpoint_copy(&store->discovered.endpoints[i]));
}

static const RdsEndpoint *find(const RdsInventory *inventory, const RdsEndpoint *like)
{
    if (inventory->n_endpoints == 0)
        return NULL;
    return bsearch(like, inventory->endpoints, inventory->n_endpoints, sizeof *like, rds_endpoint_compare);
}

/* What differs between two inventories of one source. */
static void write_difference(Store *store, const RdsInventory *before, const RdsInventory *now)
{
    for (size_t i = 0; i < before->n_endpoints; i++)
        if (!find(now, &before->endpoints[i]))
            discovered_remove(store_open_batch(store), &before->endpoints[i]);
    for (size_t i = 0; i < now->n_endpoints; i++) {
        const RdsEndpoint *was = find(before, &now->endpoints[i]);
        if (!was || !rds_endpoint_same(was, &now->endpoints[i]))
            discovered_write(store_open_batch(store), &now->endpoints[i]);
    }
}

void store_keep_discovered(Store *store, const char *source, const RdsInventory *inventory)
{
    RdsInventory before = { 0 }, others = { 0 };
    for (size_t i = 0; i < store->discovered.n_endpoints; i++) {
        const RdsEndpoint *e = &store->discovered.endpoints[i];
        rds_inventory_append(is_of(e, source) ? &before : &others, *e); /* moved */
    }
    store->discovered.n_endpoints = 0;
    rds_inventory_deinit(&store->discovered);
    for (size_t i = 0; i < inventory->n_endpoints; i++)
        rds_inventory_append(&others, rds_endpoint_copy(&inventory->endpoints[i]));
    store->discovered = others;
    if (store_is_kept(store))
        write_difference(store, &before, inventory);
    store_close_batch(store);
    rds_inventory_deinit(&before);
}

char **store_discovered_sources(const Store *store)
{
    char **sources = NULL;
    for (size_t i = 0; i < store->discovered.n_endpoints; i++)
        if (!strv_contains(sources, store->discovered.endpoints[i].source))
            strv_append(&sources, xstrdup(store->discovered.endpoints[i].source));
    return sources;
}
