#pragma once

/*
 * The certificates that are held anywhere, each once: a CA stands above thousands of servers, and what a server
 * shows again is not read again.
 */

#include "model/certificate.h"

/*
 * A larger certificate is read, and not kept with its DER. 32 KB is what Java's clients accept of all the
 * chain (jdk.tls.maxHandshakeMessageSize); OpenSSL's accept 100 KB (SSL_MAX_CERT_LIST_DEFAULT), Go's 64 KB or
 * 256 KB by version, GnuTLS's 128 KB. Real ones have 1 to 5 KB.
 */
#define POOL_CERTIFICATE_BYTES_MAX (32 * 1024)

/* What all certificates may take before those that no bundle vouches for are kept without their DER: a quarter
 * of the unit's MemoryMax. 10,000 endpoints of RDS take some 30 MB. */
#define POOL_BYTES_MAX (64 * 1024 * 1024)

typedef struct Pool Pool;

Pool *pool_new(void);
void pool_free(Pool *pool);
CLEANUP_OF(Pool, pool_free);

/* As certificate_from_der(), where it is not held already. server: as the first of a chain, which is its role.
 */
int pool_get(Pool *pool, const uint8_t *der, size_t size, bool server, Certificate **ret);

/* How many are held, and what they take. */
size_t pool_size(const Pool *pool);
size_t pool_bytes(const Pool *pool);

/* Whether all certificates of the process take more than POOL_BYTES_MAX, also those that are not held here. */
bool pool_is_full(Pool *pool);
