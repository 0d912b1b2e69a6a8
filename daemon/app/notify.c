#include "app/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/timer.h"

#define RETRY_USEC    (100 * USEC_PER_MSEC)
#define ACCURACY_USEC (10 * USEC_PER_MSEC)

/* In the order in which they are sent: a reload begins before it ends, and a stop is the last. */
enum { RELOADING, READY, STOPPING, STATUS, WATCHDOG, N_MESSAGES };

struct Notifier {
    struct sockaddr_un address;
    socklen_t size;
    int fd;
    char *waiting[N_MESSAGES]; /* NULL: nothing of that kind */
    sd_event_source *retry;
    sd_event_source *watchdog; /* CLOCK_MONOTONIC, as systemd's own; NULL: systemd watches nothing */
    uint64_t period_usec;
};

static int send_one(const Notifier *notifier, const char *text)
{
    return sendto(notifier->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&notifier->address, notifier->size) < 0
               ? -errno
               : 0;
}

static void send_waiting(Notifier *notifier)
{
    for (size_t i = 0; i < N_MESSAGES; i++) {
        if (notifier->waiting[i] && send_one(notifier, notifier->waiting[i]) < 0) {
            timer_arm(notifier->retry, RETRY_USEC);
            return;
        }
        free(TAKE(notifier->waiting[i]));
    }
}

/* Takes the text, which replaces one of its kind that waits. */
static void notify(Notifier *notifier, size_t kind, char *text)
{
    free(notifier->waiting[kind]);
    notifier->waiting[kind] = text;
    if (notifier->size > 0)
        send_waiting(notifier);
}

void notify_ready(Notifier *notifier)
{
    notify(notifier, READY, xstrdup("READY=1"));
}

void notify_reloading(Notifier *notifier, uint64_t monotonic_usec)
{
    notify(notifier, RELOADING, xasprintf("RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_usec));
}

void notify_stopping(Notifier *notifier)
{
    notify(notifier, STOPPING, xstrdup("STOPPING=1"));
}

void notify_status(Notifier *notifier, const char *status)
{
    _cleanup_free_ char *line = text_escape(status);
    notify(notifier, STATUS, xasprintf("STATUS=%s", line));
}

static int on_retry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    send_waiting(userdata);
    return 0;
}

static int on_watchdog(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    Notifier *notifier = userdata;
    notify(notifier, WATCHDOG, xstrdup("WATCHDOG=1"));
    timer_arm(source, notifier->period_usec);
    return 0;
}

/* Half of what systemd waits, as sd_watchdog_enabled(3) recommends; 0: it does not, or for another process. */
static uint64_t watchdog_period(void)
{
    uint64_t usec;
    return sd_watchdog_enabled(0, &usec) > 0 ? usec / 2 : 0;
}

/* A path, or with '@' before it an abstract name. */
static int set_address(Notifier *notifier)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || !strchr("/@", *path) || length >= sizeof notifier->address.sun_path)
        return 0;
    notifier->address.sun_family = AF_UNIX;
    memcpy(notifier->address.sun_path, path, length);
    if (*path == '@')
        notifier->address.sun_path[0] = 0;
    notifier->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*path == '/'));
    notifier->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return notifier->fd < 0 ? -errno : 0;
}

CLEANUP_OF(Notifier, notifier_free);

int notifier_new(Notifier **ret, sd_event *event)
{
    _cleanup_(notifier_freep) Notifier *notifier = xcalloc(1, sizeof *notifier);
    notifier->fd = -1;
    notifier->period_usec = watchdog_period();
    int r = set_address(notifier);
    if (r >= 0)
        r = timer_new(&notifier->retry, event, ACCURACY_USEC, on_retry, notifier);
    if (r >= 0 && notifier->size > 0 && notifier->period_usec > 0)
        r = sd_event_add_time_relative(event, &notifier->watchdog, CLOCK_MONOTONIC, 0, ACCURACY_USEC,
                                       on_watchdog, notifier);
    if (r >= 0 && notifier->watchdog)
        r = sd_event_source_set_priority(notifier->watchdog, SD_EVENT_PRIORITY_IMPORTANT);
    if (r < 0)
        return r;
    *ret = TAKE(notifier);
    return 0;
}

void notifier_free(Notifier *notifier)
{
    if (!notifier)
        return;
    if (notifier->size > 0)
        send_waiting(notifier);
    for (size_t i = 0; i < N_MESSAGES; i++)
        free(notifier->waiting[i]);
    sd_event_source_disable_unref(notifier->retry);
    sd_event_source_disable_unref(notifier->watchdog);
    closep(&notifier->fd);
    free(notifier);
}
