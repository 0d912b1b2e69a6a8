#include "control/listener.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timer.h"

#define TIMER_ACCURACY_USEC (1 * USEC_PER_MSEC)

void listener_wake(Listener *listener)
{
    timer_arm(listener->timer, 0);
}

static void wake(void *userdata)
{
    listener_wake(userdata);
}

/* Asking also makes MHD forget the clients that have been hung up on. */
unsigned listener_count(const Listener *listener)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}

/*
 * At the limit of clients MHD lets go of its listening socket, and takes it back only at the beginning of a
 * later run: so once more when clients have left, or nobody would be let in again.
 */
static void run(Listener *listener)
{
    MHD_UNSIGNED_LONG_LONG wait_msec;
    unsigned before;
    do {
        before = listener_count(listener);
        if (MHD_run(listener->daemon) != MHD_YES)
            log_debug("control: MHD_run failed, ignoring");
    } while (listener_count(listener) < before);
    if (MHD_get_timeout(listener->daemon, &wait_msec) == MHD_YES)
        timer_arm(listener->timer, wait_msec * USEC_PER_MSEC);
    else
        timer_disarm(listener->timer);
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *userdata)
{
    run(userdata);
    return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    run(userdata);
    return 0;
}

static _printf_(2, 0) void on_log(void *userdata _unused_, const char *format, va_list args)
{
    _cleanup_free_ char *text = xvasprintf(format, args);
    log_debug("control: %s", text);
}

static enum MHD_Result on_accept(void *userdata, const struct sockaddr *address _unused_,
                                 socklen_t size _unused_)
{
    const Listener *listener = userdata;
    return clients_have_room(listener->clients, listener->local) ? MHD_YES : MHD_NO;
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    Listener *listener = userdata;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *state = client_new(listener->clients, info->connect_fd, listener->local);
    } else {
        client_free(*state);
        *state = NULL;
    }
}

/* What would end the path before its end is left as it was sent: then it is no path of ours. */
static size_t unescape(void *userdata _unused_, struct MHD_Connection *connection _unused_, char *text)
{
    return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *target,
                                  const char *method, const char *version _unused_, const char *body,
                                  size_t *body_size, void **state)
{
    Listener *listener = userdata;
    return listener->events.request(listener, connection, target, method, body, body_size, state,
                                    listener->events.userdata);
}

static void on_completed(void *userdata, struct MHD_Connection *connection _unused_, void **state,
                         enum MHD_RequestTerminationCode code _unused_)
{
    const Listener *listener = userdata;
    listener->events.completed(state);
}

static int start(Listener *listener, sd_event *event, int fd)
{
    listener->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, on_accept, listener,
                         on_request, listener,                                                    //
                         MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,                                //
                         MHD_OPTION_LISTEN_SOCKET, fd,                                            //
                         MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,                            //
                         MHD_OPTION_NOTIFY_COMPLETED, on_completed, listener,                     //
                         MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener,                   //
                         MHD_OPTION_CONNECTION_LIMIT, clients_max(listener->local),               //
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)LISTENER_HEAD_BYTES_MAX * 2, //
                         MHD_OPTION_END);
    if (!listener->daemon) {
        close(fd);
        return -EIO;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return -EIO;
    int r = sd_event_add_io(event, &listener->io, info->epoll_fd, EPOLLIN, on_io, listener);
    if (r < 0)
        return r;
    r = timer_new(&listener->timer, event, TIMER_ACCURACY_USEC, on_timer, listener);
    if (r < 0)
        return r;
    timer_arm(listener->timer, 0); /* MHD is to take its socket */
    return 0;
}

int listener_new(Listener **ret, sd_event *event, int fd, Clients *clients, const ListenerEvents *events)
{
    _cleanup_(listener_freep) Listener *listener = xcalloc(1, sizeof *listener);
    *listener = (Listener) {
        .local = client_is_local(fd), .clients = clients, .events = *events, .streams = { .wake = wake }
    };
    int r = start(listener, event, fd);
    if (r < 0)
        return r;
    *ret = TAKE(listener);
    return 0;
}

void listener_quiesce(Listener *listener)
{
    int fd = MHD_quiesce_daemon(listener->daemon);
    if (fd >= 0)
        close(fd); /* the passing process still has it open */
}

void listener_free(Listener *listener)
{
    if (!listener)
        return;
    sd_event_source_disable_unref(listener->io);
    sd_event_source_disable_unref(listener->timer);
    if (listener->daemon)
        MHD_stop_daemon(listener->daemon);
    free(listener);
}
