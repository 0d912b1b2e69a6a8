#pragma once

/* The nouns as JSON, as the status socket and `dbcertctl scan --json` print them: appended to a
 * text, without white space. */

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

/* A finding with what it is about: the member "endpoint", null where another one has the name ("trust_store",
 * "bundle", "rds", "daemon"). */
void json_write_finding(Buffer *text, const SubjectView *subject, const Finding *finding);

/* The whole endpoint, read again; the caller's. */
json_t *json_of_endpoint(const EndpointState *state, bool der);

void json_write_status(Buffer *text, const Snapshot *snapshot);
void json_write_authorities(Buffer *text, const AuthorityUses *uses);
void json_write_rds(Buffer *text, const Snapshot *snapshot);
void json_write_trust(Buffer *text, const Snapshot *snapshot);
void json_write_plan(Buffer *text, const Plan *plan);
void json_write_forecast(Buffer *text, const Forecast *forecast);
void json_write_history(Buffer *text, const char *endpoint, const History *history);
void json_write_silence(Buffer *text, const Silence *silence);
void json_write_silences(Buffer *text, const SilenceList *silences);

/* { "error": { "code", "message" } } */
void json_write_error(Buffer *text, const char *code, const char *message);

/* For whoever reads: a member that is a text, borrowed; "" if there is none. */
const char *json_text_of(const json_t *object, const char *key);
