#pragma once

/* What was counted since the start, for /metrics. */

#include "model/engine.h"
#include "model/observation.h"

#define FIGURES_ENGINES_MAX 32 /* more than there are */

/* Upper bounds in milliseconds, as Prometheus has them: each bucket counts what is in those below, too. */
#define FIGURES_BOUNDS                                                      \
    {                                                                       \
        5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000 \
    }
#define N_FIGURES_BOUNDS 13

typedef struct Figures {
    uint64_t probes[FIGURES_ENGINES_MAX][N_OUTCOMES]; /* by the engine's place in engines[] */
    uint64_t durations[N_FIGURES_BOUNDS];             /* of one address each; not cumulated */
    uint64_t n_durations;
    uint64_t duration_sum_usec;
} Figures;

/* An address was probed; or a name had none, which takes no time. */
void figures_count(Figures *figures, const Engine *engine, const Observation *observation);
void figures_count_unresolved(Figures *figures, const Engine *engine);
