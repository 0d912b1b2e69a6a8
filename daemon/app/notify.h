#pragma once

/*
 * What systemd is notified of (sd_notify(3)), without waiting for it: what its socket does not take stays here
 * until it does. And its watchdog, which is fed while the event loop runs.
 */

#include <systemd/sd-event.h>

#include "base/macro.h"

typedef struct Notifier Notifier;

/* Without $NOTIFY_SOCKET all of it does nothing. */
int notifier_new(Notifier **ret, sd_event *event);
void notifier_free(Notifier *notifier);

void notify_ready(Notifier *notifier);
void notify_reloading(Notifier *notifier, uint64_t monotonic_usec);
void notify_stopping(Notifier *notifier);
void notify_status(Notifier *notifier, const char *status); /* the latest one counts */
