#pragma once

/*
 * Findings of what is trusted: clients' trust stores, and bundles that are fetched. Pure, like rule.h; each
 * verdict knows when time alone will change it (changes_at).
 */

#include "model/trust.h"
#include "rds/catalogue.h"

/* Makes the findings of a store anew, from its verdicts. */
void rule_evaluate_trust_store(TrustStoreState *state, const Catalogue *catalogue, int64_t now);

/* Makes the findings of a bundle that is fetched anew. */
void rule_evaluate_bundle(BundleSource *source, int64_t now);

/* What adds the roots of a region (NULL: of all) to a client's trust store. */
void trust_store_steps(const TrustStoreState *state, const Catalogue *catalogue, const char *region,
                       StepList *steps);
