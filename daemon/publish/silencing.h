#pragma once

/* Silences, made and ended: each is in the journal, with who wanted it and why. */

#include "store/store.h"

/* What a silence covered, or is to cover, is to be evaluated again: subject, or everything if it is NULL. */
typedef void (*silencing_fn)(const char *subject, void *userdata);

/* Takes the silence; returns its id. changed is called before it returns, as by the others. */
int64_t silencing_add(Store *store, Silence silence, silencing_fn changed, void *userdata);

/* Ends it by hand; does nothing if there is none of that id. */
void silencing_end(Store *store, int64_t id, silencing_fn changed, void *userdata);

/* Ends those whose time is over. */
void silencing_expire(Store *store, int64_t now, silencing_fn changed, void *userdata);

/* When the next one is over; INSTANT_NEVER: there is none. */
int64_t silencing_wakes_at(const Store *store);
