#pragma once

/* What a client with a trust store makes of the endpoints. */

#include "model/state.h"
#include "pki/bundle.h"
#include "rds/catalogue.h"

/* The chains that the store refuses, whole and with the reason, in the order of their fingerprints: most audits
 * find what the one before has found. */
typedef struct AuditMemory {
    struct Refused {
        uint8_t chain[32]; /* SHA-256 of the certificates' */
        char *reason;
    } *items;
    size_t n;
} AuditMemory;

void audit_memory_deinit(AuditMemory *memory);

/* One of a store, endpoint by endpoint: of thousands, all at once would hold up the loop. */
typedef struct Audit {
    AuditMemory memory;
    TrustVerdicts verdicts; /* so far */
    size_t next;
} Audit;

/*
 * The next endpoint's turn. True when there is none left, and the store has its verdicts about the endpoints
 * that concern it. The memory is of this bundle: for another one, audit_deinit() comes first.
 */
bool audit_step(Audit *audit, TrustStoreState *store, const Bundle *bundle, EndpointState *const *endpoints,
                size_t n_endpoints, const Catalogue *catalogue);

/* From the first endpoint. */
void audit_restart(Audit *audit);
void audit_deinit(Audit *audit);
