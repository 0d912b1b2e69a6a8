#include "model/figures.h"

const uint64_t figures_bounds_msec[N_FIGURES_BOUNDS] = { 5,    10,   25,   50,    100,   250,  500,
                                                         1000, 2500, 5000, 10000, 30000, 60000 };

static void count(Figures *figures, const Engine *engine, Outcome outcome)
{
    size_t i = (size_t)(engine - engines);
    if (i < FIGURES_ENGINES_MAX)
        figures->probes[i][outcome]++;
}

void figures_count(Figures *figures, const Engine *engine, const Observation *observation)
{
    count(figures, engine, observation->outcome);
    figures->n_durations++;
    figures->duration_sum_usec += observation->duration_usec;
    for (size_t i = 0; i < N_FIGURES_BOUNDS; i++)
        if (observation->duration_usec <= figures_bounds_msec[i] * 1000) {
            figures->durations[i]++;
            break;
        }
}

void figures_count_unresolved(Figures *figures, const Engine *engine)
{
    count(figures, engine, OUTCOME_NAME_UNRESOLVED);
}
