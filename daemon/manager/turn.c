#include "manager/turn.h"

#include <string.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "manager/manager-internal.h"
#include "pki/keep.h"
#include "pki/verify.h"
#include "rds/rotation.h"
#include "rules/event.h"
#include "rules/rule.h"
#include "sink/journal.h"

#define COUNTED_STEP 25u

/* Between two looks at whether a server does without TLS: each may cost it a line in its log. */
#define CHECK_INTERVAL (1 * DAY)

/* A proxy's certificate is ACM's, and that is for the system's roots. */
static const Bundle *bundle_of(const Member *member)
{
    const Loaded *loaded = member->manager->loaded;
    return endpoint_is_acm(member->state->endpoint) ? loaded->system : trust_bundle(member->manager->trust);
}

/* The same chain against the same bundle is worth what it was. One that is not kept whole waits for the next
 * probe. */
static void verify(Member *member, AddressState *address)
{
    if (address->seen && !address->verification.made && chain_is_whole(&address->seen->chain))
        verify_address(bundle_of(member), member->state->endpoint, address);
}

/*
 * What an earlier run has seen may be long past: it is looked at once before anything is said of it. And
 * nothing is said by a clock that cannot be right.
 */
static bool may_judge(const Member *member)
{
    return !member->retired && !member->manager->self.clock_waits && (!member->recalled || member->turns > 0);
}

/* A new verdict, and what it changes. */
static void judge_now(Member *member, TransitionList *transitions)
{
    Manager *manager = member->manager;
    EndpointState *state = member->state;
    const Config *config = manager->loaded->config;
    const RdsEndpoint *rds = state->endpoint->rds;
    const Policy policy = { .unreachable_after = config->unreachable_after,
                            .catalogue = manager->loaded->catalogue,
                            .rds_answered_at = rds ? roster_answered_at(manager->roster, rds) : INSTANT_NONE };
    const char *name = state->endpoint->name;
    int64_t now = clock_now();
    for (size_t i = 0; i < state->n_addresses; i++)
        verify(member, &state->addresses[i]);
    judge(state, &policy, now);
    int64_t next = publisher_update(manager->publisher, SUBJECT_ENDPOINT, name, &state->findings, transitions);
    fleet_wake_at(&manager->fleet, member, instant_earlier(state->changes_at, next));
    manager_probe_by(manager, member, state->look_at);
}

void turn_judge(Member *member)
{
    Manager *manager = member->manager;
    _cleanup_(transition_list_deinit) TransitionList transitions = member->events;
    member->events = (TransitionList) { 0 };
    if (may_judge(member))
        judge_now(member, &transitions);
    alert_of_endpoint(&transitions, member->state);
    publisher_commit(manager->publisher, &(Change) {
                                             .about = SUBJECT_ENDPOINT,
                                             .subject = member->state->endpoint->name,
                                             .transitions = &transitions,
                                             .state = member->state,
                                         });
}

/* Said when it begins. */
static void mind_cut(Member *member, size_t n, size_t n_admitted)
{
    bool cut = n_admitted < n;
    if (cut && !member->cut)
        log_warning("%s: %zu of its %zu addresses left out: the endpoints have more than %zu beyond the first "
                    "of each",
                    member->state->endpoint->name, n - n_admitted, n,
                    fleet_more_addresses_max(&member->manager->fleet));
    member->cut = cut;
}

static size_t on_resolved(Survey *survey _unused_, const Address *addresses, size_t n, const char *error,
                          void *userdata)
{
    Member *member = userdata;
    size_t n_admitted = n == 0 ? 0 : fleet_admit(&member->manager->fleet, member, n);
    mind_cut(member, n, n_admitted);
    EndpointState *state = member->state;
    if (n == 0) {
        endpoint_state_note_unresolved(state, error, clock_now());
        figures_count_unresolved(&member->manager->figures, state->endpoint->engine);
    } else {
        state->unresolved = (Streak) { 0 };
        (void)endpoint_state_retain(state, addresses, n_admitted); /* all is evaluated when the run is over */
    }
    return n_admitted;
}

/* A server that blocks this host is left alone until somebody says that it does not any more. */
static bool on_skips(Survey *survey _unused_, const Address *address, void *userdata)
{
    Member *member = userdata;
    const AddressState *known = endpoint_state_find(member->state, address->text);
    return !member->force && known && known->latest && known->latest->outcome == OUTCOME_PROBER_BLOCKED;
}

/* The certificate was fetched, but the way out was not the one that is configured. */
static void mind_farewell(Member *member, const Observation *observation)
{
    bool failing = observation->outcome == OUTCOME_FETCHED && observation->detail;
    if (failing && !member->farewell_failing)
        journal_event(EVENT_FAREWELL_FAILED,
                      "%s (%s): the certificate was fetched, but the farewell failed: %s",
                      member->state->endpoint->name, observation->address.text, observation->detail);
    member->farewell_failing = failing;
}

/* Says how far it is to being locked out, in steps: with every probe it would be noise. */
static void mind_count(const Member *member, const AddressState *address)
{
    if (!address->latest->counted || address->counted % COUNTED_STEP != 0 ||
        address->counted >= MAX_CONNECT_ERRORS)
        return;
    journal_event(
        EVENT_CONNECTIONS_COUNTED,
        "%s (%s): the server may have counted %u connections of this host that ended before login; with its "
        "defaults it blocks this host after another %u",
        member->state->endpoint->name, address->address.text, address->counted,
        MAX_CONNECT_ERRORS - address->counted);
}

/* Another certificate than before, or another chain under it: that is for the trust stores, too. */
static bool is_news(const AddressState *address, const Observation *observation)
{
    const Chain *before = address && address->seen ? &address->seen->chain : NULL, *now = &observation->chain;
    bool same = before && before->n + before->n_left_out == now->n;
    for (size_t i = 0; same && i < before->n; i++)
        same = strcmp(before->certificates[i]->sha256, now->certificates[i]->sha256) == 0;
    return now->n > 0 && !same;
}

/* An event is said once, when the run is over; it does not stand. */
static void note_event(Member *member, AddressState *address, const Served *before)
{
    Manager *manager = member->manager;
    const Policy policy = { .catalogue = manager->loaded->catalogue };
    int64_t now = clock_now();
    FindingList events = { 0 };
    Finding event;
    if (manager->self.clock_waits || !event_of(member->state, address, before, &policy, now, &event))
        return;
    finding_list_append(&events, event);
    silence_list_apply(store_silences(manager->store), member->state->endpoint->name, &events, now);
    if (events.items[0].silenced_until <= now && address_state_replaces(address, before->server->sha256, now))
        transition_list_append(
            &member->events,
            (Transition) { .kind = TRANSITION_RAISED, .at = now, .finding = finding_copy(&events.items[0]) });
    finding_list_deinit(&events);
}

static void on_observed(Survey *survey _unused_, Observation *observation, void *userdata)
{
    Member *member = userdata;
    EndpointState *state = member->state;
    _cleanup_(served_deinit) Served before = { 0 };
    _cleanup_(observation_unrefp) Observation *replaced = NULL;
    log_debug("%s (%s): %s at %s%s%s", state->endpoint->name, observation->address.text,
              outcome_to_string(observation->outcome), stage_to_string(observation->stage),
              observation->detail ? ": " : "", observation->detail ? observation->detail : "");
    figures_count(&member->manager->figures, state->endpoint->engine, observation);
    mind_farewell(member, observation);
    AddressState *address = endpoint_state_find(state, observation->address.text);
    bool news = is_news(address, observation);
    if (news && address && address->seen) {
        verify(member, address);
        replaced = observation_ref(address->seen);
        served_note(&before, address);
    }
    (void)endpoint_state_note(state, observation);
    address = endpoint_state_find(state, observation->address.text);
    if (news) {
        address->verification.made = false;
        address->changed_at = before.server ? observation->observed_at : INSTANT_NONE;
    }
    verify(member, address);
    if (address->seen)
        keep_address(state, address, member->manager->pool);
    mind_count(member, address);
    if (news)
        trust_touch(member->manager->trust);
    if (member->retired)
        return;
    if (news)
        note_event(member, address, &before);
    if (replaced)
        publisher_commit(member->manager->publisher, &(Change) {
                                                         .about = SUBJECT_ENDPOINT,
                                                         .subject = state->endpoint->name,
                                                         .state = state,
                                                         .replaced = replaced,
                                                     });
}

static bool on_checks(Survey *survey _unused_, const Address *address, void *userdata)
{
    Member *member = userdata;
    const AddressState *known = endpoint_state_find(member->state, address->text);
    return known &&
           (known->plaintext_at == INSTANT_NONE || clock_now() - known->plaintext_at >= CHECK_INTERVAL);
}

static void on_checked(Survey *survey _unused_, Observation *observation, void *userdata)
{
    Member *member = userdata;
    if (observation->plaintext == PLAINTEXT_UNKNOWN)
        journal_event(EVENT_CHECK_FAILED,
                      "%s (%s): whether it takes connections without TLS could not be found out: %s",
                      member->state->endpoint->name, observation->address.text,
                      observation->detail ? observation->detail : "the connection ended without an answer");
    endpoint_state_note_check(member->state, observation);
}

static bool on_authorises(const Chain *chain, void *userdata, char **ret_reason)
{
    Member *member = userdata;
    if (!member->manager->self.clock_waits)
        return verify_authorises(bundle_of(member), member->state->endpoint, chain, clock_now(), ret_reason);
    *ret_reason = xstrdup("the clock of this host is not set yet, so no certificate's dates can be checked");
    return false;
}

/* The worst of the addresses decides when to come again. */
static Result result_of(const EndpointState *state)
{
    Result result = { .failures = state->unresolved.n };
    for (size_t i = 0; i < state->n_addresses; i++) {
        const AddressState *address = &state->addresses[i];
        if (!address->latest || address->latest->outcome == OUTCOME_PROBER_BLOCKED)
            continue; /* left alone */
        if (address->failures.n > result.failures)
            result.failures = address->failures.n;
        result.counted |= address->failures.n > 0 && address->latest->counted;
    }
    return result;
}

/* By the interval; sooner where a rotation is to be expected before. */
static uint64_t next_turn(const Member *member)
{
    const Endpoint *endpoint = member->state->endpoint;
    uint64_t now_usec = clock_boottime_usec();
    int64_t now = clock_now();
    uint64_t due_usec = schedule_next(endpoint->name, (uint64_t)endpoint->interval_seconds * USEC_PER_SEC,
                                      result_of(member->state), now_usec);
    int64_t look = rotation_next_look(&member->state->rotation, &endpoint->maintenance_window, now);
    look = instant_earlier(look, member->state->look_at);
    if (look - now >= endpoint->interval_seconds) /* also never */
        return due_usec;
    return schedule_sooner(endpoint->name, due_usec, look - now, now_usec);
}

static void on_done(Survey *survey, void *userdata)
{
    Member *member = userdata;
    bool asked = member->force;
    survey_free(survey);
    member->survey = NULL;
    member->force = false;
    member->turns++;
    if (!member->retired) {
        if (endpoint_state_forget_gone(member->state) || member->turns == 1)
            trust_touch(member->manager->trust);
        turn_judge(member);
        schedule_put(&member->manager->fleet.schedule, &member->slot, next_turn(member));
    }
    manager_turn_over(member->manager, member, asked);
}

static const SurveyEvents events = {
    .resolved = on_resolved,
    .observed = on_observed,
    .done = on_done,
    .skips = on_skips,
    .checks = on_checks,
    .checked = on_checked,
    .authorises = on_authorises,
};

int turn_start(Member *member)
{
    Manager *manager = member->manager;
    Endpoint *endpoint = member->state->endpoint;
    member->state->run++;
    const SurveyParams params = {
        .endpoint = endpoint,
        .pool = manager->pool,
        .password = loaded_secret(manager->loaded, endpoint->password_credential),
        .timeout_usec = (uint64_t)manager->loaded->config->timeout_seconds * USEC_PER_SEC,
    };
    return survey_new(&member->survey, manager->event, &params, &events, member);
}
