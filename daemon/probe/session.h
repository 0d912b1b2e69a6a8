#pragma once

/* A TLS client that completes the handshake whatever the certificate is, and keeps the chain it was shown. */

#include "base/macro.h"
#include "model/observation.h"
#include "pki/pool.h"
#include "probe/tunnel.h"

typedef struct Session Session;

typedef enum SessionStep {
    SESSION_DONE,
    SESSION_WAIT, /* again when the tunnel has moved bytes */
    SESSION_CLOSED,
    SESSION_FAILED, /* session_error() says why */
} SessionStep;

typedef struct SessionParams {
    Pool *pool;              /* of certificates; borrowed */
    const char *server_name; /* for SNI; NULL or an address literal: none */
    const char *alpn;        /* NULL: none is offered */
    bool old_tls; /* offer what old servers need, behind what is current: TLS 1.0, static RSA, 3DES */
    bool at_most_tls12;
    bool p256;      /* the one key share is of P-256, not of X25519 */
    Tunnel *tunnel; /* to the server; borrowed */
} SessionParams;

int session_new(Session **ret, const SessionParams *params);
void session_free(Session *session);
CLEANUP_OF(Session, session_free);

SessionStep session_handshake(Session *session);

/* To the tunnel; what went is taken from the data. */
SessionStep session_send(Session *session, Buffer *data);

/* On SESSION_DONE *ret_size says how many bytes there are, at least 1. */
SessionStep session_receive(Session *session, void *data, size_t size, size_t *ret_size);

/* Says close_notify (RFC 8446, 6.1), and does not wait for the server's. */
void session_bye(Session *session);

const char *session_error(const Session *session);

/* Moves the chain as it was sent, server certificate first; empty until the server has sent it. */
void session_take_chain(Session *session, Chain *ret);

/* After the handshake: the same, and what was negotiated. */
void session_take_facts(Session *session, Observation *ret);
