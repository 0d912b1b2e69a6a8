#pragma once

/* What the daemon has to say about itself: whether it can tell the time, and keep what it knows. */

#include "model/finding.h"

#define DAEMON_NAME "dbcertd" /* as the subject of such findings */

typedef enum ClockTrust {
    CLOCK_UNKNOWN, /* the kernel does not say */
    CLOCK_SYNCHRONISED,
    CLOCK_UNSYNCHRONISED,
} ClockTrust;

typedef struct DaemonState {
    ClockTrust clock;
    int64_t uptime_seconds; /* of the host */
    char *database;         /* the path of what is kept */
    char **damaged;         /* files that were set aside and still lie there */
    char *unwritable;       /* why nothing can be kept; NULL: it can */

    /* What the rules made of it. */
    FindingList findings;
    bool clock_waits; /* nothing may be evaluated by this clock */
} DaemonState;

void daemon_state_deinit(DaemonState *self);
