#include "fetch/pause.h"

#include "base/instant.h"

#define FIRST_RETRY_SECONDS MINUTE

int64_t fetch_backoff(int64_t first, int64_t most, unsigned n_failures)
{
    int64_t pause = first;
    for (unsigned i = 1; i < n_failures && pause < most; i++)
        pause *= 2;
    return pause < most ? pause : most;
}

int64_t fetch_pause(int64_t interval, unsigned n_failures)
{
    return n_failures == 0 ? interval : fetch_backoff(FIRST_RETRY_SECONDS, interval, n_failures);
}
