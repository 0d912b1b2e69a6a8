#pragma once

/* All that is known of one endpoint: what was seen, and what follows from it. */

#include "model/counters.h"
#include "model/daemon-state.h"
#include "model/finding.h"
#include "model/history.h"
#include "model/observation.h"
#include "model/shown.h"
#include "model/silence.h"
#include "model/trust.h"

/* Probes that failed in a row, without one that fetched a certificate in between. */
typedef struct Streak {
    unsigned n;
    int64_t first_at;
} Streak;

/* One certificate came in place of another, and that was said. */
typedef struct Replacement {
    char before[65], now[65]; /* SHA-256 */
    int64_t at;
} Replacement;
#define REPLACEMENTS_KEPT 4

typedef struct AddressState {
    Address address;
    bool gone; /* the name does not have it any more; what was seen there stands in until another has been seen
                */
    Observation *latest; /* NULL until the first probe has ended */
    Observation *seen;   /* the latest one with a chain; goes on ageing while probes fail; NULL if none yet */
    Verification verification; /* of seen's chain */
    int64_t changed_at;        /* when this run saw it first in place of another; INSTANT_NONE: it did not */
    Streak failures;
    Plaintext plaintext;       /* whether it does without TLS, as far as it was asked */
    int64_t plaintext_at;      /* when it was; INSTANT_NONE: never */
    Replacement *replacements; /* the latest REPLACEMENTS_KEPT, in no order; NULL: there was none yet */
    Shown *shown;              /* which certificates; NULL: one alone */
    int64_t shown_at;     /* when the one that is seen was shown first, in this run; INSTANT_NONE: before */
    unsigned seen_run;    /* the probe run that saw it last, 0: one before this start */
    unsigned shown_run;   /* the one that saw its certificate first */
    uint64_t kept_digest; /* the store's: of what it has written of this last */
    unsigned counted; /* connections that the server may have counted against this host since the last login */
} AddressState;

typedef enum RotationSource {
    SOURCE_CONFIGURED,
    SOURCE_API,
    SOURCE_LIFETIME, /* inferred from the certificate's */
} RotationSource;
DECLARE_STRING_TABLE(rotation_source, RotationSource);

/* When a certificate has to be replaced, by the law of its class. Instants that the class does not know are
 * NONE. */
typedef struct Rotation {
    RotationClass class;
    RotationSource source;
    int64_t half_life;
    int64_t due_at;        /* from here on a rotation is waited for */
    int64_t expected_by;   /* and by here it should have come */
    int64_t overdue_after; /* the last second that is not yet overdue */
    int64_t critical_from;
} Rotation;

typedef struct EndpointState {
    Endpoint *endpoint;
    AddressState *addresses; /* in the order of address_compare() */
    size_t n_addresses;
    Streak unresolved; /* turns in a row in which the name had no address */
    char *unresolved_detail;
    int64_t unresolved_at; /* of the latest such turn */

    /* What the rules made of it, at evaluated_at. */
    int64_t evaluated_at;
    const AddressState *oldest; /* whose certificate has to be replaced first; NULL if none was seen */
    Rotation rotation;          /* of that one */
    char *served_ca;            /* its CA identifier; NULL if that is none of RDS's */
    int64_t ca_not_after;       /* the earliest end in its chain above the server; INSTANT_NONE if not known */
    FindingList findings;
    Severity severity;
    int64_t changes_at; /* when time alone will change the verdict; INSTANT_NEVER if it will not */
    int64_t look_at;    /* when a probe would; INSTANT_NEVER if none is wanted before its turn */

    unsigned run;          /* number of the probe run that is under way, or was the latest; from 1 on */
    int64_t next_probe_at; /* INSTANT_NONE while one is running */

    uint64_t kept_digest; /* the store's: of what it has written of this last, */
    uint64_t kept_set;    /* of which addresses, */
    int64_t kept_at;      /* and when, */
    unsigned n_kept;      /* and how often, in this run */
} EndpointState;

EndpointState *endpoint_state_new(Endpoint *endpoint); /* takes a reference of its own */
void endpoint_state_free(EndpointState *state);
CLEANUP_OF(EndpointState, endpoint_state_free);

/* Forgets the verdict, before a new one is made. */
void endpoint_state_clear_verdict(EndpointState *state);

/* The same for the same addresses. */
uint64_t endpoint_state_hash_addresses(const EndpointState *state);

/* Borrowed, NULL if the address is not known yet. */
AddressState *endpoint_state_find(EndpointState *state, const char *address);

/* The same; makes it, at its place, if it is not. */
AddressState *endpoint_state_add(EndpointState *state, const Address *address);

/* Forgets all that was seen. */
void endpoint_state_forget(EndpointState *state);

/*
 * Whether it is to be said that the certificate which is served now came in place of that one: not again within
 * a day, since behind one address there may be nodes that serve different ones. Then it counts as said. Not at
 * all where there are so many that certificate-unstable reports them in their place.
 */
bool address_state_replaces(AddressState *address, const char *before_sha256, int64_t now);

/* The server certificate that was last seen there; NULL if none. */
const Certificate *address_certificate(const AddressState *address);

/*
 * What happens next to an endpoint by itself, of its half-life, by when a rotation should have come, from when
 * on it is overdue, and the ends of its certificate and its CA: in words, static, and when. NULL if nothing is
 * known.
 */
const char *endpoint_state_next(const EndpointState *state, int64_t now, int64_t *ret_at);

/*
 * The three clocks of what was last seen there: the server's certificate, and of the intermediates and of the
 * roots above it the one that ends first, as far as they are known. By role, borrowed, NULL if there is none.
 */
#define N_CLOCKS (ROLE_ROOT + 1)
void address_clocks(const AddressState *address, const Certificate *ret[N_CLOCKS]);

/*
 * Notes a probe's observation (takes a reference of its own). True if it brought a chain, so that the
 * verification has to be made anew.
 */
bool endpoint_state_note(EndpointState *state, Observation *observation);

/*
 * Notes what a check for plaintext found out. One that found nothing out leaves what was known, and still
 * counts as asked.
 */
void endpoint_state_note_check(EndpointState *state, const Observation *observation);

/* Notes that the name had no address. */
void endpoint_state_note_unresolved(EndpointState *state, const char *detail, int64_t now);

/*
 * Forgets the addresses that the name no longer has. The last known certificate is not lost to a change of
 * addresses: those are kept, as gone, until one of the present ones has shown a certificate.
 * True if any was forgotten: then the verdict has to be made anew.
 */
bool endpoint_state_retain(EndpointState *state, const Address *present, size_t n_present);

/* The same at the end of a turn, when the present ones have been looked at. */
bool endpoint_state_forget_gone(EndpointState *state);

/* Of what is kept on disk: how many transactions there were, and how long the longest took the thread. */
typedef struct StoreCounters {
    uint64_t n_commits;
    uint64_t longest_usec;
    int64_t bytes; /* of the file; 0: nothing is kept */
} StoreCounters;
