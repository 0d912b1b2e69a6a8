#include "model/observation.h"

#include "base/alloc.h"

static const char *const outcomes[] = {
    [OUTCOME_FETCHED] = "fetched",
    [OUTCOME_NAME_UNRESOLVED] = "name-unresolved",
    [OUTCOME_UNREACHABLE] = "unreachable",
    [OUTCOME_TLS_REFUSED] = "tls-refused",
    [OUTCOME_HANDSHAKE_FAILED] = "handshake-failed",
    [OUTCOME_PROBER_BLOCKED] = "prober-blocked",
};
DEFINE_STRING_TABLE(outcome, Outcome, outcomes);

static const char *const stages[] = {
    [STAGE_RESOLVE] = "resolve",     [STAGE_DIAL] = "dial",         [STAGE_PREAMBLE] = "preamble",
    [STAGE_HANDSHAKE] = "handshake", [STAGE_FAREWELL] = "farewell", [STAGE_DONE] = "done",
};
DEFINE_STRING_TABLE(stage, Stage, stages);

static const char *const plaintexts[] = {
    [PLAINTEXT_UNKNOWN] = "unknown",
    [PLAINTEXT_ACCEPTED] = "accepted",
    [PLAINTEXT_REFUSED] = "refused",
};
DEFINE_STRING_TABLE(plaintext, Plaintext, plaintexts);

Observation *observation_new(const Address *address)
{
    Observation *observation = xcalloc(1, sizeof *observation);
    observation->n_refs = 1;
    observation->address = *address;
    return observation;
}

Observation *observation_ref(Observation *observation)
{
    observation->n_refs++;
    return observation;
}

void observation_unref(Observation *observation)
{
    if (!observation || --observation->n_refs > 0)
        return;
    free(observation->detail);
    free(observation->tls_version);
    free(observation->tls_cipher);
    free(observation->tls_group);
    free(observation->tls_alpn);
    chain_deinit(&observation->chain);
    free(observation);
}

void verification_deinit(Verification *verification)
{
    free(verification->reason);
    chain_deinit(&verification->path);
    *verification = (Verification) { 0 };
}
