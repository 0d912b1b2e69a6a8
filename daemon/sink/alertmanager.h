#pragma once

/* Alerts as the Alertmanager's API of version 2 takes them: POST /api/v2/alerts, an array of these. */

#include <jansson.h>

#include "model/transition.h"

/*
 * An alert's identity is in its labels, and the severity is one of them, since routes go by it: a change of
 * severity ends the alert of the others.
 *
 * Appends to the array what a transition changes: what stands now, and what does not any more. instance: this
 * host.
 */
void alertmanager_add(json_t *array, const Transition *transition, const char *instance, int64_t now);

/* What stands, again: an Alertmanager forgets what it is not told of from time to time. said: the severity as
 * which it is told. */
void alertmanager_repeat(json_t *array, SubjectKind about, const char *subject, const Finding *finding,
                         Severity said, const char *instance, int64_t now);
