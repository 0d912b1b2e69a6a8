#include "fetch/pause.h"

#include "base/instant.h"

#define FIRST_RETRY_SECONDS MINUTE

int64_t fetch_pause(int64_t interval, unsigned n_failures)
{
    int64_t pause = FIRST_RETRY_SECONDS;
    for (unsigned i = 1; i < n_failures && pause < interval; i++)
        pause *= 2;
    return n_failures == 0 || pause > interval ? interval : pause;
}
