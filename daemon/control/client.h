#pragma once

/*
 * The clients of the status socket, and what each may cost. Who comes over TCP takes nothing away from the Unix
 * socket: connections and memory are counted apart. Every client has to get on: its request is complete within
 * CLIENT_IDLE_SECONDS, and then it takes a piece of its answer, some 30 KB, within as long. Where answers wait
 * for more memory than there is, the client goes that has taken nothing for the longest time.
 */

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/buffer.h"

/* Far more than a bastion has that ask. The rest waits in the backlog of the listening socket. */
#define CLIENTS_UNIX_MAX 1000
#define CLIENTS_TCP_MAX  200 /* Prometheus, browsers */

/*
 * Of answers that wait in memory. Beside, a client that does not read costs some 32 KB, and twice its send
 * buffer of the kernel's memory. With dbcertd's own 60 MB that is at most 230 MB, where the unit allows 256.
 */
#define CLIENTS_UNIX_BYTES_MAX (32 * 1024 * 1024)
#define CLIENTS_TCP_BYTES_MAX  (8 * 1024 * 1024)
#define CLIENT_UNIX_SEND_BYTES (32 * 1024)
#define CLIENT_TCP_SEND_BYTES  (64 * 1024) /* what is on its way to another host, too */

#define CLIENT_IDLE_SECONDS 30

typedef struct Clients Clients;

typedef struct Client {
    Clients *clients;
    int fd;
    bool local;                    /* over a Unix socket */
    bool dropped;                  /* hung up on; its connection ends when it is run next */
    bool waits;                    /* for a probe: there is no deadline */
    uint64_t deadline_usec;        /* by the clock since boot */
    Buffer *held;                  /* what waits for it in memory; NULL: nothing; borrowed */
    size_t bytes;                  /* of that, as counted */
    struct Client *before, *after; /* by deadlines */
} Client;

typedef struct Crowd {
    unsigned n;   /* clients */
    size_t bytes; /* of their answers */
} Crowd;

struct Clients {
    Client *first, *last;
    Crowd crowds[2]; /* over TCP; over Unix sockets */
    sd_event_source *timer;
};

int clients_init(Clients *clients, sd_event *event);
void clients_deinit(Clients *clients);

/* How many clients one listening socket may have, and whether there is room for another of its kind. */
unsigned clients_max(bool local);
bool clients_have_room(const Clients *clients, bool local);

/* A connection, accepted and ended. MHD keeps the client for it. */
Client *client_new(Clients *clients, int fd, bool local);
void client_free(Client *client);
CLEANUP_OF(Client, client_free);

/* The client of a connection. */
Client *client_of(struct MHD_Connection *connection);

/* The client has taken something: it has its time again. held: what waits for it now, until the next call;
 * NULL: nothing. Others may be dropped for it. */
void client_goes_on(Client *client, Buffer *held);

/* The client waits for a probe, or not any longer. */
void client_waits(Client *client, bool waits);

/* Whether a socket, connected or listening, is a Unix socket. */
bool client_is_local(int fd);

/* Who it is, as the kernel says it: "uid 4711"; a name would have to be looked up, and that may block. */
void client_author(const Client *client, char *text, size_t size);
