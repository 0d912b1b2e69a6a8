#pragma once

/*
 * What a TLS session reads from, and writes to where records of the handshake travel inside packets of the
 * database's own protocol (SQL Server's TDS 7). Keeps the first bytes that came, to tell whether they were TLS.
 */

#include <sys/types.h>

#include "engine/dialogue.h"

typedef struct Tunnel {
    int fd;             /* borrowed, as is the dialogue */
    Dialogue *dialogue; /* its detail says why a packet could not be understood */
    bool wraps;         /* records are inside packets; false once the handshake is over */
    Buffer flight;      /* records that go out together */
    Buffer out;         /* packets, on their way */
    Buffer in;          /* records that came */
    uint64_t n_taken;   /* bytes of them */
    uint64_t n_before;  /* when it was last asked whether there are more */
    uint8_t first[8];   /* of what came bare */
    size_t n_first;
} Tunnel;

void tunnel_deinit(Tunnel *tunnel);

/* As send() and recv() on a non-blocking socket: -1 and errno. A flight is sent when an answer to it is waited
 * for. */
ssize_t tunnel_push(void *tunnel, const void *data, size_t size);
ssize_t tunnel_pull(void *tunnel, void *data, size_t size);

/* Whether packets wait for the socket to become writable. */
bool tunnel_is_full(const Tunnel *tunnel);

/*
 * Whether bytes that came wait to be taken, and some were since this was last asked: GnuTLS may want to be
 * called again behind each record, and the socket does not become readable for what is here already.
 */
bool tunnel_has_more(Tunnel *tunnel);

/* Whether the server has begun to speak TLS; inside packets, those tell. */
bool tunnel_is_tls(const Tunnel *tunnel);
