#pragma once

/* Tells the Alertmanager: what is new, in order and until it has taken it, and each minute what stands. */

#include <systemd/sd-event.h>

#include "base/macro.h"
#include "base/url.h"
#include "store/store.h"

typedef struct Posting Posting;

/* store is borrowed. Until it is configured, nobody is told. */
int posting_new(Posting **ret, sd_event *event, Store *store);
void posting_free(Posting *posting);
CLEANUP_OF(Posting, posting_free);

/*
 * Whom to tell from now on; NULL: nobody. Both are borrowed until the next call. What was known of the one
 * before is forgotten, also if it is the same: its configuration may have been mended.
 */
void posting_configure(Posting *posting, const Url *alertmanager, const char *credential);

/* held: nothing is told, until it is false again. At first it is. */
void posting_hold(Posting *posting, bool held);

/* There is something to tell. */
void posting_soon(Posting *posting);
