#pragma once

/*
 * The certificates that are held anywhere, each once: a CA stands above thousands of servers, and what a server
 * shows again is not read again.
 */

#include "model/certificate.h"

typedef struct Pool Pool;

Pool *pool_new(void);
void pool_free(Pool *pool);
CLEANUP_OF(Pool, pool_free);

/* As certificate_from_der(), where it is not held already. server: as the first of a chain, which is its role.
 */
int pool_get(Pool *pool, const uint8_t *der, size_t size, bool server, Certificate **ret);

/* How many are held; for tests. */
size_t pool_size(const Pool *pool);
