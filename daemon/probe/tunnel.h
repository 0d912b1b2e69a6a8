#pragma once

/*
 * Carries the records of a TLS handshake inside packets of the database's own protocol (SQL Server's TDS 7),
 * and bare once it is over. tunnel_push() and tunnel_pull() are a session's transport.
 */

#include <sys/types.h>

#include "engine/dialogue.h"

typedef struct Tunnel {
    int fd;             /* borrowed, as is the dialogue */
    Dialogue *dialogue; /* its detail says why a packet could not be understood */
    bool open;          /* the handshake is over */
    Buffer flight;      /* records that go out together */
    Buffer out;         /* packets, on their way */
    Buffer in;          /* records that came */
} Tunnel;

void tunnel_deinit(Tunnel *tunnel);

/* As send() and recv() on a non-blocking socket: -1 and errno. A flight is sent when an answer to it is waited
 * for. */
ssize_t tunnel_push(void *tunnel, const void *data, size_t size);
ssize_t tunnel_pull(void *tunnel, void *data, size_t size);

/* Whether packets wait for the socket to become writable. */
bool tunnel_is_full(const Tunnel *tunnel);
