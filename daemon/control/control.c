#include "control/control.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/timer.h"
#include "control/listener.h"
#include "control/origin.h"
#include "control/page.h"
#include "control/respond.h"
#include "control/route.h"
#include "control/socket.h"

#define TIMER_ACCURACY_USEC (1 * USEC_PER_MSEC)

/* Without it a client that has gone is not noticed before there is news. */
#define HEARTBEAT_USEC (15 * USEC_PER_SEC)

#define LISTENERS_MAX 8 /* ListenStream= lines in the socket unit */

/* One request, from its head to its answer. */
typedef struct Exchange {
    Control *control;
    Listener *listener;
    struct MHD_Connection *connection;
    Client *client;
    Head head;
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
    size_t n_waiting[2];  /* over TCP, and over a Unix socket */
    int64_t last_history; /* the highest id that was given */
    Clients clients;
    sd_event_source *heartbeat;
    char *path; /* of a socket that we made, to be removed again */
};

/* Whether a client listens on any socket. */
static bool has_streams(const Control *control)
{
    for (size_t i = 0; i < control->n_listeners; i++)
        if (control->listeners[i]->streams.n > 0)
            return true;
    return false;
}

static void tell_all(Control *control, const char *lines)
{
    for (size_t i = 0; i < control->n_listeners; i++)
        streams_tell(&control->listeners[i]->streams, lines);
}

static int on_heartbeat(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    Control *control = userdata;
    tell_all(control, ":\n\n");
    if (!has_streams(control))
        return 0; /* the next who listens starts it again */
    timer_arm(source, HEARTBEAT_USEC);
    return 0;
}

int control_new(Control **ret, sd_event *event, const ControlEvents *events, void *userdata)
{
    Control *control = xcalloc(1, sizeof *control);
    control->event = sd_event_ref(event);
    control->events = events;
    control->userdata = userdata;
    int r = clients_init(&control->clients, event);
    if (r >= 0)
        r = timer_new(&control->heartbeat, event, TIMER_ACCURACY_USEC, on_heartbeat, control);
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
            control->n_waiting[exchange->client->local]--;
            break;
        }
    client_waits(exchange->client, false);
    MHD_resume_connection(exchange->connection);
    listener_wake(exchange->listener);
}

static void end_streams(Control *control)
{
    for (size_t i = 0; i < control->n_listeners; i++)
        streams_end(&control->listeners[i]->streams);
}

void control_free(Control *control)
{
    if (!control)
        return;
    end_streams(control);
    sd_event_source_disable_unref(control->heartbeat);
    while (control->waiting)
        resume(control, control->waiting); /* MHD_stop_daemon() wants none suspended */
    for (size_t i = 0; i < control->n_listeners; i++)
        listener_free(control->listeners[i]);
    clients_deinit(&control->clients);
    if (control->path)
        (void)unlink(control->path);
    free(control->path);
    sd_event_unref(control->event);
    free(control);
}

static enum MHD_Result send_answer(const Exchange *exchange, Answer answer)
{
    const Control *control = exchange->control;
    return respond_with(exchange->connection, answer, control->events->snapshot, control->userdata);
}

/* Until resume() MHD leaves the connection alone. */
static void suspend(Exchange *exchange)
{
    Control *control = exchange->control;
    exchange->next = control->waiting;
    control->waiting = exchange;
    control->n_waiting[exchange->client->local]++;
    client_waits(exchange->client, true);
    MHD_suspend_connection(exchange->connection);
}

static Answer too_many_wait(void)
{
    return route_error(503, "too-many", "too many clients wait for an answer already");
}

/* The answer comes when it is read. */
static enum MHD_Result await_history(Exchange *exchange, char *name)
{
    Control *control = exchange->control;
    _cleanup_free_ char *asked = name;
    if (control->n_waiting[exchange->client->local] >= CONTROL_WAITING_MAX)
        return send_answer(exchange, too_many_wait());
    exchange->history = ++control->last_history;
    suspend(exchange);
    control->events->history(asked, exchange->history, control->userdata);
    return MHD_YES;
}

/* Answers a change of silences once the state database has it. Takes the answer. */
static enum MHD_Result answer_when_kept(Exchange *exchange, Answer answer)
{
    const Control *control = exchange->control;
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
    Control *control = exchange->control;
    if (control->n_waiting[exchange->client->local] >= CONTROL_WAITING_MAX) {
        free(name);
        return send_answer(exchange, too_many_wait());
    }
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
    Control *control = exchange->control;
    Streams *streams = &exchange->listener->streams;
    if (streams->n >= STREAM_LISTENERS_MAX)
        return send_answer(exchange, route_error(503, "too-many", "too many listen already"));
    timer_arm(control->heartbeat, HEARTBEAT_USEC);
    return streams_add(streams, exchange->connection, exchange->listener);
}

/* Takes the answer, and does what it says first. */
static enum MHD_Result do_and_answer(Exchange *exchange, Answer answer)
{
    Control *control = exchange->control;
    Snapshot snapshot = { 0 };
    int64_t id = answer.silence.id;
    switch (answer.action) {
    case ACTION_PROBE:
        return await_probe(exchange, answer.probe);
    case ACTION_SILENCE:
        id = control->events->silence(answer.silence, control->userdata);
        control->events->snapshot(&snapshot, control->userdata);
        return answer_when_kept(exchange, route_silenced(id, &snapshot));
    case ACTION_PAGE:
        return send_page(exchange);
    case ACTION_STREAM:
        return send_stream(exchange);
    case ACTION_UNSILENCE:
        control->events->unsilence(id, control->userdata);
        return answer_when_kept(exchange, route_unsilenced(id));
    case ACTION_HISTORY:
        return await_history(exchange, answer.probe);
    default:
        return send_answer(exchange, answer);
    }
}

static const char *filter(struct MHD_Connection *connection, const char *key)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
}

static enum MHD_Result answer_request(Exchange *exchange, const char *method)
{
    struct MHD_Connection *connection = exchange->connection;
    Control *control = exchange->control;
    Snapshot snapshot = { 0 };
    Answer answer = exchange->answer;
    exchange->answer = (Answer) { 0 };
    if (answer.status > 0)
        return send_answer(exchange, answer);
    control->events->snapshot(&snapshot, control->userdata);
    if (exchange->waits_for)
        return send_answer(exchange, route_probed(exchange->waits_for, &snapshot));
    char author[32];
    client_author(exchange->client, author, sizeof author);
    const Request request = {
        .method = method,
        .path = head_path(&exchange->head),
        .local = exchange->client->local && !head_is_of_browser(&exchange->head),
        .author = author,
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

static enum MHD_Result on_field(void *userdata, enum MHD_ValueKind kind _unused_, const char *name,
                                const char *value)
{
    head_add(userdata, name, value);
    return MHD_YES;
}

/* What is wrong with the head comes before everything else: no other part of dbcertd sees such a request. */
static enum MHD_Result begin(Exchange *exchange, const char *target)
{
    const Control *control = exchange->control;
    Snapshot snapshot = { 0 };
    exchange->head.target = target;
    (void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, on_field, &exchange->head);
    control->events->snapshot(&snapshot, control->userdata);
    const RefusalInfo *info = refusal_info(head_check(&exchange->head, snapshot.socket_hosts));
    if (info->status != 0)
        return send_answer(exchange, route_error(info->status, info->code, info->message));
    if (announces_too_much(exchange->connection))
        return send_answer(exchange, route_error(413, "too-large", "the request's body is too large"));
    return MHD_YES;
}

/* MHD calls this first with the head, then with each piece of a body, then once more; and again after a resume.
 */
static enum MHD_Result on_request(Listener *listener, struct MHD_Connection *connection, const char *target,
                                  const char *method, const char *body, size_t *body_size, void **state,
                                  void *userdata)
{
    Exchange *exchange = *state;
    if (!exchange) {
        *state = exchange = xcalloc(1, sizeof *exchange);
        exchange->listener = listener;
        exchange->control = userdata;
        exchange->connection = connection;
        exchange->client = client_of(connection);
        return begin(exchange, target);
    }
    if (*body_size > 0) {
        size_t size = *body_size;
        *body_size = 0;
        if (size > CONTROL_REQUEST_BYTES_MAX - exchange->body.size)
            return MHD_NO;
        buffer_append(&exchange->body, body, size);
        return MHD_YES;
    }
    return answer_request(exchange, method);
}

static void on_completed(void **state)
{
    Exchange *exchange = *state;
    if (!exchange)
        return;
    free(exchange->waits_for);
    buffer_deinit(&exchange->body);
    free(exchange);
    *state = NULL;
}

int control_serve(Control *control, int fd)
{
    if (control->n_listeners == LISTENERS_MAX) {
        close(fd);
        return -E2BIG;
    }
    Listener *listener;
    const ListenerEvents events = { .request = on_request, .completed = on_completed, .userdata = control };
    int r = listener_new(&listener, control->event, fd, &control->clients, &events);
    if (r < 0)
        return r;
    control->listeners[control->n_listeners++] = listener;
    return 0;
}

void control_changed(Control *control, const char *endpoint)
{
    if (!control || !has_streams(control))
        return;
    _cleanup_free_ char *lines = endpoint
                                     ? xasprintf("event: change\ndata: {\"endpoint\":\"%s\"}\n\n", endpoint)
                                     : xstrdup("event: change\ndata: {\"endpoint\":null}\n\n");
    tell_all(control, lines); /* a name has nothing to be escaped */
}

void control_quiesce(Control *control)
{
    end_streams(control);
    for (size_t i = 0; i < control->n_listeners; i++)
        listener_quiesce(control->listeners[i]);
}

bool control_is_idle(const Control *control)
{
    for (size_t i = 0; i < control->n_listeners; i++)
        if (listener_count(control->listeners[i]) > 0)
            return false;
    return true;
}

int control_listen(Control *control, const char *path)
{
    int fd = socket_listen(path);
    if (fd < 0)
        return fd;
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
