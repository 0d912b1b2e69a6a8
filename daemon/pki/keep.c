#include "pki/keep.h"

static size_t chain_bytes(const Chain *chain)
{
    size_t bytes = 0;
    for (size_t i = 0; i < chain->n; i++)
        bytes += certificate_bytes(chain->certificates[i]);
    return bytes;
}

static size_t endpoint_bytes(const EndpointState *state)
{
    size_t bytes = 0;
    for (size_t i = 0; i < state->n_addresses; i++)
        if (state->addresses[i].seen)
            bytes += chain_bytes(&state->addresses[i].seen->chain);
    return bytes;
}

static bool chain_has(const Chain *chain, const Certificate *certificate)
{
    for (size_t i = 0; i < chain->n; i++)
        if (chain->certificates[i] == certificate)
            return true;
    return false;
}

static void chain_replace(Chain *chain, const Certificate *from, Certificate *to)
{
    for (size_t i = 0; i < chain->n; i++)
        if (chain->certificates[i] == from) {
            certificate_unref(chain->certificates[i]);
            chain->certificates[i] = certificate_ref(to);
        }
}

/* In the chain, and on the path that verification has found through it. */
static void drop_der(AddressState *address, size_t i, bool names)
{
    Chain *chain = &address->seen->chain;
    _cleanup_(certificate_unrefp) Certificate *whole = certificate_ref(chain->certificates[i]),
                                              *light = certificate_without_der(whole, names);
    chain_replace(&address->verification.path, whole, light);
    chain_replace(chain, whole, light);
}

/* A path that leads through what is dropped ends below it. */
static void drop_rest(AddressState *address)
{
    Chain *chain = &address->seen->chain, *path = &address->verification.path;
    for (size_t i = KEEP_CHAIN_MIN; i < chain->n; i++)
        for (size_t j = 0; j < path->n; j++)
            if (path->certificates[j] == chain->certificates[i])
                chain_cut(path, j);
    chain_cut(chain, KEEP_CHAIN_MIN);
}

static void drop_untrusted(AddressState *address)
{
    const Verification *v = &address->verification;
    const Chain *chain = &address->seen->chain;
    if (!v->trusted)
        drop_rest(address);
    for (size_t i = 0; i < chain->n; i++) {
        const Certificate *c = chain->certificates[i];
        bool vouched = v->trusted && (i == 0 || chain_has(&v->path, c));
        if (!vouched && (c->der || c->names))
            drop_der(address, i, false);
    }
}

void keep_address(const EndpointState *state, AddressState *address, Pool *pool)
{
    const Chain *chain = &address->seen->chain;
    for (size_t i = 0; i < chain->n; i++)
        if (chain->certificates[i]->der_size > POOL_CERTIFICATE_BYTES_MAX)
            drop_der(address, i, true);
    if (endpoint_bytes(state) > KEEP_ENDPOINT_BYTES_MAX || pool_is_full(pool))
        drop_untrusted(address);
}
