#pragma once

/*
 * What a TLS session reads from and writes to: what it writes leaves together, when an answer is waited for;
 * and records of the handshake may travel inside packets of the database's own protocol (SQL Server's TDS 7).
 * Keeps the first bytes that came, to tell whether they were TLS.
 */

#include <sys/types.h>

#include "engine/dialogue.h"

typedef struct Tunnel {
    int fd;             /* borrowed, as is the dialogue */
    bool readable;      /* there may be something: set when poll(2) says so, taken back when all was read */
    Dialogue *dialogue; /* its detail says why a packet could not be understood */
    bool wraps;         /* records are inside packets; false once the handshake is over */
    Buffer flight;      /* records that will be wrapped together */
    Buffer out;         /* on its way */
    Buffer in;          /* records that came */
    uint64_t n_taken;   /* bytes of them */
    uint64_t n_before;  /* when it was last asked whether there are more */
    uint8_t first[8];   /* of what came bare */
    size_t n_first;
} Tunnel;

void tunnel_deinit(Tunnel *tunnel);

/* For the session, as send() and recv() on a non-blocking socket: -1 and errno. What was pushed is sent when
 * something is to be pulled that is not here yet. */
ssize_t tunnel_push(void *tunnel, const void *data, size_t size);
ssize_t tunnel_pull(void *tunnel, void *data, size_t size);

/* recv() of what has to do with no record; fails with EAGAIN where nothing is known to be there. */
ssize_t tunnel_receive(Tunnel *tunnel, void *data, size_t size);

/* Looks what is there, known or not, and leaves it there. */
ssize_t tunnel_peek(Tunnel *tunnel, void *data, size_t size);

/* Takes words that are not the session's, to go in the clear. */
void tunnel_say(Tunnel *tunnel, Buffer *words);

/* Sends what was pushed and said; flags as of send(). 0, or -1 and errno. */
int tunnel_flush(Tunnel *tunnel, int flags);

/* Whether some of it waits for the socket to become writable. */
bool tunnel_is_full(const Tunnel *tunnel);

/*
 * Whether bytes that came wait to be taken, and some were since this was last asked: GnuTLS may want to be
 * called again behind each record, and the socket does not become readable for what is here already.
 */
bool tunnel_has_more(Tunnel *tunnel);

/* Whether the server has begun to speak TLS; inside packets, those tell. */
bool tunnel_is_tls(const Tunnel *tunnel);
