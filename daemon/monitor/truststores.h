#pragma once

/*
 * The trust stores of clients on this host: each is read again when its file changes, and evaluated by whether
 * it accepts what the endpoints serve and will serve. That takes a step for each endpoint: it is done in
 * slices, from the loop.
 */

#include "model/trust.h"
#include "monitor/endpoints.h"

typedef struct TrustStores TrustStores;

/* context and endpoints stay the caller's. Begins to read those of the configuration. Nobody knows of them
 * before trust_stores_start(). */
int trust_stores_new(TrustStores **ret, const Context *context, const Endpoints *endpoints);
void trust_stores_free(TrustStores *all);
CLEANUP_OF(TrustStores, trust_stores_free);

/* Those of the configuration before are gone: from now on these are what is monitored. */
void trust_stores_start(TrustStores *all);

/* Something that stores are evaluated by has changed: they are, soon. */
void trust_stores_touch(TrustStores *all);

/* And now, if they are to be: somebody asks. */
void trust_stores_settle(TrustStores *all);

/* In the order of the configuration; borrowed. */
TrustStoreState *const *trust_stores_states(const TrustStores *all, size_t *ret_n);
