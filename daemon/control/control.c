#include "control/control.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "control/page.h"
#include "control/respond.h"
#include "control/route.h"
#include "control/stream.h"

#define TIMER_ACCURACY_USEC (1 * USEC_PER_MSEC)

/* Without it a client that has gone is not noticed before there is news. */
#define HEARTBEAT_USEC (15 * USEC_PER_SEC)

#define LISTENERS_MAX 8 /* ListenStream= lines in the socket unit */

typedef struct Listener {
    Control *control;
    struct MHD_Daemon *daemon;
    sd_event_source *io, *timer;
} Listener;

/* One request, from its head to its answer. */
typedef struct Exchange {
    Listener *listener;
    struct MHD_Connection *connection;
    Buffer body;
    char *waits_for; /* name of the endpoint whose probe is awaited */
    int64_t turn;
    int64_t history;       /* id of the history that is awaited; 0: none is */
    uint64_t ticket;       /* of the change that is to be kept before it is answered; 0: none is */
    Answer answer;         /* what it will be answered; .status 0: not known yet */
    struct Exchange *next; /* of those that wait */
} Exchange;

struct Control {
    sd_event *event;
    const ControlEvents *events;
    void *userdata;
    Listener *listeners[LISTENERS_MAX];
    size_t n_listeners;
    Exchange *waiting;
    int64_t last_history; /* the highest id that was given */
    Streams streams;
    sd_event_source *heartbeat;
    char *path; /* of a socket that we made, to be removed again */
};

/* MHD has the connection on its list again, but waits for nothing on it: run it from the loop. */
static void wake(void *userdata)
{
    Listener *listener = userdata;
    (void)sd_event_source_set_time_relative(listener->timer, 0);
    (void)sd_event_source_set_enabled(listener->timer, SD_EVENT_ONESHOT);
}

static int on_heartbeat(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    Control *control = userdata;
    streams_tell(&control->streams, ":\n\n");
    if (control->streams.n == 0)
        return 0; /* the next who listens starts it again */
    int r = sd_event_source_set_time_relative(source, HEARTBEAT_USEC);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int control_new(Control **ret, sd_event *event, const ControlEvents *events, void *userdata)
{
    Control *control = xcalloc(1, sizeof *control);
    control->event = sd_event_ref(event);
    control->events = events;
    control->userdata = userdata;
    control->streams.wake = wake;
    int r = sd_event_add_time(event, &control->heartbeat, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_heartbeat,
                              control);
    if (r >= 0)
        r = sd_event_source_set_enabled(control->heartbeat, SD_EVENT_OFF);
    if (r < 0) {
        control_free(control);
        return r;
    }
    *ret = control;
    return 0;
}

static void resume(Control *control, Exchange *exchange)
{
    for (Exchange **at = &control->waiting; *at; at = &(*at)->next)
        if (*at == exchange) {
            *at = exchange->next;
            break;
        }
    MHD_resume_connection(exchange->connection);
    wake(exchange->listener);
}

static void listener_free(Listener *listener)
{
    sd_event_source_disable_unref(listener->io);
    sd_event_source_disable_unref(listener->timer);
    if (listener->daemon)
        MHD_stop_daemon(listener->daemon);
    free(listener);
}

void control_free(Control *control)
{
    if (!control)
        return;
    streams_end(&control->streams);
    sd_event_source_disable_unref(control->heartbeat);
    while (control->waiting)
        resume(control, control->waiting); /* MHD_stop_daemon() wants none suspended */
    for (size_t i = 0; i < control->n_listeners; i++)
        listener_free(control->listeners[i]);
    if (control->path)
        (void)unlink(control->path);
    free(control->path);
    sd_event_unref(control->event);
    free(control);
}

/*
 * Over a Unix socket; and not from a web page (RFC 6454, 7.3): to a browser a forwarded socket is a site like
 * any other, and any page may send it a request.
 */
static bool is_local(struct MHD_Connection *connection)
{
    if (MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN))
        return false;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int domain = 0;
    socklen_t size = sizeof domain;
    return info && getsockopt(info->connect_fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           domain == AF_UNIX;
}

static enum MHD_Result send_answer(const Exchange *exchange, Answer answer)
{
    const Control *control = exchange->listener->control;
    return respond(exchange->connection, answer, control->events->snapshot, control->userdata);
}

/* Until resume() MHD leaves the connection alone. */
static void suspend(Exchange *exchange)
{
    Control *control = exchange->listener->control;
    exchange->next = control->waiting;
    control->waiting = exchange;
    MHD_suspend_connection(exchange->connection);
}

/* The answer comes when it is read. */
static enum MHD_Result await_history(Exchange *exchange, char *name)
{
    Control *control = exchange->listener->control;
    _cleanup_free_ char *asked = name;
    exchange->history = ++control->last_history;
    suspend(exchange);
    control->events->history(asked, exchange->history, control->userdata);
    return MHD_YES;
}

/* Whoever is told that a silence was made or ended may rely on that. Takes the answer. */
static enum MHD_Result answer_when_kept(Exchange *exchange, Answer answer)
{
    const Control *control = exchange->listener->control;
    exchange->ticket = control->events->keep(control->userdata);
    if (exchange->ticket == 0)
        return send_answer(exchange, answer);
    exchange->answer = answer;
    suspend(exchange);
    return MHD_YES;
}

/* The answer comes when the probe is over. */
static enum MHD_Result await_probe(Exchange *exchange, char *name)
{
    Control *control = exchange->listener->control;
    int64_t turn = control->events->probe(name, control->userdata);
    exchange->waits_for = name;
    if (turn < 0) {
        Snapshot snapshot = { 0 };
        control->events->snapshot(&snapshot, control->userdata);
        return send_answer(exchange, route_probed(name, &snapshot));
    }
    exchange->turn = turn;
    suspend(exchange);
    return MHD_YES;
}

/* Who asks, as the kernel says it; a name would have to be looked up, and that may block. */
static const char *author_of(struct MHD_Connection *connection, char *text, size_t size)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer = { 0 };
    socklen_t length = sizeof peer;
    if (info && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
        snprintf(text, size, "uid %u", (unsigned)peer.uid);
    else
        snprintf(text, size, "somebody");
    return text;
}

static enum MHD_Result send_page(Exchange *exchange)
{
    unsigned char nonce[PAGE_NONCE_BYTES];
    Answer answer = { .status = 200, .type = "text/html; charset=utf-8" };
    if (getrandom(nonce, sizeof nonce, GRND_NONBLOCK) != sizeof nonce)
        return send_answer(exchange, route_error(503, "unavailable", "there is no random number as yet"));
    answer.pieces = page_pieces(clock_now(), nonce, &answer.policy);
    return send_answer(exchange, answer);
}

static enum MHD_Result send_stream(Exchange *exchange)
{
    Control *control = exchange->listener->control;
    if (control->streams.n >= STREAM_LISTENERS_MAX)
        return send_answer(exchange, route_error(503, "too-many", "too many listen already"));
    (void)sd_event_source_set_time_relative(control->heartbeat, HEARTBEAT_USEC);
    (void)sd_event_source_set_enabled(control->heartbeat, SD_EVENT_ONESHOT);
    return streams_add(&control->streams, exchange->connection, exchange->listener);
}

/* Takes the answer, and does what it says first. */
static enum MHD_Result do_and_answer(Exchange *exchange, Answer answer)
{
    Control *control = exchange->listener->control;
    Snapshot snapshot = { 0 };
    int64_t id = answer.silence.id;
    switch (answer.deed) {
    case DEED_PROBE:
        return await_probe(exchange, answer.probe);
    case DEED_SILENCE:
        id = control->events->silence(answer.silence, control->userdata);
        control->events->snapshot(&snapshot, control->userdata);
        return answer_when_kept(exchange, route_silenced(id, &snapshot));
    case DEED_PAGE:
        return send_page(exchange);
    case DEED_STREAM:
        return send_stream(exchange);
    case DEED_UNSILENCE:
        control->events->unsilence(id, control->userdata);
        return answer_when_kept(exchange, route_unsilenced(id));
    case DEED_HISTORY:
        return await_history(exchange, answer.probe);
    default:
        return send_answer(exchange, answer);
    }
}

static const char *filter(struct MHD_Connection *connection, const char *key)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
}

static enum MHD_Result answer_request(Exchange *exchange, const char *method, const char *path)
{
    struct MHD_Connection *connection = exchange->connection;
    Control *control = exchange->listener->control;
    Snapshot snapshot = { 0 };
    Answer answer = exchange->answer;
    exchange->answer = (Answer) { 0 };
    if (answer.status > 0)
        return send_answer(exchange, answer);
    control->events->snapshot(&snapshot, control->userdata);
    if (exchange->waits_for)
        return send_answer(exchange, route_probed(exchange->waits_for, &snapshot));
    char author[32];
    const Request request = {
        .method = method,
        .path = path,
        .local = is_local(connection),
        .author = author_of(connection, author, sizeof author),
        .body = exchange->body.data,
        .body_size = exchange->body.size,
        .now = clock_now(),
        .severity = filter(connection, "severity"),
        .engine = filter(connection, "engine"),
        .region = filter(connection, "region"),
        .until = filter(connection, "until"),
        .der = filter(connection, "der") != NULL,
    };
    return do_and_answer(exchange, route_request(&request, &snapshot));
}

static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length && strtoull(length, NULL, 10) > CONTROL_REQUEST_BYTES_MAX;
}

/* MHD calls this first with the head, then with each piece of a body, then once more; and again after a resume.
 */
static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version _unused_, const char *body,
                                  size_t *body_size, void **state)
{
    Exchange *exchange = *state;
    if (!exchange) {
        *state = exchange = xcalloc(1, sizeof *exchange);
        exchange->listener = userdata;
        exchange->connection = connection;
        if (announces_too_much(connection))
            return send_answer(exchange, route_error(413, "too-large", "the request's body is too large"));
        return MHD_YES;
    }
    if (*body_size > 0) {
        size_t size = *body_size;
        *body_size = 0;
        if (size > CONTROL_REQUEST_BYTES_MAX - exchange->body.size)
            return MHD_NO;
        buffer_append(&exchange->body, body, size);
        return MHD_YES;
    }
    return answer_request(exchange, method, path);
}

static void on_completed(void *userdata _unused_, struct MHD_Connection *connection _unused_, void **state,
                         enum MHD_RequestTerminationCode code _unused_)
{
    Exchange *exchange = *state;
    if (!exchange)
        return;
    free(exchange->waits_for);
    json_decref(exchange->answer.body);
    buffer_deinit(&exchange->body);
    free(exchange);
    *state = NULL;
}

/* Asking also makes MHD forget the clients that have been hung up on. */
static unsigned n_clients(const Listener *listener)
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
        before = n_clients(listener);
        if (MHD_run(listener->daemon) != MHD_YES)
            log_debug("control: MHD_run failed, ignoring");
    } while (n_clients(listener) < before);
    if (MHD_get_timeout(listener->daemon, &wait_msec) != MHD_YES) {
        (void)sd_event_source_set_enabled(listener->timer, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_source_set_time_relative(listener->timer, wait_msec * USEC_PER_MSEC);
    (void)sd_event_source_set_enabled(listener->timer, SD_EVENT_ONESHOT);
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

/* What would end the path before its end is left as it was sent: then it is no path of ours. */
static size_t unescape(void *userdata _unused_, struct MHD_Connection *connection _unused_, char *text)
{
    return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}

static int listener_start(Listener *listener, int fd)
{
    sd_event *event = listener->control->event;
    listener->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, listener, //
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,                                                          //
        MHD_OPTION_LISTEN_SOCKET, fd,                                                                      //
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,                                                      //
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,                                                   //
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONTROL_CLIENTS_MAX,                                        //
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONTROL_IDLE_SECONDS,                                     //
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONTROL_REQUEST_BYTES_MAX * 2,                         //
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
    r = sd_event_add_time(event, &listener->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_timer, listener);
    return r < 0 ? r : 0;
}

int control_serve(Control *control, int fd)
{
    if (control->n_listeners == LISTENERS_MAX) {
        close(fd);
        return -E2BIG;
    }
    Listener *listener = xcalloc(1, sizeof *listener);
    listener->control = control;
    int r = listener_start(listener, fd);
    if (r < 0) {
        listener_free(listener);
        return r;
    }
    control->listeners[control->n_listeners++] = listener;
    return 0;
}

void control_changed(Control *control, const char *endpoint)
{
    if (!control || control->streams.n == 0)
        return;
    _cleanup_free_ char *lines = endpoint
                                     ? xasprintf("event: change\ndata: {\"endpoint\":\"%s\"}\n\n", endpoint)
                                     : xstrdup("event: change\ndata: {\"endpoint\":null}\n\n");
    streams_tell(&control->streams, lines); /* a name has nothing to be escaped */
}

void control_quiesce(Control *control)
{
    streams_end(&control->streams);
    for (size_t i = 0; i < control->n_listeners; i++) {
        int fd = MHD_quiesce_daemon(control->listeners[i]->daemon);
        if (fd >= 0)
            close(fd); /* whoever passed it to us has it still */
    }
}

bool control_is_idle(const Control *control)
{
    for (size_t i = 0; i < control->n_listeners; i++)
        if (n_clients(control->listeners[i]) > 0)
            return false;
    return true;
}

static bool somebody_answers(const struct sockaddr_un *address)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
}

int control_listen(Control *control, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat st;
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return -EEXIST; /* not ours to remove */
    if (somebody_answers(&address))
        return -EADDRINUSE;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    mode_t mask = umask(0117);
    int r = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0 ? -errno : 0;
    (void)umask(mask);
    if (r < 0) {
        close(fd);
        return r;
    }
    control->path = xstrdup(path);
    return control_serve(control, fd);
}

static void resume_those(Control *control, const char *name, int64_t turn)
{
    for (Exchange *exchange = control->waiting, *next; exchange; exchange = next) {
        next = exchange->next;
        if (exchange->waits_for && strcmp(exchange->waits_for, name) == 0 && exchange->turn <= turn)
            resume(control, exchange);
    }
}

void control_probed(Control *control, const char *name, int64_t turn)
{
    resume_those(control, name, turn);
}

void control_given_up(Control *control, const char *name)
{
    resume_those(control, name, INT64_MAX);
}

void control_history(Control *control, int64_t id, const char *name, const History *history)
{
    Exchange *exchange = control->waiting;
    Snapshot snapshot = { 0 };
    while (exchange && exchange->history != id)
        exchange = exchange->next;
    if (!exchange)
        return;
    control->events->snapshot(&snapshot, control->userdata);
    exchange->answer = route_history(name, history, &snapshot);
    resume(control, exchange);
}

void control_kept(Control *control, uint64_t ticket)
{
    for (Exchange *exchange = control->waiting, *next; exchange; exchange = next) {
        next = exchange->next;
        if (exchange->ticket > 0 && exchange->ticket <= ticket)
            resume(control, exchange);
    }
}
