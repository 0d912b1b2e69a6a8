#include "pki/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pki/facts.h"

#define BUCKETS_MIN 64

/* What may be added before those that nothing uses are looked for again, beside a quarter of what is in use. */
#define SLACK_BYTES (4 * 1024 * 1024)

/* Open addressing, at most half full. What the pool alone still holds goes when it would have to grow, and when
 * too much has been added since. */
struct Pool {
    Certificate **buckets; /* a reference each; NULL: free */
    size_t n_buckets;      /* a power of two */
    size_t n;
    size_t bytes;      /* of all of them */
    size_t bytes_used; /* when it was last looked for those that nothing uses */
};

Pool *pool_new(void)
{
    Pool *pool = xcalloc(1, sizeof *pool);
    pool->n_buckets = BUCKETS_MIN;
    pool->buckets = xcalloc(pool->n_buckets, sizeof(Certificate *));
    return pool;
}

void pool_free(Pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->n_buckets; i++)
        certificate_unref(pool->buckets[i]);
    free(pool->buckets);
    free(pool);
}

size_t pool_size(const Pool *pool)
{
    return pool->n;
}

size_t pool_bytes(const Pool *pool)
{
    return pool->bytes;
}

/* By the fingerprint, which no server can choose. */
static uint64_t hash_of(const uint8_t *der, size_t size)
{
    uint8_t digest[32];
    uint64_t hash = 0;
    pki_sha256(der, size, digest);
    for (size_t i = 0; i < sizeof hash; i++)
        hash = hash << 8 | digest[i];
    return hash;
}

/* The same, without reading its DER again. */
static uint64_t hash_of_held(const Certificate *c)
{
    char digits[2 * sizeof(uint64_t) + 1];
    snprintf(digits, sizeof digits, "%s", c->sha256);
    return strtoull(digits, NULL, 16);
}

static bool is_same(const Certificate *c, const uint8_t *der, size_t size, bool server)
{
    return c->der_size == size && (c->role == ROLE_SERVER) == server && memcmp(c->der, der, size) == 0;
}

/* Where it is, or would be. */
static Certificate **place_of(const Pool *pool, uint64_t hash, const uint8_t *der, size_t size, bool server)
{
    size_t i = hash & (pool->n_buckets - 1);
    while (pool->buckets[i] && !is_same(pool->buckets[i], der, size, server))
        i = (i + 1) & (pool->n_buckets - 1);
    return &pool->buckets[i];
}

static void make_room(Pool *pool)
{
    Certificate **old = pool->buckets;
    size_t n_old = pool->n_buckets, n_used = 0;
    for (size_t i = 0; i < n_old; i++)
        n_used += old[i] && old[i]->n_refs > 1;
    while (pool->n_buckets < 4 * (n_used + 1)) /* as many again, before it is looked through once more */
        pool->n_buckets *= 2;
    pool->buckets = xcalloc(pool->n_buckets, sizeof(Certificate *));
    pool->n = n_used;
    pool->bytes = 0;
    for (size_t i = 0; i < n_old; i++) {
        Certificate *c = old[i];
        if (c && c->n_refs > 1) {
            *place_of(pool, hash_of_held(c), c->der, c->der_size, c->role == ROLE_SERVER) = c;
            pool->bytes += certificate_bytes(c);
        } else
            certificate_unref(c);
    }
    pool->bytes_used = pool->bytes;
    free(old);
}

bool pool_is_full(Pool *pool)
{
    if (certificate_bytes_in_use() > POOL_BYTES_MAX && pool->bytes > pool->bytes_used + SLACK_BYTES)
        make_room(pool);
    return certificate_bytes_in_use() > POOL_BYTES_MAX;
}

static bool wants_room(const Pool *pool)
{
    return 2 * (pool->n + 1) > pool->n_buckets ||
           pool->bytes > pool->bytes_used + pool->bytes_used / 4 + SLACK_BYTES;
}

int pool_get(Pool *pool, const uint8_t *der, size_t size, bool server, Certificate **ret)
{
    uint64_t hash = hash_of(der, size);
    Certificate **place = place_of(pool, hash, der, size, server);
    if (*place) {
        *ret = certificate_ref(*place);
        return 0;
    }
    Certificate *certificate;
    int r = certificate_from_der(der, size, &certificate);
    if (r < 0)
        return r;
    if (server)
        certificate->role = ROLE_SERVER;
    if (size > POOL_CERTIFICATE_BYTES_MAX) {
        *ret = certificate;
        return 0;
    }
    if (wants_room(pool)) {
        make_room(pool);
        place = place_of(pool, hash, der, size, server);
    }
    *place = certificate_ref(certificate);
    pool->n++;
    pool->bytes += certificate_bytes(certificate);
    *ret = certificate;
    return 0;
}
