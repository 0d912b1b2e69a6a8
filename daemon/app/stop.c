/* How a daemon ends within a second: probes take their leave, clients have their answers. */

#include "app/app-internal.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/timer.h"
#include "sink/journal.h"

/* `systemctl stop` is to take less than a second, and most probes take much less. */
#define PATIENCE_USEC (800 * USEC_PER_MSEC)
#define LOOK_USEC     (20 * USEC_PER_MSEC)
#define ACCURACY_USEC (1 * USEC_PER_MSEC)

#define NAMES_MAX 10

/* Who waits for a run that will not begin is answered with what there is; */
static void answer_waiting(const char *endpoint, bool running, void *userdata)
{
    const App *app = userdata;
    if (!running)
        control_given_up(app->control, endpoint);
}

/* who waits for one that is cut short, too. */
static void answer_all(const char *endpoint, bool running _unused_, void *userdata)
{
    const App *app = userdata;
    control_given_up(app->control, endpoint);
}

typedef struct CutShort {
    Buffer names;
    size_t n;
} CutShort;

static void note_running(const char *endpoint, bool running, void *userdata)
{
    CutShort *cut = userdata;
    if (running && cut->n++ < NAMES_MAX)
        buffer_printf(&cut->names, "%s%s", cut->n > 1 ? ", " : "", endpoint);
}

/* To hang up on MySQL is counted against this host: who is hung up on is said. */
static void tell_cut_short(const App *app)
{
    CutShort cut = { 0 };
    endpoints_each(app->endpoints, note_running, &cut);
    _cleanup_free_ char *text = buffer_take_text(&cut.names);
    if (cut.n > 0)
        log_notice("%zu probe%s did not end and %s cut short: %s%s", cut.n, PLURAL(cut.n),
                   cut.n == 1 ? "is" : "are", text, cut.n > NAMES_MAX ? ", ..." : "");
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    App *app = userdata;
    bool idle = endpoints_n_running(app->endpoints) == 0 && control_is_idle(app->control);
    if (idle || app->out_of_patience)
        return sd_event_exit(app->event, 0);
    if (usec >= app->stop_by_usec) {
        app->out_of_patience = true;
        tell_cut_short(app);
        endpoints_each(app->endpoints, answer_all, app);
    }
    timer_arm(source, LOOK_USEC);
    return 0;
}

int stop_begin(App *app)
{
    if (app->stopping)
        return sd_event_exit(app->event, 0);
    app->stopping = true;
    app->stop_by_usec = clock_boottime_usec() + PATIENCE_USEC;
    notify_stopping(app->notifier);
    journal_event(EVENT_STOPPING, "stopping; %zu probes are let end first",
                  endpoints_n_running(app->endpoints));
    endpoints_quiesce(app->endpoints);
    control_quiesce(app->control);
    endpoints_each(app->endpoints, answer_waiting, app);
    view_announce(app);
    return sd_event_add_time(app->event, &app->stop, CLOCK_BOOTTIME, 0, ACCURACY_USEC, on_look, app);
}
