#pragma once

/*
 * One probe of one address: dial, preamble, handshake, farewell, under one deadline. Whatever the network or
 * the server does is an outcome in the Observation, never an error. Never logs, and does not own the loop.
 */

#include <systemd/sd-event.h>

#include "model/observation.h"
#include "pki/pool.h"

typedef struct Probe Probe;

typedef struct ProbeParams {
    Endpoint *endpoint; /* the probe takes a reference of its own */
    const Address *address;
    Pool *pool;             /* of certificates; borrowed */
    const char *password;   /* for farewell `login`; borrowed until the probe is freed, NULL: none */
    uint64_t deadline_usec; /* CLOCK_BOOTTIME */
    bool plaintext;         /* only find out whether the server does without TLS: no certificate comes of it */
    Plaintext claim;        /* for that: what the server said of itself in the probe before */
} ProbeParams;

/* Called once, from the loop and not from probe_new(). The observation is lent. May free the probe. */
typedef void (*probe_fn)(Probe *probe, Observation *observation, void *userdata);

/*
 * Whether a server that has shown this chain may be given what is made of a secret. On false *ret_reason says
 * why; the probe's to free.
 */
typedef bool (*probe_authorises_fn)(const Chain *chain, void *userdata, char **ret_reason);

/* Starts at once. */
int probe_new(Probe **ret, sd_event *event, const ProbeParams *params, probe_fn done,
              probe_authorises_fn authorises, void *userdata);

/* Before it is done this hangs up in the middle, which MySQL counts: let it end if there is time. */
void probe_free(Probe *probe);
CLEANUP_OF(Probe, probe_free);
