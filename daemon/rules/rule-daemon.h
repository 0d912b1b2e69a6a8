#pragma once

/* The daemon about itself: its clock, and what it keeps. */

#include "model/daemon-state.h"

/* Makes the verdict anew: findings, and whether the clock is to be waited for. */
void rule_evaluate_daemon(DaemonState *self, int64_t now);
