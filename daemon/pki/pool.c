#include "pki/pool.h"

#include <string.h>

#include "base/alloc.h"
#include "pki/facts.h"

#define BUCKETS_MIN 64

/* Open addressing, at most half full. What the pool alone still holds goes when it would have to grow. */
struct Pool {
    Certificate **buckets; /* a reference each; NULL: free */
    size_t n_buckets;      /* a power of two */
    size_t n;
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

/* By the fingerprint, which no server can choose. */
static uint64_t hash_of(const uint8_t *der, size_t size)
{
    uint8_t digest[32];
    uint64_t hash;
    pki_sha256(der, size, digest);
    memcpy(&hash, digest, sizeof hash);
    return hash;
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
    for (size_t i = 0; i < n_old; i++) {
        Certificate *c = old[i];
        if (c && c->n_refs > 1)
            *place_of(pool, hash_of(c->der, c->der_size), c->der, c->der_size, c->role == ROLE_SERVER) = c;
        else
            certificate_unref(c);
    }
    free(old);
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
    if (2 * (pool->n + 1) > pool->n_buckets) {
        make_room(pool);
        place = place_of(pool, hash, der, size, server);
    }
    *place = certificate_ref(certificate);
    pool->n++;
    *ret = certificate;
    return 0;
}
