#pragma once

/* What is kept of the certificates that an address has shown, once they are verified. */

#include "model/state.h"
#include "pki/pool.h"

/*
 * Of one endpoint, with all its addresses, before those that no bundle vouches for are kept as facts alone.
 * 64 addresses with chains of RDS take some 300 KB.
 */
#define KEEP_ENDPOINT_BYTES_MAX (1024 * 1024)

/* RDS sends at most 3; with more than fits, no more are kept. */
#define KEEP_CHAIN_MIN 3

/*
 * Drops the DER of certificates that are too large. Where the endpoint's share or the pool is used up, also
 * drops the DER and the names of those that are not trusted, and what the chain has beyond KEEP_CHAIN_MIN.
 * Dates, names of issuer and subject, and fingerprints stay. What is dropped cannot be verified again until the
 * next probe.
 */
void keep_address(const EndpointState *state, AddressState *address, Pool *pool);
