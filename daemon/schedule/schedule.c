#include "schedule/schedule.h"

#include <stddef.h>

#include "base/instant.h"
#include "base/text.h"

#define FIRST_RETRY_USEC (15 * USEC_PER_SEC)
#define DAY_USEC         (24 * 3600 * USEC_PER_SEC)
#define QUICK_RETRIES    2 /* with the first failure that makes three: enough for unreachable_after's default */
#define LOOK_SPREAD_USEC (1800 * USEC_PER_SEC) /* a rotation is to be seen within the hour */
#define DOUBLINGS_MAX    24                    /* beyond this every interval is reached */

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
        delay = MIN(doubled(FIRST_RETRY_USEC, result.failures - 1, interval_usec), interval_usec);
    else {
        uint64_t most = MAX(interval_usec, DAY_USEC);
        delay = doubled(interval_usec, result.failures - QUICK_RETRIES, most);
    }
    return now_usec + delay -
           hash % (delay / 8 + 1); /* up to an eighth sooner, so that an outage ends without a burst */
}

uint64_t schedule_sooner(const char *name, uint64_t due_usec, int64_t wait_seconds, uint64_t now_usec)
{
    uint64_t wait_usec = wait_seconds > 0 ? (uint64_t)wait_seconds * USEC_PER_SEC : 0;
    return MIN(due_usec, now_usec + wait_usec + text_hash(name) % LOOK_SPREAD_USEC);
}

static Slot *slot_of(HeapItem *item)
{
    return CONTAINER_OF(item, Slot, waiting);
}

/* Times are far below the sign's bit. */
static void wait_for_turn(Schedule *schedule, Slot *slot)
{
    if (!slot->running)
        heap_put(&schedule->waiting, &slot->waiting, slot->asked ? -1 : (int64_t)slot->due_usec);
}

static void tell_moved(const Schedule *schedule, Slot *slot)
{
    if (schedule->moved)
        schedule->moved(slot);
}

void schedule_put(Schedule *schedule, Slot *slot, uint64_t due_usec)
{
    slot->due_usec = due_usec;
    slot->running = false;
    wait_for_turn(schedule, slot);
    tell_moved(schedule, slot);
}

void schedule_ask(Schedule *schedule, Slot *slot)
{
    slot->asked = true;
    wait_for_turn(schedule, slot);
}

Slot *schedule_take(Schedule *schedule, uint64_t now_usec, uint64_t *ret_wake_usec)
{
    HeapItem *first = heap_first(&schedule->waiting);
    *ret_wake_usec = SCHEDULE_NEVER;
    if (!first)
        return NULL;
    if (first->key > (int64_t)now_usec) {
        *ret_wake_usec = (uint64_t)first->key;
        return NULL;
    }
    Slot *slot = slot_of(first);
    heap_remove(&schedule->waiting, first);
    slot->running = true;
    tell_moved(schedule, slot);
    return slot;
}

void schedule_remove(Schedule *schedule, Slot *slot)
{
    heap_remove(&schedule->waiting, &slot->waiting);
}

void schedule_deinit(Schedule *schedule)
{
    heap_deinit(&schedule->waiting);
}
