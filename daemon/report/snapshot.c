#include "report/snapshot.h"

#include <string.h>

SubjectView subject_of_endpoint(const EndpointState *state)
{
    return (SubjectView) { SUBJECT_ENDPOINT, state->endpoint->name, &state->findings, state };
}

bool snapshot_subject(const Snapshot *snapshot, size_t number, SubjectView *ret)
{
    size_t i = number;
    if (i < snapshot->n_endpoints) {
        *ret = subject_of_endpoint(snapshot->endpoints[i]);
        return true;
    }
    i -= snapshot->n_endpoints;
    if (i < snapshot->n_trust_stores) {
        const TrustStoreState *state = snapshot->trust_stores[i];
        *ret = (SubjectView) { SUBJECT_TRUST_STORE, state->store->name, &state->findings, NULL };
        return true;
    }
    i -= snapshot->n_trust_stores;
    if (i < snapshot->n_sources) {
        const BundleSource *source = snapshot->sources[i];
        *ret = (SubjectView) { SUBJECT_BUNDLE, source->url, &source->findings, NULL };
        return true;
    }
    i -= snapshot->n_sources;
    if (i < snapshot->n_rds_sources) {
        const RdsSourceState *state = snapshot->rds_sources[i];
        *ret = (SubjectView) { SUBJECT_RDS, state->source->name, &state->findings, NULL };
        return true;
    }
    *ret = (SubjectView) { SUBJECT_DAEMON, DAEMON_NAME, &snapshot->self->findings, NULL };
    return i == snapshot->n_rds_sources;
}

static bool is_last(const Walk *walk, const EndpointState *state)
{
    return strcmp(state->endpoint->name, walk->last->name) == 0;
}

/* The fleet may be another since: behind the last one, if it is still there. */
static void find_place(Walk *walk, const Snapshot *snapshot)
{
    if (!walk->last || (walk->n <= snapshot->n_endpoints && is_last(walk, snapshot->endpoints[walk->n - 1])))
        return;
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        if (is_last(walk, snapshot->endpoints[i])) {
            walk->n = i + 1;
            return;
        }
    walk->n = SIZE_MAX;
    walk->lost = true;
}

const EndpointState *walk_next(Walk *walk, const Snapshot *snapshot)
{
    find_place(walk, snapshot);
    if (walk->n >= snapshot->n_endpoints)
        return NULL;
    const EndpointState *next = snapshot->endpoints[walk->n++];
    endpoint_unref(walk->last);
    walk->last = endpoint_ref(next->endpoint);
    return next;
}

const EndpointState *walk_again(Walk *walk, const Snapshot *snapshot)
{
    find_place(walk, snapshot);
    return walk->lost ? NULL : snapshot->endpoints[walk->n - 1];
}

void walk_deinit(Walk *walk)
{
    endpoint_unref(walk->last);
    *walk = (Walk) { 0 };
}

const EndpointState *snapshot_find(const Snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        if (strcmp(snapshot->endpoints[i]->endpoint->name, name) == 0)
            return snapshot->endpoints[i];
    return NULL;
}

size_t snapshot_count(const Snapshot *snapshot, Severity severity)
{
    size_t n = 0;
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        n += snapshot->endpoints[i]->severity == severity;
    return n;
}

Severity snapshot_self_severity(const Snapshot *snapshot)
{
    return snapshot->self ? finding_list_worst(&snapshot->self->findings, SEVERITY_OK) : SEVERITY_OK;
}

Severity snapshot_rds_severity(const Snapshot *snapshot)
{
    Severity worst = SEVERITY_OK;
    for (size_t i = 0; i < snapshot->n_rds_sources; i++)
        worst = finding_list_worst(&snapshot->rds_sources[i]->findings, worst);
    return worst;
}

Severity snapshot_trust_severity(const Snapshot *snapshot)
{
    Severity severity = SEVERITY_OK;
    for (size_t i = 0; i < snapshot->n_trust_stores; i++)
        severity = finding_list_worst(&snapshot->trust_stores[i]->findings, severity);
    for (size_t i = 0; i < snapshot->n_sources; i++)
        severity = finding_list_worst(&snapshot->sources[i]->findings, severity);
    return severity;
}
