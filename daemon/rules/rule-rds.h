#pragma once

/* Findings of what the RDS API is asked. Pure, like rule.h. */

#include "model/discovery.h"

/* Makes the findings of a source anew. */
void rule_evaluate_rds_source(RdsSourceState *state, int64_t now);
