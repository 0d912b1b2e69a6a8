#include "base/timer.h"

#include <time.h>

int timer_new(sd_event_source **ret, sd_event *event, uint64_t accuracy_usec, sd_event_time_handler_t handler,
              void *userdata)
{
    int r = sd_event_add_time(event, ret, CLOCK_BOOTTIME, UINT64_MAX, accuracy_usec, handler, userdata);
    if (r < 0)
        return r;
    timer_disarm(*ret);
    return 0;
}

void timer_arm(sd_event_source *timer, uint64_t usec)
{
    (void)sd_event_source_set_time_relative(timer, usec);
    (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void timer_arm_at(sd_event_source *timer, uint64_t at_usec)
{
    (void)sd_event_source_set_time(timer, at_usec);
    (void)sd_event_source_set_enabled(timer, at_usec == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

void timer_disarm(sd_event_source *timer)
{
    (void)sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

bool timer_is_armed(const sd_event_source *timer)
{
    int enabled;
    return sd_event_source_get_enabled((sd_event_source *)timer, &enabled) >= 0 && enabled != SD_EVENT_OFF;
}
