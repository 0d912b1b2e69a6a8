#pragma once

/* What was counted since the start, for /metrics. */

#include "model/engine.h"
#include "model/observation.h"

#define COUNTERS_ENGINES_MAX 32 /* more than there are */

#define HISTOGRAM_BOUNDS_MAX 13

/* How long something took, each time. */
typedef struct Histogram {
    uint64_t counts[HISTOGRAM_BOUNDS_MAX]; /* up to each bound, and above the one before */
    uint64_t n;
    uint64_t sum_usec;
} Histogram;

/* Upper bounds of the buckets in microseconds, rising; 0: there are no more. */
typedef uint64_t HistogramBounds[HISTOGRAM_BOUNDS_MAX + 1];
extern const HistogramBounds counters_probe_bounds, counters_loop_bounds;

void histogram_add(Histogram *histogram, const HistogramBounds bounds, uint64_t usec);

typedef struct Counters {
    uint64_t probes[COUNTERS_ENGINES_MAX][N_OUTCOMES]; /* by the engine's place in engines[] */
    Histogram durations;                               /* of one address each */
    Histogram loop;                                    /* of what the loop did, each; the rest waits so long */
} Counters;

/* An address was probed; or a name had none, which takes no time. */
void counters_count(Counters *counters, const Engine *engine, const Observation *observation);
void counters_count_unresolved(Counters *counters, const Engine *engine);
