#pragma once

/* What the files of json.h share; a key is NULL inside an array. */

#include "base/buffer.h"
#include "control/json-text.h"
#include "model/certificate.h"
#include "model/finding.h"

/* Ends with NULL; may be NULL itself. */
void json_write_list(Buffer *text, const char *key, const char *const *values);

/* null if it is not known. */
void json_write_truth(Buffer *text, const char *key, bool known, bool value);

/* Of an object that was begun. der: also the certificate as it is, in hex. */
void json_write_certificate_members(Buffer *text, const Certificate *certificate, bool der);

void json_write_steps(Buffer *text, const char *key, const StepList *steps);
void json_write_findings(Buffer *text, const char *key, const FindingList *findings);
