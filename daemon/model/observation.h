#pragma once

/* What one probe of one address saw. Never changes once it is made, but for what is kept of its chain
 * (pki/keep.h); shared by reference. */

#include "model/certificate.h"
#include "model/endpoint.h"

typedef enum Outcome {
    OUTCOME_FETCHED, /* the handshake completed, the certificate is known */
    OUTCOME_NAME_UNRESOLVED,
    OUTCOME_UNREACHABLE,
    OUTCOME_TLS_REFUSED,
    OUTCOME_HANDSHAKE_FAILED,
    OUTCOME_PROBER_BLOCKED,
} Outcome;
#define N_OUTCOMES (OUTCOME_PROBER_BLOCKED + 1)
DECLARE_STRING_TABLE(outcome, Outcome);

typedef enum Stage { /* how far it came */
                     STAGE_RESOLVE,
                     STAGE_DIAL,
                     STAGE_PREAMBLE,
                     STAGE_HANDSHAKE,
                     STAGE_FAREWELL,
                     STAGE_DONE,
} Stage;
DECLARE_STRING_TABLE(stage, Stage);

/* Whether the server does without TLS. */
typedef enum Plaintext {
    PLAINTEXT_UNKNOWN,
    PLAINTEXT_ACCEPTED,
    PLAINTEXT_REFUSED,
} Plaintext;
DECLARE_STRING_TABLE(plaintext, Plaintext);

/* What strict clients would not have negotiated. */
typedef enum TlsAge {
    TLS_AGE_CURRENT,
    TLS_AGE_OLD_SUITE,   /* no forward secrecy, or a cipher of 64-bit blocks or RC4 (RFC 9325, 4.1 and 4.2) */
    TLS_AGE_OLD_VERSION, /* before TLS 1.2 (RFC 8996) */
} TlsAge;

/* Errors of MySQL and MariaDB in place of a greeting that are told apart. */
enum {
    ER_CON_COUNT_ERROR = 1040,
    ER_HOST_IS_BLOCKED = 1129,
    ER_HOST_NOT_PRIVILEGED = 1130,
};

/* Of MySQL and MariaDB, by default: so many connections that end before login block a host. */
#define MAX_CONNECT_ERRORS 100

typedef struct Observation {
    unsigned n_refs;
    Address address;
    Outcome outcome;
    Stage stage;
    char *detail; /* what went wrong, for people; also set when only the farewell did; else NULL */
    int64_t observed_at;
    uint64_t duration_usec;
    char *tls_version; /* "TLS1.3"; the four are NULL unless the handshake completed */
    char *tls_cipher;
    char *tls_group; /* NULL also with static RSA */
    char *tls_alpn;  /* NULL also if there was none */
    TlsAge tls_age;
    Plaintext claim; /* MySQL: what the server says of itself; PLAINTEXT_REFUSED: that it requires TLS */
    Plaintext plaintext;
    unsigned server_error; /* MySQL's number of the error that came in place of a greeting; 0: none */
    Chain chain;           /* may be there even if the handshake failed later */
    bool no_route;         /* this host cannot send to such an address at all */
    bool counted; /* the server may count this connection against our address (MySQL's max_connect_errors) */
} Observation;

Observation *observation_new(const Address *address);
Observation *observation_ref(Observation *observation);
void observation_unref(Observation *observation);
CLEANUP_OF(Observation, observation_unref);

/* What the chain is worth, time aside: dates are evaluated by the rules, again and again. */
typedef struct Verification {
    bool made;         /* false: of this chain, or against this bundle, it is still to be */
    bool possible;     /* a bundle was there to verify against */
    bool trusted;      /* leads to a root of the bundle */
    bool incomplete;   /* trusted only with an intermediate that the bundle holds and the server did not send */
    bool self_signed;  /* the server certificate is its own issuer */
    bool name_matches; /* RFC 9525 */
    char *reason;      /* why it is not trusted; NULL if it is */
    Chain path;        /* what is known above the server's certificate, the signer first, as far as it goes */
    bool anchored;     /* the last one of the path is a root of the bundle's, not one that was sent */
} Verification;

void verification_deinit(Verification *verification);
