#pragma once

#include "model/state.h"
#include "rules/rule.h"

#define FORECAST_DAYS 365 /* if nobody says until when */

/*
 * What is to come after now and until then (INSTANT_NONE: FORECAST_DAYS), if everything stays as it is: of
 * every certificate that some endpoint serves, and of trust stores. Pure.
 */
void forecast_make(const Snapshot *snapshot, const Policy *policy, int64_t now, int64_t until, Forecast *ret);
