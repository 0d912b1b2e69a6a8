/* How a daemon ends within a second: probes take their leave, clients have their answers. */

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/timer.h"
#include "manager/manager-internal.h"
#include "sink/journal.h"

/* `systemctl stop` is to take less than a second, and most probes take much less. */
#define PATIENCE_USEC (800 * USEC_PER_MSEC)
#define LOOK_USEC     (20 * USEC_PER_MSEC)
#define ACCURACY_USEC (1 * USEC_PER_MSEC)

#define NAMES_MAX 10

/* Who waits for a turn that will not begin is answered with what there is; `running`: for one that goes on,
 * too. */
static void answer_waiting(const Manager *manager, bool running)
{
    for (size_t i = 0; i < manager->fleet.n; i++) {
        const Member *member = manager->fleet.members[i];
        if (running || !member->slot.running)
            control_given_up(manager->control, member->state->endpoint->name);
    }
}

/* To hang up on MySQL is counted against this host: who is hung up on is said. */
static void tell_cut_short(const Manager *manager)
{
    Buffer names = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < manager->fleet.n; i++) {
        const Member *member = manager->fleet.members[i];
        if (member->slot.running && n++ < NAMES_MAX)
            buffer_printf(&names, "%s%s", n > 1 ? ", " : "", member->state->endpoint->name);
    }
    _cleanup_free_ char *text = buffer_take_text(&names);
    if (n > 0)
        log_notice("%zu probe%s did not end and %s cut short: %s%s", n, PLURAL(n), n == 1 ? "is" : "are", text,
                   n > NAMES_MAX ? ", ..." : "");
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    Manager *manager = userdata;
    bool idle = manager->n_running == 0 && control_is_idle(manager->control);
    if (idle || manager->out_of_patience)
        return sd_event_exit(manager->event, 0);
    if (usec >= manager->stop_by_usec) {
        manager->out_of_patience = true;
        tell_cut_short(manager);
        answer_waiting(manager, true);
    }
    timer_arm(source, LOOK_USEC);
    return 0;
}

int stop_begin(Manager *manager)
{
    if (manager->stopping)
        return sd_event_exit(manager->event, 0);
    manager->stopping = true;
    manager->stop_by_usec = clock_boottime_usec() + PATIENCE_USEC;
    notify_stopping(manager->notifier);
    journal_event(EVENT_STOPPING, "stopping; %zu probes are let end first", manager->n_running);
    timer_disarm(manager->turns);
    control_quiesce(manager->control);
    answer_waiting(manager, false);
    snapshot_announce(manager);
    return sd_event_add_time(manager->event, &manager->stop, CLOCK_BOOTTIME, 0, ACCURACY_USEC, on_look,
                             manager);
}
