#include "model/state.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"

static const char *const sources[] = {
    [SOURCE_CONFIGURED] = "configured",
    [SOURCE_API] = "api",
    [SOURCE_LIFETIME] = "lifetime",
};
DEFINE_STRING_TABLE(rotation_source, RotationSource, sources);

static void address_state_deinit(AddressState *address)
{
    observation_unref(address->latest);
    observation_unref(address->seen);
    verification_deinit(&address->verification);
    free(address->replacements);
    free(address->shown);
}

EndpointState *endpoint_state_new(Endpoint *endpoint)
{
    EndpointState *state = xcalloc(1, sizeof *state);
    state->endpoint = endpoint_ref(endpoint);
    state->next_probe_at = INSTANT_NONE;
    endpoint_state_clear_verdict(state);
    return state;
}

void endpoint_state_forget(EndpointState *state)
{
    endpoint_state_clear_verdict(state);
    for (size_t i = 0; i < state->n_addresses; i++)
        address_state_deinit(&state->addresses[i]);
    free(TAKE(state->addresses));
    state->n_addresses = 0;
    free(TAKE(state->unresolved_detail));
    state->unresolved = (Streak) { 0 };
}

void endpoint_state_free(EndpointState *state)
{
    if (!state)
        return;
    endpoint_state_forget(state);
    endpoint_unref(state->endpoint);
    free(state);
}

void endpoint_state_clear_verdict(EndpointState *state)
{
    finding_list_deinit(&state->findings);
    free(TAKE(state->served_ca));
    state->evaluated_at = INSTANT_NONE;
    state->oldest = NULL;
    state->ca_not_after = INSTANT_NONE;
    state->look_at = INSTANT_NEVER;
    state->severity = SEVERITY_UNKNOWN;
    state->changes_at = INSTANT_NEVER;
    state->rotation = (Rotation) {
        .half_life = INSTANT_NONE,
        .due_at = INSTANT_NONE,
        .expected_by = INSTANT_NONE,
        .overdue_after = INSTANT_NONE,
        .critical_from = INSTANT_NONE,
    };
}

AddressState *endpoint_state_find(EndpointState *state, const char *address)
{
    for (size_t i = 0; i < state->n_addresses; i++)
        if (strcmp(state->addresses[i].address.text, address) == 0)
            return &state->addresses[i];
    return NULL;
}

const Certificate *address_certificate(const AddressState *address)
{
    return address->seen ? address->seen->chain.certificates[0] : NULL;
}

const char *endpoint_state_next(const EndpointState *state, int64_t now, int64_t *ret_at)
{
    const Certificate *server = state->oldest ? address_certificate(state->oldest) : NULL;
    const Rotation *r = &state->rotation;
    const char *next = NULL;
    if (!server)
        return NULL;
    const struct {
        const char *what;
        int64_t at;
    } events[] = {
        { "half-life", r->half_life }, { "rotation by", r->expected_by },  { "overdue", r->overdue_after },
        { "ends", server->not_after }, { "CA ends", state->ca_not_after },
    };
    for (size_t i = 0; i < ARRAY_SIZE(events); i++)
        if (events[i].at != INSTANT_NONE && events[i].at > now && (!next || events[i].at < *ret_at)) {
            next = events[i].what;
            *ret_at = events[i].at;
        }
    return next;
}

void address_clocks(const AddressState *address, const Certificate *ret[N_CLOCKS])
{
    memset(ret, 0, N_CLOCKS * sizeof *ret);
    if (!address->seen)
        return;
    const Chain *sent = &address->seen->chain, *path = &address->verification.path;
    const Chain *above = path->n > 0 ? path : sent;
    ret[ROLE_SERVER] = address_certificate(address);
    for (size_t i = path->n > 0 ? 0 : 1; i < above->n; i++) {
        const Certificate *c = above->certificates[i];
        if (c->role != ROLE_SERVER && (!ret[c->role] || c->not_after < ret[c->role]->not_after))
            ret[c->role] = c;
    }
}

bool address_state_replaces(AddressState *address, const char *before_sha256, int64_t now)
{
    const char *sha256 = address_certificate(address)->sha256;
    if (address->shown && shown_is_noise(address->shown))
        return false;
    if (!address->replacements)
        address->replacements = xcalloc(REPLACEMENTS_KEPT, sizeof *address->replacements);
    Replacement *oldest = &address->replacements[0];
    for (size_t i = 0; i < REPLACEMENTS_KEPT; i++) {
        Replacement *r = &address->replacements[i];
        if (strcmp(r->now, sha256) == 0 && strcmp(r->before, before_sha256) == 0 && now - r->at < DAY)
            return false;
        if (r->at < oldest->at)
            oldest = r;
    }
    oldest->at = now;
    snprintf(oldest->before, sizeof oldest->before, "%s", before_sha256);
    snprintf(oldest->now, sizeof oldest->now, "%s", sha256);
    return true;
}

static void streak_add(Streak *streak, int64_t now)
{
    if (streak->n++ == 0)
        streak->first_at = now;
}

static void note_plaintext(AddressState *address, const Observation *observation)
{
    address->plaintext_at = observation->observed_at;
    if (observation->plaintext != PLAINTEXT_UNKNOWN)
        address->plaintext = observation->plaintext;
}

void endpoint_state_note_check(EndpointState *state, const Observation *observation)
{
    AddressState *address = endpoint_state_find(state, observation->address.text);
    if (!address)
        return;
    note_plaintext(address, observation);
    address->counted += observation->counted;
}

AddressState *endpoint_state_add(EndpointState *state, const Address *address)
{
    AddressState *known = endpoint_state_find(state, address->text);
    size_t i = 0;
    if (known)
        return known;
    state->oldest = NULL; /* the array moves */
    state->addresses = xgrow(state->addresses, state->n_addresses, sizeof *state->addresses);
    while (i < state->n_addresses && address_compare(&state->addresses[i].address, address) < 0)
        i++;
    memmove(&state->addresses[i + 1], &state->addresses[i],
            (state->n_addresses++ - i) * sizeof *state->addresses);
    state->addresses[i] = (AddressState) {
        .address = *address, .plaintext_at = INSTANT_NONE, .changed_at = INSTANT_NONE, .shown_at = INSTANT_NONE
    };
    return &state->addresses[i];
}

/* Before it becomes the latest one. */
static void note_shown(AddressState *address, const Observation *observation, unsigned run)
{
    const Certificate *before = address_certificate(address), *now = observation->chain.certificates[0];
    bool same = before && strcmp(before->sha256, now->sha256) == 0;
    if (!address->shown && before && !same)
        address->shown = shown_new(before, address->shown_at);
    if (address->shown)
        shown_note(address->shown, now, observation->observed_at);
    if (!same) {
        address->shown_at = observation->observed_at;
        address->shown_run = run;
    }
}

bool endpoint_state_note(EndpointState *state, Observation *observation)
{
    AddressState *address = endpoint_state_add(state, &observation->address);
    observation_unref(address->latest);
    address->latest = observation_ref(observation);

    if (observation->outcome == OUTCOME_FETCHED)
        address->failures = (Streak) { 0 };
    else
        streak_add(&address->failures, observation->observed_at);

    if (observation->counted)
        address->counted++;
    else if (observation->outcome == OUTCOME_FETCHED && state->endpoint->farewell == FAREWELL_LOGIN &&
             !observation->detail)
        address->counted = 0; /* a login that succeeds resets the server's count */

    if (observation->plaintext != PLAINTEXT_UNKNOWN)
        note_plaintext(address, observation);

    if (observation->chain.n == 0)
        return false;
    note_shown(address, observation, state->run);
    address->seen_run = state->run;
    observation_unref(address->seen);
    address->seen = observation_ref(observation);
    return true;
}

void endpoint_state_note_unresolved(EndpointState *state, const char *detail, int64_t now)
{
    free(state->unresolved_detail);
    state->unresolved_detail = xstrdup(detail);
    state->unresolved_at = now;
    streak_add(&state->unresolved, now);
}

static bool is_present(const AddressState *address, const Address *present, size_t n_present)
{
    for (size_t i = 0; i < n_present; i++)
        if (strcmp(address->address.text, present[i].text) == 0)
            return true;
    return false;
}

bool endpoint_state_forget_gone(EndpointState *state)
{
    bool shown = false;
    for (size_t i = 0; i < state->n_addresses; i++)
        shown |= state->addresses[i].seen && !state->addresses[i].gone;

    size_t n = 0, n_before = state->n_addresses;
    for (size_t i = 0; i < state->n_addresses; i++) {
        AddressState *address = &state->addresses[i];
        if (!address->gone || (!shown && address->seen))
            state->addresses[n++] = *address;
        else
            address_state_deinit(address);
    }
    state->n_addresses = n;
    if (n < n_before)
        state->oldest = NULL; /* it may be the one that is gone, or another has its place now */
    return n < n_before;
}

bool endpoint_state_retain(EndpointState *state, const Address *present, size_t n_present)
{
    for (size_t i = 0; i < state->n_addresses; i++)
        state->addresses[i].gone = !is_present(&state->addresses[i], present, n_present);
    return endpoint_state_forget_gone(state);
}

uint64_t endpoint_state_hash_addresses(const EndpointState *state)
{
    Buffer text = { 0 };
    for (size_t i = 0; i < state->n_addresses; i++)
        buffer_printf(&text, "%s;", state->addresses[i].address.text);
    _cleanup_free_ char *all = buffer_take_text(&text);
    return text_hash(all);
}
