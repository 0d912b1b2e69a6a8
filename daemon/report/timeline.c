#include "report/timeline.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "rds/authority.h"

/* What is kept may be older by a heartbeat. */
static void note_current(HistoryLine *line, const EndpointState *state)
{
    for (size_t i = 0; state && i < state->n_addresses; i++) {
        const AddressState *address = &state->addresses[i];
        if (!address->seen || strcmp(address->address.text, line->address) != 0 ||
            strcmp(address_certificate(address)->sha256, line->chain.certificates[0]->sha256) != 0)
            continue;
        line->current = true;
        line->last_seen = address->seen->observed_at;
    }
}

/* The next one there that was made later; one that came back is no successor. */
static int64_t age_at_rotation(const History *history, size_t i)
{
    const Certificate *old = history->items[i].chain.certificates[0];
    for (size_t j = i + 1; j < history->n; j++) {
        const Certificate *next = history->items[j].chain.certificates[0];
        if (strcmp(history->items[j].address, history->items[i].address) == 0 &&
            next->not_before > old->not_before)
            return next->not_before - old->not_before;
    }
    return INSTANT_NONE;
}

void timeline_complete(History *history, const EndpointState *state, const Catalogue *catalogue)
{
    for (size_t i = 0; i < history->n; i++) {
        HistoryLine *line = &history->items[i];
        Authority authority = { 0 };
        const Chain above = { .certificates = line->chain.certificates + 1, .n = line->chain.n - 1 };
        (void)authority_of_server(line->chain.certificates[0], &above, catalogue, &authority);
        line->ca = authority.id[0] ? xstrdup(authority.id) : NULL;
        line->age = age_at_rotation(history, i);
        note_current(line, state);
    }
}
