#pragma once

/*
 * Timers of the event loop: made once, and armed for one time whenever they are needed. On a source of a loop
 * that has not ended these calls of sd-event cannot fail, so none of them but timer_new() returns an error.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* Makes a timer of CLOCK_BOOTTIME that is not armed yet; `accuracy_usec` as in sd_event_add_time(3), 0: 250 ms.
 */
int timer_new(sd_event_source **ret, sd_event *event, uint64_t accuracy_usec, sd_event_time_handler_t handler,
              void *userdata);

/* Arms it for so many microseconds from now. */
void timer_arm(sd_event_source *timer, uint64_t usec);

/* Arms it for that time of its clock; UINT64_MAX: disarms it. */
void timer_arm_at(sd_event_source *timer, uint64_t at_usec);

void timer_disarm(sd_event_source *timer);

bool timer_is_armed(const sd_event_source *timer);
