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
    } * items;
    size_t n;
} AuditMemory;

void audit_memory_deinit(AuditMemory *memory);

/*
 * Makes the verdicts of a store about the endpoints that concern it anew. The memory is of this bundle: who has
 * another one forgets it.
 */
void audit(TrustStoreState *store, const Bundle *bundle, AuditMemory *memory, EndpointState *const *endpoints,
           size_t n_endpoints, const Catalogue *catalogue);
