#pragma once

/* From when on something is a finding, and how bad: seconds. What the rotation law itself says is not in here.
 */

#include <stdint.h>

typedef struct Thresholds {
    int64_t expiring_warning;  /* before the end of a server's certificate, and of the CA that signs it */
    int64_t expiring_critical; /* the same */
    int64_t ca_notice;         /* before the end of a root */
    int64_t ca_warning;
    int64_t ca_critical;
    int64_t online_grace;    /* class online: after the window that should have brought the rotation */
    int64_t restart_warning; /* class restart: before the end */
    int64_t restart_critical;
    int64_t acm_warning; /* class acm: before the end */
    int64_t acm_critical;
} Thresholds;

extern const Thresholds thresholds_default;

/* Fills in what is 0 from the other ones. */
void thresholds_inherit(Thresholds *thresholds, const Thresholds *from);

/* What contradicts what: "expiring_critical is more than expiring_warning"; NULL if nothing does. Static. */
const char *thresholds_contradiction(const Thresholds *thresholds);
