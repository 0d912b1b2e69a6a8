#include "monitor/endpoint-run.h"

#include <string.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "pki/keep.h"
#include "pki/verify.h"
#include "rds/rotation.h"
#include "rules/event.h"
#include "rules/rule.h"

#define COUNTED_STEP 25u

/* Between two looks at whether a server does without TLS: each may cost it a line in its log. */
#define CHECK_INTERVAL (1 * DAY)

static size_t on_resolved(ProbeRun *run _unused_, const Address *addresses, size_t n, const char *error,
                          void *userdata)
{
    EndpointMonitor *monitor = userdata;
    size_t n_admitted = n == 0 ? 0 : monitor->on->admit(monitor, n);
    EndpointState *state = monitor->state;
    if (n == 0) {
        endpoint_state_note_unresolved(state, error, clock_now());
        counters_count_unresolved(monitor->context->counters, state->endpoint->engine);
    } else {
        state->unresolved = (Streak) { 0 };
        (void)endpoint_state_retain(state, addresses, n_admitted); /* all is evaluated when the run is over */
    }
    return n_admitted;
}

/* A server that blocks this host is left alone until somebody says that it does not any more. */
static bool on_skips(ProbeRun *run _unused_, const Address *address, void *userdata)
{
    EndpointMonitor *monitor = userdata;
    const AddressState *known = endpoint_state_find(monitor->state, address->text);
    return !monitor->force && known && known->latest && known->latest->outcome == OUTCOME_PROBER_BLOCKED;
}

/* The certificate was fetched, but the way out was not the one that is configured. */
static void mind_farewell(EndpointMonitor *monitor, const Observation *observation)
{
    bool failing = observation->outcome == OUTCOME_FETCHED && observation->detail;
    if (failing && !monitor->farewell_failing)
        publisher_event(monitor->context->publisher, EVENT_FAREWELL_FAILED,
                        "%s (%s): the certificate was fetched, but the farewell failed: %s",
                        monitor->state->endpoint->name, observation->address.text, observation->detail);
    monitor->farewell_failing = failing;
}

/* Says how far it is to being locked out, in steps: with every probe it would be noise. */
static void mind_count(const EndpointMonitor *monitor, const AddressState *address)
{
    if (!address->latest->counted || address->counted % COUNTED_STEP != 0 ||
        address->counted >= MAX_CONNECT_ERRORS)
        return;
    publisher_event(
        monitor->context->publisher, EVENT_CONNECTIONS_COUNTED,
        "%s (%s): the server may have counted %u connections of this host that ended before login; with its "
        "defaults it blocks this host after another %u",
        monitor->state->endpoint->name, address->address.text, address->counted,
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
static void note_event(EndpointMonitor *monitor, AddressState *address, const Served *before)
{
    const Context *context = monitor->context;
    const Policy policy = { .catalogue = context->loaded->catalogue };
    int64_t now = clock_now();
    FindingList events = { 0 };
    Finding event;
    if (context->subjects->held || !event_of(monitor->state, address, before, &policy, now, &event))
        return;
    finding_list_append(&events, event);
    silence_list_apply(store_silences(context->store), monitor->state->endpoint->name, &events, now);
    if (events.items[0].silenced_until <= now && address_state_replaces(address, before->server->sha256, now))
        transition_list_append(
            &monitor->events,
            (Transition) { .kind = TRANSITION_RAISED, .at = now, .finding = finding_copy(&events.items[0]) });
    finding_list_deinit(&events);
}

static void on_observed(ProbeRun *run _unused_, Observation *observation, void *userdata)
{
    EndpointMonitor *monitor = userdata;
    EndpointState *state = monitor->state;
    _cleanup_(served_deinit) Served before = { 0 };
    _cleanup_(observation_unrefp) Observation *replaced = NULL;
    log_debug("%s (%s): %s at %s%s%s", state->endpoint->name, observation->address.text,
              outcome_to_string(observation->outcome), stage_to_string(observation->stage),
              observation->detail ? ": " : "", observation->detail ? observation->detail : "");
    counters_count(monitor->context->counters, state->endpoint->engine, observation);
    mind_farewell(monitor, observation);
    AddressState *address = endpoint_state_find(state, observation->address.text);
    bool news = is_news(address, observation);
    if (news && address && address->seen) {
        endpoint_monitor_verify(monitor, address);
        replaced = observation_ref(address->seen);
        served_note(&before, address);
    }
    (void)endpoint_state_note(state, observation);
    address = endpoint_state_find(state, observation->address.text);
    if (news) {
        address->verification.made = false;
        address->changed_at = before.server ? observation->observed_at : INSTANT_NONE;
    }
    endpoint_monitor_verify(monitor, address);
    if (address->seen)
        keep_address(state, address, monitor->context->pool);
    mind_count(monitor, address);
    if (news)
        monitor->on->shows(monitor);
    if (monitor->retired)
        return;
    if (news)
        note_event(monitor, address, &before);
    if (replaced)
        publisher_commit(monitor->context->publisher, &(Change) {
                                                          .about = SUBJECT_ENDPOINT,
                                                          .subject = state->endpoint->name,
                                                          .state = state,
                                                          .replaced = replaced,
                                                      });
}

static bool on_checks(ProbeRun *run _unused_, const Address *address, void *userdata)
{
    EndpointMonitor *monitor = userdata;
    const AddressState *known = endpoint_state_find(monitor->state, address->text);
    return known &&
           (known->plaintext_at == INSTANT_NONE || clock_now() - known->plaintext_at >= CHECK_INTERVAL);
}

static void on_checked(ProbeRun *run _unused_, Observation *observation, void *userdata)
{
    EndpointMonitor *monitor = userdata;
    if (observation->plaintext == PLAINTEXT_UNKNOWN)
        publisher_event(monitor->context->publisher, EVENT_CHECK_FAILED,
                        "%s (%s): whether it takes connections without TLS could not be found out: %s",
                        monitor->state->endpoint->name, observation->address.text,
                        observation->detail ? observation->detail : "the connection ended without an answer");
    endpoint_state_note_check(monitor->state, observation);
}

static bool on_authorises(const Chain *chain, void *userdata, char **ret_reason)
{
    EndpointMonitor *monitor = userdata;
    if (!monitor->context->subjects->held)
        return verify_authorises(endpoint_monitor_bundle(monitor), monitor->state->endpoint, chain, clock_now(),
                                 ret_reason);
    *ret_reason = xstrdup("the clock of this host is not set yet, so no certificate's dates can be checked");
    return false;
}

/* What happened in the run, and what it has seen. */
static void publish_run(EndpointMonitor *monitor)
{
    alert_of_endpoint(&monitor->events, monitor->state);
    publisher_commit(monitor->context->publisher, &(Change) {
                                                      .about = SUBJECT_ENDPOINT,
                                                      .subject = monitor->state->endpoint->name,
                                                      .transitions = &monitor->events,
                                                      .state = monitor->state,
                                                  });
    transition_list_deinit(&monitor->events);
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
uint64_t endpoint_run_next(const EndpointMonitor *monitor)
{
    const Endpoint *endpoint = monitor->state->endpoint;
    uint64_t now_usec = clock_boottime_usec();
    int64_t now = clock_now();
    uint64_t due_usec = schedule_next(endpoint->name, (uint64_t)endpoint->interval_seconds * USEC_PER_SEC,
                                      result_of(monitor->state), now_usec);
    int64_t look = rotation_next_look(&monitor->state->rotation, &endpoint->maintenance_window, now);
    look = instant_earlier(look, monitor->state->look_at);
    if (look - now >= endpoint->interval_seconds) /* also never */
        return due_usec;
    return schedule_sooner(endpoint->name, due_usec, look - now, now_usec);
}

static void on_done(ProbeRun *run, void *userdata)
{
    EndpointMonitor *monitor = userdata;
    probe_run_free(run);
    monitor->probe_run = NULL;
    monitor->n_runs++;
    if (!monitor->retired) {
        if (endpoint_state_forget_gone(monitor->state) || monitor->n_runs == 1)
            monitor->on->shows(monitor);
        bool happened = monitor->events.n > 0;
        if (happened)
            publish_run(monitor);
        if (!subject_evaluate(&monitor->subject) && !happened)
            publish_run(monitor); /* what was seen is kept all the same */
    }
    monitor->on->over(monitor);
}

static const ProbeRunEvents events = {
    .resolved = on_resolved,
    .observed = on_observed,
    .done = on_done,
    .skips = on_skips,
    .checks = on_checks,
    .checked = on_checked,
    .authorises = on_authorises,
};

int endpoint_run_start(EndpointMonitor *monitor)
{
    const Context *context = monitor->context;
    Endpoint *endpoint = monitor->state->endpoint;
    monitor->state->run++;
    const ProbeRunParams params = {
        .endpoint = endpoint,
        .pool = context->pool,
        .password = loaded_secret(context->loaded, endpoint->password_credential),
        .timeout_usec = (uint64_t)context->loaded->config->timeout_seconds * USEC_PER_SEC,
    };
    return probe_run_new(&monitor->probe_run, context->event, &params, &events, monitor);
}
