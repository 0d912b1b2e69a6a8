#pragma once

/* What a protocol is to engine/dialogue.h, and what all of them use. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "model/observation.h"

typedef enum DialogueStep {
    DIALOGUE_MORE,
    DIALOGUE_SECURE,
    DIALOGUE_LEAVE,
    DIALOGUE_REFUSED, /* the server does without TLS */
    DIALOGUE_BLOCKED, /* the server does not talk to this host any more */
    DIALOGUE_FAILED,  /* the server says that it cannot serve us now */
    DIALOGUE_GARBAGE, /* what came is not this protocol */
} DialogueStep;

typedef enum DialogueMode {
    DIALOGUE_PREAMBLE,  /* words of the protocol lead to TLS */
    DIALOGUE_DIRECT,    /* TLS from the first byte, where servers have to be told so (direct_tls, strict) */
    DIALOGUE_PLAINTEXT, /* never TLS: only finds out whether the server does without */
} DialogueMode;

#define DIALOGUE_SHA1_BYTES   20
#define DIALOGUE_SHA256_BYTES 32

/* The caller lends the hashes, so that the bytes need no TLS library. */
typedef void (*dialogue_digest_fn)(const void *data, size_t size, uint8_t *ret);

/* Borrowed for the dialogue's life. */
typedef struct DialogueParams {
    DialogueMode mode; /* one that the family does not have is its PREAMBLE */
    Farewell farewell;
    uint16_t port;
    const char *user;     /* for FAREWELL_LOGIN; the others need none */
    const char *password; /* NULL: none */
    dialogue_digest_fn sha1, sha256;

    bool asks;       /* FAREWELL_LOGIN: once it is in, also ask whether TLS is required, in `claim` */
    Plaintext claim; /* DIALOGUE_PLAINTEXT: what was said to that */

    /*
     * Whether this server may be given what is made of a secret, the user's name with it: asked once, when TLS
     * is up. On false *ret_reason says why; the dialogue's to free. NULL: it may not.
     */
    bool (*authorises)(void *userdata, char **ret_reason);
    void *userdata;
} DialogueParams;

typedef struct Dialogue Dialogue;

/* One protocol. NULL functions: see dialogue.c. */
typedef struct Protocol {
    DialogueStep (*start)(Dialogue *dialogue, Buffer *out);
    size_t (*wants)(const Dialogue *dialogue);
    DialogueStep (*feed)(Dialogue *dialogue, Buffer *out); /* dialogue->in has grown */
    DialogueStep (*secured)(Dialogue *dialogue, Buffer *out);
    DialogueStep (*not_tls)(Dialogue *dialogue, const uint8_t *data, size_t size, bool in_time);
    const char *not_direct; /* what it means that a server, told to speak TLS first, does something else */
    void (*wrap)(const void *data, size_t size, Buffer *out);
    bool (*unwrap)(Dialogue *dialogue, Buffer *out);
    const char *alpn; /* RFC 7301; NULL: none */
    bool p256;        /* its servers take P-256 as they come, and X25519 not before they have asked again */
    bool counts;      /* the server counts connections that end before login against the client's address */
} Protocol;

extern const Protocol protocol_postgres, protocol_postgres_direct, protocol_postgres_plaintext, protocol_mysql,
    protocol_tds, protocol_tds8, protocol_tls;

struct Dialogue {
    const Protocol *protocol;
    DialogueParams params;
    Buffer in;           /* received, not yet understood */
    int state;           /* the protocol's own */
    char *detail;        /* why it ended; NULL if there is nothing to say */
    bool counted;        /* if the connection ended here, the server would count it against our address */
    bool secure;         /* TLS is up */
    Plaintext claim;     /* MySQL: what it says of itself; PLAINTEXT_REFUSED: that it requires TLS */
    Plaintext plaintext; /* whether the server does without TLS, where it said so */
    unsigned error;      /* MySQL: the number of the error that came in place of a greeting; 0: none */
    unsigned rounds;     /* answers given after TLS, bounded */
    Buffer message;      /* TDS: the data of packets so far */
    size_t packet_left;  /* TDS: bytes of the current packet that are TLS's */
    uint8_t sequence;    /* MySQL: of the packet that was read last */
    uint8_t salt[20];    /* MySQL: of the greeting */
    size_t plugin;       /* MySQL: the authentication plugin that the greeting proposed */
    unsigned eofs;       /* MySQL: of the answer to a query */
    bool authorised;     /* the server gets the configured login; false: that of PROTOCOL_UNKNOWN_USER */
    uint32_t capabilities;
};

/* Ends with a detail; bytes of the peer's in it are escaped. */
DialogueStep protocol_end(Dialogue *dialogue, DialogueStep step, const char *format, ...) _printf_(3, 4);

/* Whether a byte begins a record of TLS (RFC 8446, 5.1). */
bool protocol_is_tls_record(uint8_t type);

/* Must not exist on any server, since a real user's failed logins may lock that user. */
#define PROTOCOL_UNKNOWN_USER "dbcertd-nobody"

/* The start and secured of those that have nothing to say there. */
DialogueStep protocol_secure_at_once(Dialogue *dialogue, Buffer *out);
DialogueStep protocol_leave(Dialogue *dialogue, Buffer *out);
