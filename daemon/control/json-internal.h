#pragma once

/* What the files of json.h share: values, and members of objects. Each result is the caller's. */

#include <jansson.h>
#include <stdint.h>

#include "model/certificate.h"
#include "model/finding.h"

/* NULL is null. Escapes what base/escape.h escapes, except newlines. */
json_t *json_of_text(const char *value);

/* RFC 3339; null for INSTANT_NONE and INSTANT_NEVER. */
json_t *json_of_instant(int64_t value);

/* Ends with NULL; may be NULL itself. */
json_t *json_of_list(const char *const *values);

json_t *json_of_certificate(const Certificate *certificate);

json_t *json_of_steps(const StepList *steps);

json_t *json_of_findings(const FindingList *findings);

/* Takes value. */
void json_put(json_t *object, const char *key, json_t *value);
