#pragma once

/* What is trusted beside the endpoints: bundles that are fetched, and the trust stores of clients on this host.
 */

#include "model/finding.h"

/* A file that a client verifies servers with, as the configuration says; never changes once it is made. */
typedef struct TrustStore {
    char *name;
    char *path;
    char *password_credential; /* NULL: none is needed */
    char **endpoints;          /* names of those that its clients connect to; NULL: all */
    char *origin;              /* "FILE:LINE", for messages */
} TrustStore;

void trust_store_free(TrustStore *store);
CLEANUP_OF(TrustStore, trust_store_free);

/* Whether its clients connect to that endpoint. */
bool trust_store_concerns(const TrustStore *store, const char *endpoint);

typedef enum Acceptance {
    ACCEPTANCE_UNKNOWN, /* nothing was seen yet, or the catalogue does not know the CA */
    ACCEPTANCE_YES,
    ACCEPTANCE_NO,
} Acceptance;

/* What a client with the store makes of one endpoint; texts are owned. */
typedef struct TrustVerdict {
    char *endpoint; /* its name */
    char *region;   /* NULL: not known */
    Acceptance now;
    char *served; /* the CA that signs now: its identifier, else its name; NULL: nothing was seen */
    char *reason; /* why it is not accepted now; NULL if it is */
    Acceptance next;
    char *next_ca; /* the configured CA, where another one is served; NULL: none */
} TrustVerdict;

typedef struct TrustVerdicts {
    TrustVerdict *items;
    size_t n;
} TrustVerdicts;

void trust_verdicts_append(TrustVerdicts *verdicts, TrustVerdict verdict); /* takes what it holds */
void trust_verdicts_deinit(TrustVerdicts *verdicts);

/* What is known of a trust store. */
typedef struct TrustStoreState {
    const TrustStore *store; /* the configuration's */
    int64_t read_at;         /* INSTANT_NONE: not yet */
    char *error;             /* why it cannot be read; NULL: it can */
    bool locked, denied;     /* the reason is its password, its permissions */
    const char *format;      /* "PEM", "PKCS#7", "PKCS#12", "Java key store", "DER"; NULL: not known; static */
    char **warnings;         /* certificates in it that do not parse; NULL: none */
    size_t n_certificates;
    char **fingerprints; /* of its certificates, SHA-256 */
    int64_t last_end;    /* of the certificate in it that ends last; INSTANT_NONE: there is none */
    TrustVerdicts verdicts;
    FindingList findings;
    int64_t changes_at; /* when time alone will change the findings */
} TrustStoreState;

void trust_store_state_deinit(TrustStoreState *state);

/* What is known of a bundle that is fetched. */
typedef struct BundleSource {
    char *url;
    int64_t interval_seconds; /* between two questions */
    int64_t answered_at;      /* the latest answer that was fine, with or without news; INSTANT_NONE: never */
    int64_t failing_since;    /* the first failure in a row; INSTANT_NONE: the latest went well */
    char *error;              /* of the latest one, if it failed */
    bool awaited;             /* the first answer of this run is: whether it still fails is not known before */
    char *refused;            /* why what was downloaded last is not used; NULL: it is */
    int64_t
        modified_at; /* the server's Last-Modified, else when it was adopted; INSTANT_NONE: there is none yet */
    int64_t changed_at;  /* when another one was adopted in place of an older one; INSTANT_NONE: never */
    char **came, **went; /* the certificates that were news then: "CN (to 2061-05-25)" */
    size_t n_more_came, n_more_went; /* beside those */
    size_t n_certificates;           /* of the one in use */
    char *path;                      /* of the one in use */
    FindingList findings;
    int64_t changes_at; /* when time alone will change the findings */
} BundleSource;

void bundle_source_deinit(BundleSource *source);
