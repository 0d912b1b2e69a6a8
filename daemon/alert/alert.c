#include "alert/alert.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"

static void say(TransitionKind kind, const Finding *finding, int64_t now, TransitionList *transitions)
{
    transition_list_append(
        transitions,
        (Transition) { .kind = kind, .at = now, .finding = finding_copy(finding), .not_after = INSTANT_NONE });
}

static Alert *find_alert(const AlertList *standing, const Finding *finding)
{
    for (size_t i = 0; i < standing->n; i++)
        if (finding_same(&standing->items[i].finding, finding))
            return &standing->items[i];
    return NULL;
}

static bool is_found(const FindingList *findings, const Finding *finding)
{
    for (size_t i = 0; i < findings->n; i++)
        if (finding_same(&findings->items[i], finding))
            return true;
    return false;
}

/* A notice wants nothing of anybody, so nobody is reminded of it. */
static bool is_reminded(Severity severity)
{
    return severity > SEVERITY_NOTICE;
}

static void update_one(AlertList *standing, Finding *finding, int64_t remind_seconds, int64_t now,
                       TransitionList *transitions)
{
    Alert *alert = find_alert(standing, finding);
    if (!alert) {
        finding->since = now;
        say(TRANSITION_RAISED, finding, now, transitions);
        alert_list_append(standing, (Alert) { .finding = finding_copy(finding), .sent_at = now });
        return;
    }

    Severity before = alert->finding.severity;
    finding->since = alert->finding.since;
    finding_deinit(&alert->finding);
    alert->finding = finding_copy(finding);
    if (finding->severity > before)
        say(TRANSITION_ESCALATED, finding, now, transitions);
    else if (finding->severity < before)
        say(TRANSITION_EASED, finding, now, transitions);
    else if (is_reminded(finding->severity) && now - alert->sent_at >= remind_seconds)
        say(TRANSITION_REMINDED, finding, now, transitions);
    else
        return;
    alert->sent_at = now;
}

void alert_update(AlertList *standing, FindingList *findings, int64_t remind_seconds, int64_t now,
                  TransitionList *transitions)
{
    for (size_t i = standing->n; i-- > 0;) {
        const Finding *f = &standing->items[i].finding;
        if (is_found(findings, f))
            continue;
        say(TRANSITION_RESOLVED, f, now, transitions);
        alert_list_remove(standing, i);
    }
    for (size_t i = 0; i < findings->n; i++)
        update_one(standing, &findings->items[i], remind_seconds, now, transitions);
}

void alert_resolve_all(AlertList *standing, int64_t now, TransitionList *transitions)
{
    for (size_t i = 0; i < standing->n; i++)
        say(TRANSITION_RESOLVED, &standing->items[i].finding, now, transitions);
    alert_list_deinit(standing);
}

/* The state's address that a finding is about; of the endpoint as a whole: the one to be replaced first. */
static const AddressState *address_of(const EndpointState *state, const Finding *finding)
{
    for (size_t i = 0; finding->address && i < state->n_addresses; i++)
        if (strcmp(state->addresses[i].address.text, finding->address) == 0)
            return &state->addresses[i];
    return finding->address ? NULL : state->oldest;
}

void alert_of_endpoint(TransitionList *transitions, const EndpointState *state)
{
    for (size_t i = 0; i < transitions->n; i++) {
        Transition *t = &transitions->items[i];
        const AddressState *address = address_of(state, &t->finding);
        const Certificate *server = address ? address_certificate(address) : NULL;
        t->about = SUBJECT_ENDPOINT;
        t->subject = xstrdup(state->endpoint->name);
        t->engine = xstrdup(state->endpoint->engine_name);
        t->ca = xstrdup(state->served_ca);
        t->configured_ca = xstrdup(state->endpoint->ca);
        t->fingerprint = server ? xstrdup(server->sha256) : NULL;
        t->not_after = server ? server->not_after : INSTANT_NONE;
    }
}

void alert_of(TransitionList *transitions, SubjectKind about, const char *subject)
{
    for (size_t i = 0; i < transitions->n; i++) {
        transitions->items[i].about = about;
        transitions->items[i].subject = xstrdup(subject);
    }
}

int64_t alert_next(const AlertList *standing, int64_t remind_seconds)
{
    int64_t next = INSTANT_NEVER;
    for (size_t i = 0; i < standing->n; i++)
        if (is_reminded(standing->items[i].finding.severity))
            next = instant_earlier(next, standing->items[i].sent_at + remind_seconds);
    return next;
}
