#include "model/figures.h"

#define MSEC(n) ((n) * UINT64_C(1000))

const HistogramBounds figures_probe_bounds = { MSEC(5),     MSEC(10),    MSEC(25),   MSEC(50),   MSEC(100),
                                               MSEC(250),   MSEC(500),   MSEC(1000), MSEC(2500), MSEC(5000),
                                               MSEC(10000), MSEC(30000), MSEC(60000) };

const HistogramBounds figures_loop_bounds = { 100,      250,      500,      MSEC(1),   MSEC(2),   MSEC(5),
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

static void count(Figures *figures, const Engine *engine, Outcome outcome)
{
    size_t i = (size_t)(engine - engines);
    if (i < FIGURES_ENGINES_MAX)
        figures->probes[i][outcome]++;
}

void figures_count(Figures *figures, const Engine *engine, const Observation *observation)
{
    count(figures, engine, observation->outcome);
    histogram_add(&figures->durations, figures_probe_bounds, observation->duration_usec);
}

void figures_count_unresolved(Figures *figures, const Engine *engine)
{
    count(figures, engine, OUTCOME_NAME_UNRESOLVED);
}
