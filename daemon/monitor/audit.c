#include "monitor/audit.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "pki/facts.h"
#include "pki/verify.h"
#include "rds/authority.h"

#define REFUSED_MAX 16384 /* chains; a server may show another one at each probe */

void audit_memory_deinit(AuditMemory *memory)
{
    for (size_t i = 0; i < memory->n; i++)
        free(memory->items[i].reason);
    free(memory->items);
    *memory = (AuditMemory) { 0 };
}

static void fingerprint(const Chain *chain, uint8_t ret[32])
{
    _cleanup_(buffer_deinit) Buffer all = { 0 };
    for (size_t i = 0; i < chain->n; i++)
        buffer_append(&all, chain->certificates[i]->sha256, strlen(chain->certificates[i]->sha256));
    pki_sha256(all.data, all.size, ret);
}

/* Where it is, or would be. */
static size_t place_of(const AuditMemory *memory, const uint8_t chain[32])
{
    size_t from = 0, to = memory->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (memcmp(memory->items[middle].chain, chain, 32) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static const char *remember(AuditMemory *memory, const uint8_t chain[32], char *reason)
{
    if (memory->n == REFUSED_MAX)
        audit_memory_deinit(memory);
    size_t at = place_of(memory, chain);
    memory->items = xgrow(memory->items, memory->n, sizeof *memory->items);
    memmove(&memory->items[at + 1], &memory->items[at], (memory->n - at) * sizeof *memory->items);
    memory->items[at].reason = reason;
    memcpy(memory->items[at].chain, chain, 32);
    memory->n++;
    return reason;
}

/*
 * Whether the server's own certificate verifies against the store. What sits above it is the same for all that
 * one CA signs, and the bundle remembers that by itself (pki/verify.c).
 */
static bool accepts(const Bundle *bundle, AuditMemory *memory, const AddressState *address,
                    const char **ret_reason)
{
    const Chain *chain = &address->seen->chain;
    uint8_t key[32];
    Verification v;
    if (verify_known(bundle, &address->verification))
        return true;
    fingerprint(chain, key);
    size_t at = place_of(memory, key);
    if (at < memory->n && memcmp(memory->items[at].chain, key, 32) == 0) {
        *ret_reason = memory->items[at].reason;
        return false;
    }
    verify_chain(bundle, chain, "", &v);
    bool accepted = v.trusted;
    if (!accepted)
        *ret_reason =
            remember(memory, key, xstrdup(v.reason ? v.reason : "there is no certificate in the store"));
    verification_deinit(&v);
    return accepted;
}

/* The CA of a server's certificate in words: its identifier, else its name. */
static char *label_of(const AddressState *address, const Catalogue *catalogue)
{
    Authority authority;
    const Certificate *server = address_certificate(address);
    (void)authority_of_server(server, &address->verification.path, catalogue, &authority);
    return xstrdup(authority.id[0] ? authority.id : certificate_issuer_label(server));
}

static TrustVerdict verdict_on(const EndpointState *state, const Bundle *bundle, AuditMemory *memory,
                               const Catalogue *catalogue)
{
    const Endpoint *e = state->endpoint;
    TrustVerdict v = { .endpoint = xstrdup(e->name), .region = xstrdup(e->region) };
    for (size_t i = 0; i < state->n_addresses; i++) {
        const AddressState *address = &state->addresses[i];
        const char *reason;
        if (!address->seen || v.now == ACCEPTANCE_NO)
            continue;
        v.now = accepts(bundle, memory, address, &reason) ? ACCEPTANCE_YES : ACCEPTANCE_NO;
        v.reason = xstrdup(v.now == ACCEPTANCE_NO ? reason : NULL);
        free(v.served);
        v.served = label_of(address, catalogue);
    }
    const char *next = endpoint_next_ca(e);
    if (!next || (v.served && strcmp(v.served, next) == 0))
        return v;
    const KnownCertificate *root = e->region ? catalogue_root(catalogue, next, e->region) : NULL;
    v.next_ca = xstrdup(next);
    if (root)
        v.next = bundle_has(bundle, root->sha256) ? ACCEPTANCE_YES : ACCEPTANCE_NO;
    return v;
}

bool audit_step(Audit *audit, TrustStoreState *store, const Bundle *bundle, EndpointState *const *endpoints,
                size_t n_endpoints, const Catalogue *catalogue)
{
    if (audit->next < n_endpoints) {
        const EndpointState *state = endpoints[audit->next++];
        if (trust_store_concerns(store->store, state->endpoint->name))
            trust_verdicts_append(&audit->verdicts, verdict_on(state, bundle, &audit->memory, catalogue));
        return false;
    }
    trust_verdicts_deinit(&store->verdicts);
    store->verdicts = audit->verdicts;
    audit->verdicts = (TrustVerdicts) { 0 };
    audit->next = 0;
    return true;
}

void audit_restart(Audit *audit)
{
    trust_verdicts_deinit(&audit->verdicts);
    audit->next = 0;
}

void audit_deinit(Audit *audit)
{
    audit_restart(audit);
    audit_memory_deinit(&audit->memory);
}
