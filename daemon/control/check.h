#pragma once

/* The line of a plugin for Nagios, Icinga and their kind (Monitoring Plugins Development Guidelines), with
 * performance data. */

#include <jansson.h>
#include <stdint.h>

enum {
    PLUGIN_OK,
    PLUGIN_WARNING,
    PLUGIN_CRITICAL,
    PLUGIN_UNKNOWN,
};

/* Of one endpoint, or of all with what is found besides, as the status socket has them. What is silenced is
 * left out. ret_status: the plugin's. The caller frees. */
char *check_one(const json_t *endpoint, int64_t now, int *ret_status);
char *check_all(const json_t *endpoints, const json_t *findings, int64_t now, int *ret_status);
