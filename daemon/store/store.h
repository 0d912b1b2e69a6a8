#pragma once

/*
 * What outlives a turn: which alerts stand, and what is still to be delivered. In memory as yet; whoever uses
 * it commits first and delivers afterwards, so that it can become durable behind this header.
 */

#include "base/macro.h"
#include "model/alert.h"
#include "model/transition.h"

typedef struct Store Store;

Store *store_new(void);
void store_free(Store *store);
CLEANUP_OF(Store, store_free);

/* What stands of an endpoint: the store's, to be changed in place and then committed. */
AlertList *store_alerts(Store *store, const char *endpoint);

/* Makes the endpoint's alerts and the transitions durable together. Takes what the list holds. */
int store_commit(Store *store, const char *endpoint, TransitionList *transitions);

/* The oldest transition that is not delivered yet; borrowed, NULL if there is none. */
const Transition *store_undelivered(const Store *store);
void store_delivered(Store *store);
