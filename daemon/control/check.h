#pragma once

/* The line of a plugin for Nagios, Icinga and their kind (Monitoring Plugins Development Guidelines), with
 * performance data. What is silenced is left out. */

#include "report/snapshot.h"

/* What each line begins with; then OK, WARNING, CRITICAL or UNKNOWN. */
#define CHECK_PREFIX "DBCERTD "

/* Of one endpoint, or of all with what is found besides. The caller frees. */
char *check_one(const EndpointState *state, int64_t now);
char *check_all(const Snapshot *snapshot, int64_t now);
