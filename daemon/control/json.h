#pragma once

/* The nouns as JSON, as the status socket and `dbcertctl scan --json` print them. Each result is the caller's.
 */

#include <jansson.h>

#include "base/buffer.h"
#include "report/authorities.h"
#include "report/forecast.h"
#include "report/plan.h"

/*
 * Appends a part of an endpoint, from part 0 on; false: that was the last one. Each address is a part, since 64
 * of them with long chains are megabytes. der: each certificate also as it is, in hex.
 */
bool json_write_endpoint(Buffer *text, const EndpointState *state, size_t part, bool der);

/* Its name, severity, findings and end alone: what a plugin asks for. */
void json_write_verdict(Buffer *text, const EndpointState *state);

/* A finding with what it is about: the member "endpoint", null where another one has the name ("trust_store",
 * "bundle", "rds", "daemon"). */
void json_write_finding(Buffer *text, const SubjectView *subject, const Finding *finding);

json_t *json_of_endpoint(const EndpointState *state, bool der);

json_t *json_of_status(const Snapshot *snapshot);

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
