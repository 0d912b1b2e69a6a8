#pragma once

/* A made-up endpoint and what is seen of it, for rules, alerts and JSON. */

#include "model/state.h"
#include "rules/rule.h"

#define BEGIN_TEXT "2026-01-01T00:00:00Z"
#define END_TEXT   "2027-01-01T00:00:00Z"

/* "orders", PostgreSQL in us-east-1, rds-ca-rsa2048-g1, window sun:05:00-sun:06:00, nothing seen yet. */
EndpointState *scene_new(void);

/* A g1 certificate of these dates is fetched at an address, with intermediate and root; all verifies. */
void scene_fetch(EndpointState *state, const char *address, const char *not_before, const char *not_after);

/* What a bundle would make of what was seen there: all is well, and the path is what was sent. */
void scene_verify(AddressState *address);

/*
 * Made-up certificates have no DER, and a store keeps nothing else of them: this writes all that they have in
 * its place, and the other reads it again.
 */
void scene_seal(Certificate *certificate);
int scene_read(const uint8_t *der, size_t size, bool server, Certificate **ret, void *userdata);

/* A probe fails. */
void scene_fail(EndpointState *state, const char *address, Outcome outcome, const char *now);

/* Judges at an instant, with unreachable_after = 3. */
void scene_evaluate(EndpointState *state, int64_t now);

/* "rotation-due=notice rotation-overdue=warning": what the findings are, in order. Static. */
const char *scene_findings(const EndpointState *state);
