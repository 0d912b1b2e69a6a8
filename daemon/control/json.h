#pragma once

/* The nouns as JSON, as the status socket and `dbcertctl scan --json` print them. Each result is the caller's.
 */

#include <jansson.h>

#include "model/state.h"

/* der: each certificate also as it is, in hex. */
json_t *json_of_endpoint(const EndpointState *state, bool der);
json_t *json_of_status(const Snapshot *snapshot);

/* A finding with the name of its endpoint, for lists over many. */
json_t *json_of_endpoint_finding(const EndpointState *state, const Finding *finding);

/* The same of a trust store (member "trust_store"), a bundle ("bundle") or the daemon ("daemon"). */
json_t *json_of_other_finding(const char *member, const char *subject, const Finding *finding);

json_t *json_of_authorities(const AuthorityUses *uses);
json_t *json_of_rds(const Snapshot *snapshot);
json_t *json_of_trust(const Snapshot *snapshot);
json_t *json_of_plan(const Plan *plan);
json_t *json_of_forecast(const Forecast *forecast);
json_t *json_of_history(const char *endpoint, const History *history);
json_t *json_of_silence(const Silence *silence);

/* A member that is a text, borrowed; "" if there is none. */
const char *json_text_of(const json_t *object, const char *key);

/* { "error": { "code", "message" } } */
json_t *json_of_error(const char *code, const char *message);
