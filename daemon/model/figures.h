#pragma once

/* What was counted since the start, for /metrics. */

#include "model/engine.h"
#include "model/observation.h"

#define FIGURES_ENGINES_MAX 32 /* more than there are */

/* Upper bounds of the buckets, rising. */
#define N_FIGURES_BOUNDS 13
extern const uint64_t figures_bounds_msec[N_FIGURES_BOUNDS];

typedef struct Figures {
    uint64_t probes[FIGURES_ENGINES_MAX][N_OUTCOMES]; /* by the engine's place in engines[] */
    uint64_t durations[N_FIGURES_BOUNDS];             /* of one address each; not cumulated */
    uint64_t n_durations;
    uint64_t duration_sum_usec;
} Figures;

/* An address was probed; or a name had none, which takes no time. */
void figures_count(Figures *figures, const Engine *engine, const Observation *observation);
void figures_count_unresolved(Figures *figures, const Engine *engine);
