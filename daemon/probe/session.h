#pragma once

/* A TLS client that completes the handshake whatever the certificate is, and keeps the chain it was shown. */

#include <sys/types.h>

#include "base/macro.h"
#include "model/observation.h"
#include "pki/pool.h"

typedef struct Session Session;

typedef enum SessionStep {
    SESSION_DONE,
    SESSION_READ,  /* again when the socket is readable */
    SESSION_WRITE, /* again when it is writable */
    SESSION_CLOSED,
    SESSION_FAILED, /* session_error() says why */
} SessionStep;

typedef struct SessionParams {
    int fd;                  /* a connected non-blocking socket; borrowed */
    Pool *pool;              /* of certificates; borrowed */
    const char *server_name; /* for SNI; NULL or an address literal: none */
    const char *alpn;        /* NULL: none is offered */
    bool old_tls; /* offer what old servers need, behind what is current: TLS 1.0, static RSA, 3DES */
    bool at_most_tls12;
    bool p256;    /* the one key share is of P-256, not of X25519 */
    void *tunnel; /* handed to pull, in place of the socket, and to push, unless that is NULL: then it is the
                     socket */
    ssize_t (*push)(void *tunnel, const void *data, size_t size);
    ssize_t (*pull)(void *tunnel, void *data, size_t size);
} SessionParams;

int session_new(Session **ret, const SessionParams *params);
void session_free(Session *session);
CLEANUP_OF(Session, session_free);

SessionStep session_handshake(Session *session);

/* On SESSION_DONE *ret_size says how many bytes were moved, at least 1. */
SessionStep session_send(Session *session, const void *data, size_t size, size_t *ret_size);
SessionStep session_receive(Session *session, void *data, size_t size, size_t *ret_size);

/* Says close_notify (RFC 8446, 6.1), and does not wait for the server's. It may leave with what the caller does
 * next, which is to shut the socket down. */
SessionStep session_bye(Session *session);

const char *session_error(const Session *session);

/* What was negotiated; NULL where there is none. Static. */
const char *session_version(const Session *session);
const char *session_cipher(const Session *session);
const char *session_group(const Session *session);
TlsAge session_age(const Session *session);

/* The protocol that the server chose; NULL if none. The caller's. */
char *session_alpn(const Session *session);

/* The chain as it was sent, server certificate first; empty until the server has sent it. The session's. */
Chain *session_chain(Session *session);
