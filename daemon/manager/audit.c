#include "manager/audit.h"

#include <string.h>

#include "base/alloc.h"
#include "pki/verify.h"
#include "rds/authority.h"

void audit_memory_deinit(AuditMemory *memory)
{
    for (size_t i = 0; i < memory->n; i++) {
        free(memory->items[i].signer);
        free(memory->items[i].reason);
    }
    free(memory->items);
    *memory = (AuditMemory) { 0 };
}

/* The chain above a server's certificate that is verified at every probe: whether it leads into the store. */
static bool verify(const Bundle *bundle, const Chain *chain, char **ret_reason)
{
    Verification v;
    verify_chain(bundle, chain, "", &v);
    bool accepted = v.trusted;
    *ret_reason = accepted ? NULL : xstrdup(v.reason ? v.reason : "there is no certificate in the store");
    verification_deinit(&v);
    return accepted;
}

/* What a server sends beside its own certificate is the same for all that one CA signs. */
static bool accepts(const Bundle *bundle, AuditMemory *memory, const Chain *chain, const char **ret_reason)
{
    const Chain above = { chain->certificates + 1, chain->n - 1 };
    const char *signer = chain->n > 1 ? above.certificates[0]->sha256 : chain->certificates[0]->sha256;
    for (size_t i = 0; i < memory->n; i++)
        if (strcmp(memory->items[i].signer, signer) == 0) {
            *ret_reason = memory->items[i].reason;
            return memory->items[i].accepted;
        }
    memory->items = xgrow(memory->items, memory->n, sizeof *memory->items);
    memory->items[memory->n].signer = xstrdup(signer);
    memory->items[memory->n].accepted =
        verify(bundle, chain->n > 1 ? &above : chain, &memory->items[memory->n].reason);
    *ret_reason = memory->items[memory->n].reason;
    return memory->items[memory->n++].accepted;
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
        v.now = accepts(bundle, memory, &address->seen->chain, &reason) ? ACCEPTANCE_YES : ACCEPTANCE_NO;
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
