#pragma once

/* The daemon about itself: its clock, and what it keeps. */

#include "model/self.h"

/* Makes the verdict anew: findings, and whether the clock is to be waited for. */
void rule_evaluate_daemon(SelfState *self, int64_t now);
