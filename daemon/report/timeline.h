#pragma once

#include "model/history.h"
#include "model/state.h"
#include "rds/catalogue.h"

/*
 * Fills in what follows from the rest: CA, age at rotation, and which are current, seen last by the latest
 * probe. state: NULL if the endpoint is not watched any more.
 */
void timeline_complete(History *history, const EndpointState *state, const Catalogue *catalogue);
