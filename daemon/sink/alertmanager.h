#pragma once

/* Alerts as the Alertmanager's API of version 2 takes them: POST /api/v2/alerts, an array of these. */

#include <stddef.h>
#include <stdint.h>

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

typedef enum AlertmanagerAnswer {
    ALERTMANAGER_TAKEN,
    ALERTMANAGER_REFUSED, /* for what was sent: it would be refused again, in whole or in part */
    ALERTMANAGER_FAILED,  /* for any other reason, which may pass */
} AlertmanagerAnswer;

/*
 * What an answer with this status and body means. Only an Alertmanager's own word is believed: a login page
 * with status 200 has taken nothing, and a proxy's 403 or 404 says nothing about the alerts.
 */
AlertmanagerAnswer alertmanager_read(unsigned status, const uint8_t *body, size_t size);

/* What stands, again: an Alertmanager forgets what it is not told of from time to time. said: the severity as
 * which it is told. */
void alertmanager_repeat(json_t *array, SubjectKind about, const char *subject, const Finding *finding,
                         Severity said, const char *instance, int64_t now);
