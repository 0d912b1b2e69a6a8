#pragma once

/* Transitions and the daemon's own events into the journal, with MESSAGE_ID, PRIORITY and the DBCERTD_ fields.
 */

#include "model/transition.h"

/* Explained in systemd/dbcertd.catalog, like the findings. */
typedef enum DaemonEvent {
    EVENT_STARTED,
    EVENT_RELOADED,
    EVENT_RELOAD_FAILED,
    EVENT_STOPPING,
    EVENT_FAREWELL_FAILED,
    EVENT_CONNECTIONS_COUNTED,
    EVENT_CHECK_FAILED,
    EVENT_DISCOVERED,
    EVENT_RETIRED,
    EVENT_SILENCED,
    EVENT_SILENCE_ENDED,
} DaemonEvent;

/*
 * One journal entry; where standard error is not the journal, the same line there too. Several are of one
 * finding, one severity and one kind: then the entry has a field for each one's subject, all their
 * identities in one, and for the rest speaks of all. For whom it has no room there, entries of priority 6
 * follow. Negative errno if the journal does not take it now: -EAGAIN, as for what else will pass; nothing was
 * written.
 */
int journal_deliver(const Transition *const *transitions, size_t n);

void journal_event(DaemonEvent event, const char *format, ...) _printf_(2, 3);
