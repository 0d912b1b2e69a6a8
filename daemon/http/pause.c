#include "http/pause.h"

#include "base/instant.h"
#include "base/macro.h"
#include "base/random.h"

#define FIRST_RETRY_SECONDS MINUTE
#define SPREAD              10

int64_t pause_backoff(int64_t first, int64_t most, unsigned n_failures)
{
    int64_t pause = first;
    for (unsigned i = 1; i < n_failures && pause < most; i++)
        pause *= 2;
    return pause < most ? pause : most;
}

int64_t pause_until_next(int64_t interval, unsigned n_failures)
{
    return n_failures == 0 ? interval : pause_backoff(FIRST_RETRY_SECONDS, interval, n_failures);
}

int64_t pause_asked(int64_t pause, int64_t most, int64_t retry_after_seconds)
{
    int64_t asked = MIN(retry_after_seconds, most);
    return asked > pause ? asked : pause;
}

uint64_t pause_spread_usec(int64_t pause_seconds)
{
    uint64_t usec = (uint64_t)pause_seconds * USEC_PER_SEC;
    return usec - random_below(usec / SPREAD);
}
