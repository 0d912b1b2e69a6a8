#pragma once

/* Findings + what stands + now -> transitions. Pure. Something is said when it changes, and as a reminder. */

#include "model/alert.h"
#include "model/state.h"
#include "model/transition.h"

/*
 * Brings `standing` up to the state's findings, appends what is to be said to `transitions`, and notes in each
 * finding since when it stands. Warnings and worse are said again every remind_seconds.
 */
void alert_update(AlertList *standing, EndpointState *state, int64_t remind_seconds, int64_t now,
                  TransitionList *transitions);

/* The endpoint is not watched any more: all that stands is resolved. */
void alert_resolve_all(AlertList *standing, const EndpointState *state, int64_t now,
                       TransitionList *transitions);

/* When the next reminder is due; INSTANT_NEVER if none is. */
int64_t alert_next(const AlertList *standing, int64_t remind_seconds);
