#pragma once

/*
 * One probe of one address: dial, preamble, handshake, farewell, under one deadline. Whatever the network or
 * the server does is an outcome in the Observation, never an error. Never logs, and does not own the loop.
 */

#include <systemd/sd-event.h>

#include "model/observation.h"

typedef struct Probe Probe;

/* Called once, from the loop and not from probe_new(). The observation is lent. May free the probe. */
typedef void (*probe_fn)(Probe *probe, Observation *observation, void *userdata);

/* Starts at once. password may be NULL. deadline_usec: CLOCK_BOOTTIME. */
int probe_new(Probe **ret, sd_event *event, Endpoint *endpoint, const Address *address, const char *password,
              uint64_t deadline_usec, probe_fn done, void *userdata);

/* Before it is done this hangs up in the middle, which MySQL counts: let it end if there is time. */
void probe_free(Probe *probe);
CLEANUP_OF(Probe, probe_free);
