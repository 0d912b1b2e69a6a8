#include "alert/alert.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"

/* The state's address that a finding is about; of the endpoint as a whole: the one to be replaced first. */
static const AddressState *address_of(const EndpointState *state, const Finding *finding)
{
    for (size_t i = 0; finding->address && i < state->n_addresses; i++)
        if (strcmp(state->addresses[i].address.text, finding->address) == 0)
            return &state->addresses[i];
    return finding->address ? NULL : state->oldest;
}

static void say(TransitionKind kind, const EndpointState *state, const Finding *finding, int64_t now,
                TransitionList *transitions)
{
    const AddressState *address = address_of(state, finding);
    const Certificate *server = address ? address_certificate(address) : NULL;
    const Transition transition = {
        .kind = kind,
        .at = now,
        .finding = finding_copy(finding),
        .endpoint = xstrdup(state->endpoint->name),
        .engine = xstrdup(state->endpoint->engine_name),
        .ca = xstrdup(state->served_ca),
        .configured_ca = xstrdup(state->endpoint->ca),
        .fingerprint = server ? xstrdup(server->sha256) : NULL,
        .not_after = server ? server->not_after : INSTANT_NONE,
    };
    transition_list_append(transitions, transition);
}

static Alert *find_alert(const AlertList *standing, const Finding *finding)
{
    for (size_t i = 0; i < standing->n; i++)
        if (finding_is(&standing->items[i].finding, finding->id, finding->address))
            return &standing->items[i];
    return NULL;
}

/* A notice wants nothing of anybody, so nobody is reminded of it. */
static bool is_reminded(Severity severity)
{
    return severity > SEVERITY_NOTICE;
}

static void update_one(AlertList *standing, EndpointState *state, Finding *finding, int64_t remind_seconds,
                       int64_t now, TransitionList *transitions)
{
    Alert *alert = find_alert(standing, finding);
    if (!alert) {
        finding->since = now;
        say(TRANSITION_RAISED, state, finding, now, transitions);
        alert_list_append(standing, (Alert) { .finding = finding_copy(finding), .sent_at = now });
        return;
    }

    Severity before = alert->finding.severity;
    finding->since = alert->finding.since;
    finding_deinit(&alert->finding);
    alert->finding = finding_copy(finding);
    if (finding->severity > before)
        say(TRANSITION_ESCALATED, state, finding, now, transitions);
    else if (finding->severity < before)
        say(TRANSITION_EASED, state, finding, now, transitions);
    else if (is_reminded(finding->severity) && now - alert->sent_at >= remind_seconds)
        say(TRANSITION_REMINDED, state, finding, now, transitions);
    else
        return;
    alert->sent_at = now;
}

void alert_update(AlertList *standing, EndpointState *state, int64_t remind_seconds, int64_t now,
                  TransitionList *transitions)
{
    for (size_t i = standing->n; i-- > 0;) {
        const Finding *f = &standing->items[i].finding;
        if (finding_list_find(&state->findings, f->id, f->address))
            continue;
        say(TRANSITION_RESOLVED, state, f, now, transitions);
        alert_list_remove(standing, i);
    }
    for (size_t i = 0; i < state->findings.n; i++)
        update_one(standing, state, &state->findings.items[i], remind_seconds, now, transitions);
}

void alert_resolve_all(AlertList *standing, const EndpointState *state, int64_t now,
                       TransitionList *transitions)
{
    for (size_t i = 0; i < standing->n; i++)
        say(TRANSITION_RESOLVED, state, &standing->items[i].finding, now, transitions);
    alert_list_deinit(standing);
}

int64_t alert_next(const AlertList *standing, int64_t remind_seconds)
{
    int64_t next = INSTANT_NEVER;
    for (size_t i = 0; i < standing->n; i++)
        if (is_reminded(standing->items[i].finding.severity))
            next = instant_earlier(next, standing->items[i].sent_at + remind_seconds);
    return next;
}
