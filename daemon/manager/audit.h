#pragma once

/* What a client with a trust store makes of the endpoints. */

#include "model/state.h"
#include "pki/bundle.h"
#include "rds/catalogue.h"

/* Verdicts by signer: of thousands of endpoints a few CAs sign the certificates. */
typedef struct AuditMemory {
    struct {
        char *signer; /* SHA-256 */
        bool accepted;
        char *reason; /* NULL if accepted */
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
