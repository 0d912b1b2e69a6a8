#pragma once

#include <stdint.h>

/* Returns a number from 0 to limit - 1, and 0 for 0. For jitter: it is not to be relied on as a secret. */
uint64_t random_below(uint64_t limit);
