#pragma once

/* Findings + what stands + now -> transitions. Pure. Something is said when it changes, and as a reminder. */

#include "model/alert.h"
#include "model/state.h"
#include "model/transition.h"

/*
 * Brings `standing` up to the findings of a subject, appends what is to be said to `transitions`, and notes in
 * each finding since when it stands. Warnings and worse are said again every remind_seconds. Whom the
 * transitions are about is left open: alert_of_endpoint() or alert_of() says it.
 */
void alert_update(AlertList *standing, FindingList *findings, int64_t remind_seconds, int64_t now,
                  TransitionList *transitions);

/* The subject is not watched any more: all that stands is resolved. */
void alert_resolve_all(AlertList *standing, int64_t now, TransitionList *transitions);

/* Writes into each of the transitions whom it is about, with what an endpoint serves. */
void alert_of_endpoint(TransitionList *transitions, const EndpointState *state);
void alert_of(TransitionList *transitions, SubjectKind about, const char *subject);

/* When the next reminder is due; INSTANT_NEVER if none is. */
int64_t alert_next(const AlertList *standing, int64_t remind_seconds);
