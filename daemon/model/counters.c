#include "model/counters.h"

#define MSEC(n) ((n) * UINT64_C(1000))

const HistogramBounds counters_probe_bounds = { MSEC(5),     MSEC(10),    MSEC(25),   MSEC(50),   MSEC(100),
                                                MSEC(250),   MSEC(500),   MSEC(1000), MSEC(2500), MSEC(5000),
                                                MSEC(10000), MSEC(30000), MSEC(60000) };

const HistogramBounds counters_loop_bounds = { 100,      250,      500,      MSEC(1),   MSEC(2),   MSEC(5),
                                               MSEC(10), MSEC(20), MSEC(50), MSEC(100), MSEC(250), MSEC(1000) };

void histogram_add(Histogram *histogram, const HistogramBounds bounds, uint64_t usec)
{
    histogram->n++;
    histogram->sum_usec += usec;
    for (size_t i = 0; bounds[i] != 0; i++)
        if (usec <= bounds[i]) {
            histogram->counts[i]++;
            break;
        }
}

static void count(Counters *counters, const Engine *engine, Outcome outcome)
{
    size_t i = (size_t)(engine - engines);
    if (i < COUNTERS_ENGINES_MAX)
        counters->probes[i][outcome]++;
}

void counters_count(Counters *counters, const Engine *engine, const Observation *observation)
{
    count(counters, engine, observation->outcome);
    histogram_add(&counters->durations, counters_probe_bounds, observation->duration_usec);
}

void counters_count_unresolved(Counters *counters, const Engine *engine)
{
    count(counters, engine, OUTCOME_NAME_UNRESOLVED);
}
