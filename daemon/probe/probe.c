#include "probe/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/dialogue.h"
#include "model/reach.h"
#include "pki/facts.h"
#include "probe/session.h"
#include "probe/tunnel.h"

#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)
#define NO_FILE_WAIT_USEC   (50 * USEC_PER_MSEC)

/* How long the server may take to hang up after our close_notify; longer would only hold a socket. */
#define LINGER_USEC (1 * USEC_PER_SEC)

/* What may come after close_notify before we hang up all the same. */
#define LINGER_BYTES_MAX 65536

typedef enum ProbeState {
    PROBE_DIAL,     /* connect() */
    PROBE_PREAMBLE, /* the dialogue, in the clear */
    PROBE_HANDSHAKE,
    PROBE_FAREWELL, /* the dialogue, inside TLS */
    PROBE_BYE,      /* close_notify */
    PROBE_SHUTDOWN, /* which may wait for what was written before */
    PROBE_LINGER,   /* until the server hangs up: close() on unread bytes would be a reset, which servers log */
} ProbeState;

struct Probe {
    sd_event *event;
    sd_event_source *start, *io, *deadline;
    Endpoint *endpoint;
    Pool *pool;
    probe_fn done;
    probe_authorises_fn authorises;
    void *userdata;
    ProbeState state;
    int fd;
    Dialogue dialogue;
    Buffer out;
    Tunnel tunnel;
    Session *session;
    Observation *observation;
    uint64_t started_usec;
    size_t lingered;
    bool no_file; /* there was none for a socket */
};

typedef enum Next {
    NEXT_AGAIN, /* the state has changed: go on */
    NEXT_READ,
    NEXT_WRITE,
    NEXT_END,
} Next;

static const Stage stages[] = {
    [PROBE_DIAL] = STAGE_DIAL,         [PROBE_PREAMBLE] = STAGE_PREAMBLE, [PROBE_HANDSHAKE] = STAGE_HANDSHAKE,
    [PROBE_FAREWELL] = STAGE_FAREWELL, [PROBE_BYE] = STAGE_FAREWELL,      [PROBE_SHUTDOWN] = STAGE_FAREWELL,
    [PROBE_LINGER] = STAGE_DONE,
};

void probe_free(Probe *probe)
{
    if (!probe)
        return;
    sd_event_source_disable_unref(probe->start);
    sd_event_source_disable_unref(probe->io);
    sd_event_source_disable_unref(probe->deadline);
    session_free(probe->session);
    closep(&probe->fd);
    tunnel_deinit(&probe->tunnel);
    dialogue_deinit(&probe->dialogue);
    buffer_wipe(&probe->out);
    observation_unref(probe->observation);
    endpoint_unref(probe->endpoint);
    sd_event_unref(probe->event);
    free(probe);
}

_printf_(3, 4) static Next end(Probe *probe, Outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    free(probe->observation->detail);
    probe->observation->detail = xvasprintf(format, args);
    va_end(args);
    probe->observation->outcome = outcome;
    return NEXT_END;
}

/* The certificate is known; only the farewell was cut short. */
static Next end_farewell(Probe *probe, const char *why)
{
    const char *detail = probe->dialogue.detail; /* why it was not given the login, say */
    if (!probe->observation->detail && (detail || probe->dialogue.counted))
        return end(probe, OUTCOME_FETCHED, "%s%s", detail ? detail : why,
                   detail ? "" : " before the farewell was over");
    return NEXT_END;
}

static Next change_state(Probe *probe, ProbeState state)
{
    probe->state = state;
    return NEXT_AGAIN;
}

static void finish(Probe *probe)
{
    Observation *o = probe->observation;
    o->stage = stages[probe->state];
    o->observed_at = clock_now();
    o->duration_usec = clock_boottime_usec() - probe->started_usec;
    o->counted = probe->dialogue.counted && probe->state != PROBE_DIAL;
    o->claim = probe->dialogue.claim;
    o->plaintext = probe->dialogue.plaintext;
    o->server_error = probe->dialogue.error;
    if (probe->session && o->chain.n == 0)
        session_take_chain(probe->session, &o->chain);
    sd_event_source_disable_unref(TAKE(probe->io));
    sd_event_source_disable_unref(TAKE(probe->deadline));
    probe->done(probe, o, probe->userdata);
}

/* What a step of the dialogue asks for. */
static Next obey(Probe *probe, DialogueStep step)
{
    const char *detail = probe->dialogue.detail ? probe->dialogue.detail : "";
    switch (step) {
    case DIALOGUE_MORE:
        return probe->out.size > 0 ? NEXT_WRITE : NEXT_READ;
    case DIALOGUE_SECURE:
        return change_state(probe, PROBE_HANDSHAKE);
    case DIALOGUE_LEAVE:
        if (*detail)
            (void)end(probe, OUTCOME_FETCHED, "%s", detail);
        return change_state(probe, PROBE_BYE);
    case DIALOGUE_REFUSED:
        return end(probe, OUTCOME_TLS_REFUSED, "%s", detail);
    case DIALOGUE_BLOCKED:
        return end(probe, OUTCOME_PROBER_BLOCKED, "%s", detail);
    case DIALOGUE_FAILED:
        return end(probe, OUTCOME_UNREACHABLE, "%s", detail);
    case DIALOGUE_GARBAGE:
        break;
    }
    /* Nonsense inside TLS takes nothing from the certificate. */
    return end(probe, probe->dialogue.secure ? OUTCOME_FETCHED : OUTCOME_HANDSHAKE_FAILED, "%s", detail);
}

static Next failed_socket(Probe *probe, const char *doing, int error)
{
    if (error == ECONNREFUSED)
        return end(probe, OUTCOME_UNREACHABLE, "connection refused");
    if (error == ECONNRESET || error == EPIPE)
        return end(probe, OUTCOME_UNREACHABLE, "the server reset the connection");
    return end(probe, OUTCOME_UNREACHABLE, "%s: %s", doing, strerror(error));
}

/* Sends what is to be sent. NEXT_AGAIN when all is gone. */
static Next flush_clear(Probe *probe)
{
    tunnel_say(&probe->tunnel, &probe->out);
    if (tunnel_flush(&probe->tunnel, 0) == 0)
        return NEXT_AGAIN;
    return errno == EAGAIN ? NEXT_WRITE : failed_socket(probe, "send", errno);
}

static Next do_dial(Probe *probe)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error)
        return failed_socket(probe, "connect", error);
    (void)change_state(probe, PROBE_PREAMBLE);
    Next next = obey(probe, dialogue_start(&probe->dialogue, &probe->out));
    return next == NEXT_WRITE ? NEXT_AGAIN : next;
}

static Next do_preamble(Probe *probe)
{
    uint8_t bytes[4096];
    for (;;) {
        Next next = flush_clear(probe);
        if (next != NEXT_AGAIN)
            return next;
        size_t wants = dialogue_wants(&probe->dialogue);
        ssize_t n = tunnel_receive(&probe->tunnel, bytes, wants < sizeof bytes ? wants : sizeof bytes);
        if (n < 0 && errno == EAGAIN)
            return NEXT_READ;
        if (n < 0)
            return failed_socket(probe, "receive", errno);
        if (n == 0)
            return end(probe, OUTCOME_UNREACHABLE, "the server closed the connection before TLS");
        next = obey(probe, dialogue_feed(&probe->dialogue, bytes, (size_t)n, &probe->out));
        if (next == NEXT_AGAIN || next == NEXT_END)
            return next;
    }
}

/* The session waits for the server. */
static Next wait_for_server(Probe *probe)
{
    if (tunnel_has_more(&probe->tunnel))
        return NEXT_AGAIN;
    return tunnel_is_full(&probe->tunnel) ? NEXT_WRITE : NEXT_READ;
}

/*
 * No server speaks between its consent to TLS and our ClientHello: bytes there are injected into the stream, in
 * the hope that they are taken for what came inside TLS (CVE-2021-23222's class). One that speaks first of all
 * is another kind of server.
 */
static Next begin_session(Probe *probe)
{
    uint8_t bytes[8];
    ssize_t n = tunnel_peek(&probe->tunnel, bytes, sizeof bytes);
    if (n > 0 && dialogue_is_direct(&probe->dialogue))
        return obey(probe, dialogue_not_tls(&probe->dialogue, bytes, (size_t)n, true));
    if (n > 0)
        return end(
            probe, OUTCOME_HANDSHAKE_FAILED,
            "bytes in the clear behind the server's consent to TLS: somebody may be injecting them; refused");
    const bool wraps = dialogue_wraps(&probe->dialogue);
    const SessionParams params = {
        .pool = probe->pool,
        .server_name = endpoint_verify_name(probe->endpoint),
        .alpn = probe->dialogue.protocol->alpn,
        .old_tls = probe->endpoint->engine->old_tls,
        .at_most_tls12 = wraps,
        .p256 = probe->dialogue.protocol->p256,
        .tunnel = &probe->tunnel,
    };
    probe->tunnel.dialogue = &probe->dialogue;
    probe->tunnel.wraps = wraps;
    if (session_new(&probe->session, &params) < 0)
        return end(probe, OUTCOME_HANDSHAKE_FAILED, "cannot make a TLS session for this name");
    return flush_clear(probe);
}

/* If the server did not even begin to speak TLS, the port or the server is another one than it was thought to
 * be. */
static Next fail_handshake(Probe *probe)
{
    const Tunnel *tunnel = &probe->tunnel;
    if (!tunnel_is_tls(tunnel))
        return obey(probe, dialogue_not_tls(&probe->dialogue, tunnel->first, tunnel->n_first, true));
    const char *detail = probe->dialogue.detail;
    return end(probe, OUTCOME_HANDSHAKE_FAILED, "%s", detail ? detail : session_error(probe->session));
}

static Next do_handshake(Probe *probe)
{
    Next next = probe->session ? NEXT_AGAIN : begin_session(probe);
    if (next != NEXT_AGAIN)
        return next;

    SessionStep step = session_handshake(probe->session);
    if (step == SESSION_FAILED)
        return fail_handshake(probe);
    if (step != SESSION_DONE)
        return wait_for_server(probe);
    probe->tunnel.wraps = false;
    session_take_facts(probe->session, probe->observation);
    if (probe->observation->chain.n == 0)
        return end(probe, OUTCOME_HANDSHAKE_FAILED, "the server showed no certificate that can be read");
    probe->observation->outcome = OUTCOME_FETCHED;
    (void)change_state(probe, PROBE_FAREWELL);
    next = obey(probe, dialogue_secured(&probe->dialogue, &probe->out));
    return next == NEXT_WRITE || next == NEXT_READ ? NEXT_AGAIN : next;
}

static Next flush_secure(Probe *probe)
{
    SessionStep step = session_send(probe->session, &probe->out);
    if (step == SESSION_FAILED)
        return end_farewell(probe, session_error(probe->session));
    return step == SESSION_DONE ? NEXT_AGAIN : wait_for_server(probe);
}

static Next do_farewell(Probe *probe)
{
    uint8_t bytes[4096];
    for (;;) {
        Next next = flush_secure(probe);
        if (next != NEXT_AGAIN)
            return next;
        size_t n = 0;
        SessionStep step = session_receive(probe->session, bytes, sizeof bytes, &n);
        if (step == SESSION_FAILED)
            return end_farewell(probe, session_error(probe->session));
        if (step == SESSION_CLOSED)
            return end_farewell(probe, "the server closed the connection");
        if (step != SESSION_DONE)
            return wait_for_server(probe);
        next = obey(probe, dialogue_feed(&probe->dialogue, bytes, n, &probe->out));
        if (next == NEXT_AGAIN || next == NEXT_END)
            return next;
    }
}

static Next do_bye(Probe *probe)
{
    Next next = probe->session ? flush_secure(probe) : flush_clear(probe);
    if (next != NEXT_AGAIN)
        return next;
    if (probe->session)
        session_bye(probe->session);
    return change_state(probe, PROBE_SHUTDOWN);
}

/* The last words and FIN are one segment: the kernel holds those back, 200 ms at most, for what follows
 * (MSG_MORE of send(2), TCP_CORK of tcp(7)). */
static Next do_shutdown(Probe *probe)
{
    int r = tunnel_flush(&probe->tunnel, MSG_MORE);
    if (r < 0 && errno == EAGAIN)
        return NEXT_WRITE;
    (void)change_state(probe, PROBE_LINGER);
    if (r < 0 || shutdown(probe->fd, SHUT_WR) < 0)
        return NEXT_END; /* the server was quicker */
    (void)sd_event_source_set_time_relative(probe->deadline, LINGER_USEC);
    return NEXT_AGAIN;
}

static Next do_linger(Probe *probe)
{
    uint8_t bytes[4096];
    ssize_t n = 1;
    while (n > 0 && probe->lingered < LINGER_BYTES_MAX) {
        n = tunnel_receive(&probe->tunnel, bytes, sizeof bytes);
        probe->lingered += n > 0 ? (size_t)n : 0;
    }
    return n < 0 && errno == EAGAIN ? NEXT_READ : NEXT_END;
}

static Next (*const handlers[])(Probe *) = {
    [PROBE_DIAL] = do_dial,         [PROBE_PREAMBLE] = do_preamble, [PROBE_HANDSHAKE] = do_handshake,
    [PROBE_FAREWELL] = do_farewell, [PROBE_BYE] = do_bye,           [PROBE_SHUTDOWN] = do_shutdown,
    [PROBE_LINGER] = do_linger,
};

static void drive(Probe *probe)
{
    Next next;
    do
        next = handlers[probe->state](probe);
    while (next == NEXT_AGAIN);
    if (next == NEXT_END ||
        sd_event_source_set_io_events(probe->io, next == NEXT_READ ? EPOLLIN : EPOLLOUT) < 0)
        finish(probe);
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t events, void *userdata)
{
    Probe *probe = userdata;
    if (events & ~(uint32_t)EPOLLOUT)
        probe->tunnel.readable = true;
    drive(probe);
    return 0;
}

static int on_deadline(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Probe *probe = userdata;
    switch (probe->state) {
    case PROBE_DIAL:
        (void)end(probe, OUTCOME_UNREACHABLE, "no answer to the connection attempt in time");
        break;
    case PROBE_PREAMBLE:
        (void)end(probe, OUTCOME_UNREACHABLE, "connected, but the server said nothing, or not enough, in time");
        break;
    case PROBE_HANDSHAKE:
        if (tunnel_is_tls(&probe->tunnel))
            (void)end(probe, OUTCOME_HANDSHAKE_FAILED, "the TLS handshake did not end in time");
        else
            (void)obey(probe, dialogue_not_tls(&probe->dialogue, NULL, 0, false));
        break;
    case PROBE_FAREWELL:
    case PROBE_BYE:
    case PROBE_SHUTDOWN:
        (void)end_farewell(probe, "time ran out");
        break;
    case PROBE_LINGER:
        break;
    }
    finish(probe);
    return 0;
}

/* The one place that connects, and so the one that refuses to, whatever the address came from. A failure of
 * ours to make a socket is reported as that: nothing was learnt about the server. */
static Next dial(Probe *probe)
{
    const Address *address = &probe->observation->address;
    _cleanup_free_ char *refusal = endpoint_refusal(probe->endpoint, address);
    if (refusal)
        return end(probe, OUTCOME_UNREACHABLE, "%s", refusal);
    probe->fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    probe->no_file = probe->fd < 0 && (errno == EMFILE || errno == ENFILE);
    if (probe->fd < 0)
        return failed_socket(probe, "socket", errno);
    probe->tunnel.fd = probe->fd;
    int r = sd_event_add_io(probe->event, &probe->io, probe->fd, EPOLLOUT, on_io, probe);
    if (r < 0)
        return failed_socket(probe, "epoll", -r);
    if (connect(probe->fd, &address->sa, address_length(address)) < 0 && errno != EINPROGRESS) {
        probe->observation->no_route = errno == ENETUNREACH || errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
        return failed_socket(probe, "connect", errno);
    }
    return NEXT_WRITE;
}

/* As long as this process has no file left, others end and leave theirs: that is not the server's failure. */
static int on_start(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Probe *probe = userdata;
    if (dial(probe) != NEXT_END)
        return 0;
    sd_event_source_disable_unref(TAKE(probe->start));
    if (!probe->no_file ||
        sd_event_add_time_relative(probe->event, &probe->start, CLOCK_BOOTTIME, NO_FILE_WAIT_USEC,
                                   TIMER_ACCURACY_USEC, on_start, probe) < 0)
        finish(probe);
    return 0;
}

static int on_soon(sd_event_source *source, void *userdata)
{
    return on_start(source, 0, userdata);
}

/* By the chain of this very connection, which the handshake has proved to be the server's own. */
static bool on_authorises(void *userdata, char **ret_reason)
{
    Probe *probe = userdata;
    return probe->authorises(&probe->observation->chain, probe->userdata, ret_reason);
}

static DialogueMode mode_of(const ProbeParams *params)
{
    const bool direct = params->endpoint->direct_tls || params->endpoint->strict;
    return params->plaintext ? DIALOGUE_PLAINTEXT : direct ? DIALOGUE_DIRECT : DIALOGUE_PREAMBLE;
}

int probe_new(Probe **ret, sd_event *event, const ProbeParams *params, probe_fn done,
              probe_authorises_fn authorises, void *userdata)
{
    _cleanup_(probe_freep) Probe *probe = xcalloc(1, sizeof *probe);
    Endpoint *endpoint = params->endpoint;
    probe->event = sd_event_ref(event);
    probe->endpoint = endpoint_ref(endpoint);
    probe->pool = params->pool;
    probe->fd = -1;
    probe->done = done;
    probe->authorises = authorises;
    probe->userdata = userdata;
    probe->started_usec = clock_boottime_usec();
    probe->observation = observation_new(params->address);
    const DialogueParams words = {
        .mode = mode_of(params),
        .farewell = (Farewell)endpoint->farewell,
        .port = (uint16_t)endpoint->port,
        .user = endpoint->user,
        .password = params->password,
        .asks = endpoint->check_plaintext,
        .claim = params->claim,
        .sha1 = pki_sha1,
        .sha256 = pki_sha256,
        .authorises = authorises ? on_authorises : NULL,
        .userdata = probe,
    };
    dialogue_init(&probe->dialogue, endpoint->engine->family, &words);
    int r = sd_event_add_defer(event, &probe->start, on_soon, probe);
    if (r >= 0)
        r = sd_event_add_time(event, &probe->deadline, CLOCK_BOOTTIME, params->deadline_usec,
                              TIMER_ACCURACY_USEC, on_deadline, probe);
    if (r < 0)
        return r;
    *ret = TAKE(probe);
    return 0;
}
