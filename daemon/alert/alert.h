#pragma once

/* Findings + what stands + now -> transitions. Pure. Something is said when it changes, and as a reminder. */

#include "base/instant.h"
#include "model/alert.h"
#include "model/state.h"
#include "model/transition.h"

/*
 * An alert that was raised so often within the period flaps, until it has not come back for as long: it then
 * counts as better only once it has been so for the hold, and coming back before that is no news.
 */
#define FLAP_RAISES 3
#define FLAP_PERIOD (1 * DAY)
#define FLAP_HOLD   (6 * HOUR)

/*
 * Brings `standing` up to the findings of a subject, appends what is to be said to `transitions`, and notes in
 * each finding since when it stands. Of what is pending or silenced nothing is said; when a silence ends, what
 * has changed meanwhile is. Warnings and worse are said again every remind_seconds. Whom the transitions are
 * about is left open: alert_of_endpoint() or alert_of() says it.
 */
void alert_update(AlertList *standing, FindingList *findings, int64_t remind_seconds, int64_t now,
                  TransitionList *transitions);

/*
 * Until what an earlier run has seen is evaluated again, what it made of it is what there is: writes that into
 * the findings, and into the severity of an endpoint's state.
 */
void alert_recall(const AlertList *standing, FindingList *findings);
void alert_recall_endpoint(const AlertList *standing, EndpointState *state);

/* The subject is not watched any more: all that was said of it is resolved. */
void alert_resolve_all(AlertList *standing, int64_t now, TransitionList *transitions);

/*
 * Writes into each of the transitions whom it is about, with what an endpoint serves: the CA of the verdict,
 * but of an event that of its own.
 */
void alert_of_endpoint(TransitionList *transitions, const EndpointState *state);
void alert_of(TransitionList *transitions, SubjectKind about, const char *subject);

/* When time alone asks for the next update: a reminder, a silence's end, the end of a hold. INSTANT_NEVER if
 * nothing does. */
int64_t alert_next(const AlertList *standing, int64_t remind_seconds, int64_t now);
