#pragma once

/* One endpoint, with what is known of it, what is found, and its place in the schedule. */

#include "monitor/context.h"
#include "probe/probe-run.h"
#include "schedule/schedule.h"

typedef struct EndpointMonitor EndpointMonitor;

typedef struct EndpointMonitorEvents {
    /* How many of its n addresses, at least 1, may be probed. */
    size_t (*admit)(EndpointMonitor *monitor, size_t n);

    /* It shows another certificate or chain than before, or is looked at for the first time. */
    void (*shows)(EndpointMonitor *monitor);

    /* Its probe run has ended; it may be freed by this. */
    void (*over)(EndpointMonitor *monitor);

    /* It was evaluated: a probe is wanted by state->look_at. */
    void (*evaluated)(EndpointMonitor *monitor);

    /* When the source of the RDS API that has it answered last; INSTANT_NONE: not since the start. */
    int64_t (*answered_at)(const EndpointMonitor *monitor);
} EndpointMonitorEvents;

struct EndpointMonitor {
    Subject subject;
    const Context *context;
    EndpointState *state;
    Slot slot;
    ProbeRun *probe_run;   /* of the run that is under way; NULL: none */
    TransitionList events; /* what happened in it, to be said when it is over */
    int64_t n_runs;        /* that are over */
    bool retired;          /* out of the configuration: nothing is said of it any more */
    bool force;            /* the run probes blocked addresses too: somebody asked */
    bool recalled; /* what is known of it is from before this start: until a run is over, nothing is said */
    bool farewell_failing;   /* said once, until a farewell works again */
    size_t n_more_addresses; /* beyond its first: its part of what all have */
    bool cut;                /* said once: it has more addresses than may be probed */
    const EndpointMonitorEvents *on;
    void *owner;
};

EndpointMonitor *endpoint_monitor_new(const Context *context, Endpoint *endpoint,
                                      const EndpointMonitorEvents *events, void *owner);
void endpoint_monitor_free(EndpointMonitor *monitor);

/* What its chains are verified against; NULL: nothing. */
const Bundle *endpoint_monitor_bundle(const EndpointMonitor *monitor);

/* Verifies what was seen at the address, if that was not done or is another chain or bundle. */
void endpoint_monitor_verify(EndpointMonitor *monitor, AddressState *address);
