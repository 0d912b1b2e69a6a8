#include "control/client.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timer.h"

#define IDLE_USEC           (CLIENT_IDLE_SECONDS * USEC_PER_SEC)
#define TIMER_ACCURACY_USEC (100 * USEC_PER_MSEC)

static const struct {
    unsigned clients;
    size_t bytes;
    int send_bytes;
} limits[] = {
    [false] = { CLIENTS_TCP_MAX, CLIENTS_TCP_BYTES_MAX, CLIENT_TCP_SEND_BYTES },
    [true] = { CLIENTS_UNIX_MAX, CLIENTS_UNIX_BYTES_MAX, CLIENT_UNIX_SEND_BYTES },
};

static void unlink_client(Client *client)
{
    Clients *clients = client->clients;
    *(client->before ? &client->before->after : &clients->first) = client->after;
    *(client->after ? &client->after->before : &clients->last) = client->before;
}

/* Everybody has the same time, so that the last deadline is behind all others. */
static void append_client(Client *client)
{
    Clients *clients = client->clients;
    client->deadline_usec = clock_boottime_usec() + IDLE_USEC;
    client->before = clients->last;
    client->after = NULL;
    *(clients->last ? &clients->last->after : &clients->first) = client;
    clients->last = client;
}

static void release(Client *client)
{
    client->clients->crowds[client->local].bytes -= client->bytes;
    client->bytes = 0;
    client->held = NULL;
}

/* MHD ends the connection once it has seen that nothing can be read or written any more. */
static void drop(Client *client)
{
    if (client->held)
        buffer_deinit(client->held);
    release(client);
    client->dropped = true;
    (void)shutdown(client->fd, SHUT_RDWR);
}

static int on_timer(sd_event_source *source, uint64_t now _unused_, void *userdata)
{
    const Clients *clients = userdata;
    uint64_t now_usec = clock_boottime_usec(), next_usec = now_usec + IDLE_USEC;
    unsigned n = 0;
    for (Client *client = clients->first; client; client = client->after) {
        if (client->waits || client->dropped)
            continue;
        if (client->deadline_usec > now_usec) {
            next_usec = client->deadline_usec;
            break;
        }
        drop(client);
        n++;
    }
    if (n > 0)
        log_debug("control: hung up on %u clients that did not go on", n);
    timer_arm_at(source, clients->first ? next_usec : UINT64_MAX);
    return 0;
}

int clients_init(Clients *clients, sd_event *event)
{
    return timer_new(&clients->timer, event, TIMER_ACCURACY_USEC, on_timer, clients);
}

void clients_deinit(Clients *clients)
{
    sd_event_source_disable_unref(clients->timer);
}

unsigned clients_max(bool local)
{
    return limits[local].clients;
}

bool clients_have_room(const Clients *clients, bool local)
{
    return clients->crowds[local].n < limits[local].clients;
}

Client *client_new(Clients *clients, int fd, bool local)
{
    Client *client = xcalloc(1, sizeof *client);
    *client = (Client) { .clients = clients, .fd = fd, .local = local };
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &limits[local].send_bytes, sizeof limits[local].send_bytes) < 0)
        log_debug("control: cannot limit a send buffer, ignoring: %m");
    if (!clients->first)
        timer_arm(clients->timer, IDLE_USEC);
    append_client(client);
    clients->crowds[local].n++;
    return client;
}

void client_free(Client *client)
{
    release(client);
    unlink_client(client);
    client->clients->crowds[client->local].n--;
    free(client);
}

Client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

/* The one that holds memory and has taken nothing for the longest time; NULL if it is the last one of all. */
static Client *find_idlest(const Clients *clients, bool local)
{
    for (Client *client = clients->first; client != clients->last; client = client->after)
        if (client->local == local && client->held)
            return client;
    return NULL;
}

void client_goes_on(Client *client, Buffer *held)
{
    Clients *clients = client->clients;
    Crowd *crowd = &clients->crowds[client->local];
    unlink_client(client);
    append_client(client);
    release(client);
    client->held = held && held->capacity > 0 ? held : NULL;
    client->bytes = client->held ? held->capacity : 0;
    crowd->bytes += client->bytes;
    while (crowd->bytes > limits[client->local].bytes) {
        Client *idlest = find_idlest(clients, client->local);
        if (!idlest)
            return; /* one answer there may always be */
        drop(idlest);
    }
}

void client_waits(Client *client, bool waits)
{
    client->waits = waits;
    unlink_client(client);
    append_client(client);
}

bool client_is_local(int fd)
{
    int domain = 0;
    socklen_t size = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

void client_author(const Client *client, char *text, size_t size)
{
    struct ucred peer = { 0 };
    socklen_t length = sizeof peer;
    if (client->local && getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
        snprintf(text, size, "uid %u", (unsigned)peer.uid);
    else
        snprintf(text, size, "unknown"); /* the kernel knows the peers of Unix sockets alone */
}
