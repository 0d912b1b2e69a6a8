#pragma once

/* The nouns as JSON, as the status socket and `dbcertctl scan --json` print them. Each result is the caller's.
 */

#include <jansson.h>

#include "model/state.h"

json_t *json_of_endpoint(const EndpointState *state);
json_t *json_of_status(const Snapshot *snapshot);

/* A finding with the name of its endpoint, for lists over many. */
json_t *json_of_endpoint_finding(const EndpointState *state, const Finding *finding);

/* { "error": { "code", "message" } } */
json_t *json_of_error(const char *code, const char *message);
