#pragma once

/* The daemon about itself: its clock, and what it keeps. */

#include "model/self.h"

/* Makes the verdict anew: findings, and whether the clock is to be waited for. */
void judge_self(SelfState *self, int64_t now);
