#include "monitor/endpoint-monitor.h"

#include "base/alloc.h"
#include "base/instant.h"
#include "pki/verify.h"
#include "rules/rule.h"

static EndpointMonitor *monitor_of(Subject *subject)
{
    return CONTAINER_OF(subject, EndpointMonitor, subject);
}

/* A proxy's certificate is ACM's, and that is for the system's roots. */
const Bundle *endpoint_monitor_bundle(const EndpointMonitor *monitor)
{
    const Context *context = monitor->context;
    return endpoint_is_acm(monitor->state->endpoint) ? context->loaded->system : context->bundle;
}

/* The same chain against the same bundle is worth what it was. One that is not kept whole waits for the next
 * probe. */
void endpoint_monitor_verify(EndpointMonitor *monitor, AddressState *address)
{
    if (address->seen && !address->verification.made && chain_is_whole(&address->seen->chain))
        verify_address(endpoint_monitor_bundle(monitor), monitor->state->endpoint, address);
}

/* What was seen before this start may be long past: it is looked at once before anything is said of it. */
static bool can_be_evaluated(const EndpointMonitor *monitor)
{
    return !monitor->retired && (!monitor->recalled || monitor->n_runs > 0);
}

static int64_t on_evaluate(Subject *subject, int64_t now)
{
    EndpointMonitor *monitor = monitor_of(subject);
    EndpointState *state = monitor->state;
    const Loaded *loaded = monitor->context->loaded;
    const Policy policy = {
        .unreachable_after = loaded->config->unreachable_after,
        .catalogue = loaded->catalogue,
        .rds_answered_at = state->endpoint->rds ? monitor->on->answered_at(monitor) : INSTANT_NONE,
    };
    if (!can_be_evaluated(monitor))
        return INSTANT_NONE;
    for (size_t i = 0; i < state->n_addresses; i++)
        endpoint_monitor_verify(monitor, &state->addresses[i]);
    rule_evaluate_endpoint(state, &policy, now);
    monitor->on->evaluated(monitor);
    return state->changes_at;
}

static const SubjectType type = { .kind = SUBJECT_ENDPOINT, .evaluate = on_evaluate };

EndpointMonitor *endpoint_monitor_new(const Context *context, Endpoint *endpoint,
                                      const EndpointMonitorEvents *events, void *owner)
{
    EndpointMonitor *monitor = xcalloc(1, sizeof *monitor);
    monitor->context = context;
    monitor->on = events;
    monitor->owner = owner;
    monitor->state = endpoint_state_new(endpoint);
    monitor->subject = (Subject) {
        .type = &type,
        .name = endpoint->name,
        .findings = &monitor->state->findings,
        .state = monitor->state,
    };
    return monitor;
}

void endpoint_monitor_free(EndpointMonitor *monitor)
{
    if (!monitor)
        return;
    subject_remove(&monitor->subject);
    probe_run_free(monitor->probe_run);
    transition_list_deinit(&monitor->events);
    endpoint_state_free(monitor->state);
    free(monitor);
}
