#pragma once

/* One turn of one endpoint on the wire: its name resolved, every address probed. */

#include <systemd/sd-event.h>

#include "probe/probe.h"

typedef struct ProbeRun ProbeRun;

/* So many addresses are probed at the same time. A name server decides how many there are, and each probe may
 * hold 128 KB of certificates. */
#define PROBE_RUN_AT_ONCE_MAX 8

typedef struct ProbeRunEvents {
    /* The name's addresses, before the first is probed; or n is 0 and error says why there are none, or why
     * none of them may be probed. Borrowed. Returns how many are probed, the first ones. */
    size_t (*resolved)(ProbeRun *run, const Address *addresses, size_t n, const char *error, void *userdata);

    /* One address is done. The observation is lent. */
    void (*observed)(ProbeRun *run, Observation *observation, void *userdata);

    /* All are done; comes last and once. May free the run. */
    void (*done)(ProbeRun *run, void *userdata);

    /* Whether this address is to be left alone this time; NULL: none is. */
    bool (*skips)(ProbeRun *run, const Address *address, void *userdata);

    /*
     * Whether to find out, in a connection of its own after one that fetched the certificate, if this address
     * does without TLS; and what came of it. Asked only where the endpoint's check_plaintext needs such a
     * connection.
     */
    bool (*checks)(ProbeRun *run, const Address *address, void *userdata);
    void (*checked)(ProbeRun *run, Observation *observation, void *userdata);

    /* As probe_authorises_fn; NULL: no server may. */
    probe_authorises_fn authorises;
} ProbeRunEvents;

typedef struct ProbeRunParams {
    Endpoint *endpoint;   /* the run takes a reference of its own */
    Pool *pool;           /* of certificates; borrowed */
    const char *password; /* copied, and wiped when the run is freed; NULL: none */
    /* Of the name and the first PROBE_RUN_AT_ONCE_MAX probes together, and again of each later probe and check.
     */
    uint64_t timeout_usec;
} ProbeRunParams;

/* events stays the caller's. */
int probe_run_new(ProbeRun **ret, sd_event *event, const ProbeRunParams *params, const ProbeRunEvents *events,
                  void *userdata);
void probe_run_free(ProbeRun *run);
CLEANUP_OF(ProbeRun, probe_run_free);
