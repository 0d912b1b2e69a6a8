#pragma once

/*
 * What is said before and after the TLS handshake, in the engine's own protocol: bytes in, bytes out, no fd, no
 * clock. One file per protocol. The caller moves the bytes, keeps the deadline and performs the handshake:
 *
 *     step = dialogue_start();  while MORE: send out, read at most dialogue_wants() bytes, step =
 * dialogue_feed() SECURE: send out, perform the TLS handshake, step = dialogue_secured(); then bytes travel
 * inside TLS LEAVE: send out, close_notify, close.  All else ends the dialogue; detail says why.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "model/endpoint.h"

typedef enum DialogueStep {
    DIALOGUE_MORE,
    DIALOGUE_SECURE,
    DIALOGUE_LEAVE,
    DIALOGUE_REFUSED, /* the server does without TLS */
    DIALOGUE_BLOCKED, /* the server does not talk to this host any more */
    DIALOGUE_FAILED,  /* the server says that it cannot serve us now */
    DIALOGUE_GARBAGE, /* what came is not this protocol */
} DialogueStep;

#define DIALOGUE_SHA1_BYTES 20

/* The caller lends the hash, so that the bytes need no TLS library. */
typedef void (*dialogue_sha1_fn)(const void *data, size_t size, uint8_t ret[DIALOGUE_SHA1_BYTES]);

/* Borrowed for the dialogue's life. */
typedef struct DialogueParams {
    Farewell farewell;
    const char *user;     /* for FAREWELL_LOGIN; the others need none */
    const char *password; /* NULL: none */
    dialogue_sha1_fn sha1;
} DialogueParams;

typedef struct Dialogue Dialogue;

/* One protocol. */
typedef struct Protocol {
    DialogueStep (*start)(Dialogue *dialogue, Buffer *out);
    size_t (*wants)(const Dialogue *dialogue);
    DialogueStep (*feed)(Dialogue *dialogue, Buffer *out); /* dialogue->in has grown */
    DialogueStep (*secured)(Dialogue *dialogue, Buffer *out);
    bool counts; /* the server counts connections that end before login against the client's address */
} Protocol;

extern const Protocol protocol_postgres, protocol_mysql, protocol_tls;

struct Dialogue {
    const Protocol *protocol;
    DialogueParams params;
    Buffer in;        /* received, not yet understood */
    int state;        /* the protocol's own */
    char *detail;     /* why it ended; NULL if there is nothing to say */
    bool counted;     /* if the connection ended here, the server would count it against our address */
    bool secure;      /* TLS is up */
    unsigned rounds;  /* answers given after TLS, bounded */
    uint8_t sequence; /* MySQL: of the packet that was read last */
    uint8_t salt[20]; /* MySQL: of the greeting */
    uint32_t capabilities;
};

void dialogue_init(Dialogue *dialogue, EngineFamily family, const DialogueParams *params);
void dialogue_deinit(Dialogue *dialogue);

DialogueStep dialogue_start(Dialogue *dialogue, Buffer *out);

/* How many bytes may be read next: not one that belongs to TLS. At least 1. */
size_t dialogue_wants(const Dialogue *dialogue);

/* size: 1 .. dialogue_wants(), or anything once TLS is up. */
DialogueStep dialogue_feed(Dialogue *dialogue, const uint8_t *data, size_t size, Buffer *out);

DialogueStep dialogue_secured(Dialogue *dialogue, Buffer *out);

/* For the protocols: ends with a detail; bytes of the peer's in it are made printable. */
DialogueStep dialogue_end(Dialogue *dialogue, DialogueStep step, const char *format, ...) _printf_(3, 4);
