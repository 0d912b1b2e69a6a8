#pragma once

/*
 * One probe run of one endpoint, from due to evaluated:
 *
 *     addresses -> probes -> observations -> facts and verification -> what happened -> (over) -> evaluation
 */

#include "monitor/endpoint-monitor.h"

/* Starts probing; monitor->on->over() is called when it has ended. Negative errno if it could not start. */
int endpoint_run_start(EndpointMonitor *monitor);

/* When the next run is due by what the latest has seen, CLOCK_BOOTTIME in microseconds. */
uint64_t endpoint_run_next(const EndpointMonitor *monitor);
