#pragma once

/*
 * A trust store of a client on this host, as it was last read. Its file may be anybody's, so it is opened, read
 * and parsed beside the loop; until that was done once, nothing is known of it.
 */

#include "base/worker.h"
#include "model/trust.h"
#include "monitor/audit.h"

/*
 * What the certificates of all stores may take together: an eighth of the unit's MemoryMax. 20 stores of 300
 * certificates each take some 10 MB, one of BUNDLE_CERTIFICATES_MAX as RDS has them 8 MB.
 */
#define STORES_BYTES_MAX (32 * 1024 * 1024)

typedef struct WatchedStore WatchedStore;

/* config is borrowed; password, NULL if none is known, is copied. */
WatchedStore *watched_store_new(const TrustStore *config, const char *password, sd_event *event, Worker *worker,
                                void (*read)(WatchedStore *store, void *userdata), void *userdata);
void watched_store_free(WatchedStore *store);
CLEANUP_OF(WatchedStore, watched_store_free);

/*
 * Looks at the file, and reads it if it is another one than before: then read() is called, from the loop.
 * Watches its directory for touched(), if that can be watched and is not yet.
 */
void watched_store_look(WatchedStore *store);
void watched_store_watch(WatchedStore *store, void (*touched)(void *userdata));

/* Lets go of the largest until the others fit into STORES_BYTES_MAX. To be called when one was read. */
void watched_stores_fit(WatchedStore **stores, size_t n);

/* Borrowed. The bundle is NULL until the file was read once; what was read stays where it cannot be read any
 * more: its clients have read it, too. */
TrustStoreState *watched_store_state(WatchedStore *store);
const Bundle *watched_store_bundle(const WatchedStore *store);
Audit *watched_store_audit(WatchedStore *store);

/* Whether it was looked at, with whatever result. */
bool watched_store_is_known(const WatchedStore *store);
