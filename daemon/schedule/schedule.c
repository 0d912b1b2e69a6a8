#include "schedule/schedule.h"

#include "base/instant.h"
#include "base/text.h"

#define FIRST_RETRY_USEC (15 * USEC_PER_SEC)
#define DAY_USEC         (24 * 3600 * USEC_PER_SEC)
#define QUICK_RETRIES    2 /* with the first failure that makes three: enough for unreachable_after's default */
#define LOOK_SPREAD_USEC (1800 * USEC_PER_SEC) /* a rotation is to be seen within the hour */
#define DOUBLINGS_MAX    24                    /* beyond this every interval is reached */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t doubled(uint64_t usec, unsigned times, uint64_t most)
{
    if (times > DOUBLINGS_MAX || usec > most >> times)
        return most;
    return usec << times;
}

/* The first instant after now that lies at the name's own place in the interval. */
static uint64_t next_phase(uint64_t hash, uint64_t interval_usec, uint64_t now_usec)
{
    uint64_t phase = hash % interval_usec, into = now_usec % interval_usec;
    return now_usec - into + phase + (phase > into ? 0 : interval_usec);
}

uint64_t schedule_next(const char *name, uint64_t interval_usec, Result result, uint64_t now_usec)
{
    uint64_t hash = text_hash(name), delay;
    if (result.failures == 0)
        return next_phase(hash, interval_usec, now_usec);
    if (!result.counted || result.failures <= QUICK_RETRIES)
        delay = least(doubled(FIRST_RETRY_USEC, result.failures - 1, interval_usec), interval_usec);
    else {
        uint64_t most = interval_usec > DAY_USEC ? interval_usec : DAY_USEC;
        delay = doubled(interval_usec, result.failures - QUICK_RETRIES, most);
    }
    return now_usec + delay -
           hash % (delay / 8 + 1); /* up to an eighth sooner, so that an outage ends without a burst */
}

uint64_t schedule_sooner(const char *name, uint64_t due_usec, int64_t wait_seconds, uint64_t now_usec)
{
    uint64_t wait_usec = wait_seconds > 0 ? (uint64_t)wait_seconds * USEC_PER_SEC : 0;
    return least(due_usec, now_usec + wait_usec + text_hash(name) % LOOK_SPREAD_USEC);
}

Slot *schedule_pick(Slot *const *slots, size_t n, uint64_t now_usec, uint64_t *ret_wake_usec)
{
    Slot *best = NULL;
    *ret_wake_usec = SCHEDULE_NEVER;
    for (size_t i = 0; i < n; i++) {
        Slot *slot = slots[i];
        if (slot->running)
            continue;
        if (!slot->asked && slot->due_usec > now_usec) {
            *ret_wake_usec = least(*ret_wake_usec, slot->due_usec);
            continue;
        }
        if (!best || (slot->asked && !best->asked) ||
            (slot->asked == best->asked && slot->due_usec < best->due_usec))
            best = slot;
    }
    return best;
}
