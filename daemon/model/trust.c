#include "model/trust.h"

#include "base/alloc.h"
#include "base/instant.h"

void trust_store_free(TrustStore *store)
{
    if (!store)
        return;
    free(store->name);
    free(store->path);
    free(store->password_credential);
    strv_free(store->endpoints);
    free(store->origin);
    free(store);
}

bool trust_store_concerns(const TrustStore *store, const char *endpoint)
{
    return !store->endpoints || strv_contains(store->endpoints, endpoint);
}

void trust_verdicts_append(TrustVerdicts *verdicts, TrustVerdict verdict)
{
    verdicts->items = xgrow(verdicts->items, verdicts->n, sizeof *verdicts->items);
    verdicts->items[verdicts->n++] = verdict;
}

void trust_verdicts_deinit(TrustVerdicts *verdicts)
{
    for (size_t i = 0; i < verdicts->n; i++) {
        free(verdicts->items[i].endpoint);
        free(verdicts->items[i].region);
        free(verdicts->items[i].served);
        free(verdicts->items[i].reason);
        free(verdicts->items[i].next_ca);
    }
    free(verdicts->items);
    *verdicts = (TrustVerdicts) { 0 };
}

void trust_store_state_deinit(TrustStoreState *state)
{
    free(state->error);
    strv_free(state->warnings);
    strv_free(state->fingerprints);
    trust_verdicts_deinit(&state->verdicts);
    finding_list_deinit(&state->findings);
}

void bundle_source_deinit(BundleSource *source)
{
    free(source->url);
    free(source->error);
    free(source->refused);
    strv_free(source->came);
    strv_free(source->went);
    free(source->path);
    finding_list_deinit(&source->findings);
}
