#pragma once

/*
 * Facts + law + now -> findings. Pure: the same state and the same now give the same verdict. Every comparison
 * with now goes through one function, which so learns when time alone will change the verdict.
 */

#include "model/state.h"
#include "rds/catalogue.h"

typedef struct Policy {
    int64_t unreachable_after; /* failed probes in a row before silence is a finding */
    const Catalogue *catalogue;
    int64_t rds_answered_at; /* when the RDS API last said what the endpoint says of it; INSTANT_NONE: not in
                                this run */
} Policy;

/* Makes the verdict of a state anew: findings (without `since`), severity, rotation, changes_at. */
void rule_evaluate_endpoint(EndpointState *state, const Policy *policy, int64_t now);
