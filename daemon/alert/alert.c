#include "alert/alert.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"

static void count_return(Alert *alert, int64_t now)
{
    if (alert->raises_since == INSTANT_NONE || now - alert->raises_since >= FLAP_PERIOD) {
        alert->raises_since = now;
        alert->raises = 0;
    }
    alert->raises++;
    if (alert->raises >= FLAP_RAISES)
        alert->raises_since = now; /* it flaps, from its latest return on for a period */
}

static bool flaps(const Alert *alert, int64_t now)
{
    return alert->raises >= FLAP_RAISES && now - alert->raises_since < FLAP_PERIOD;
}

/* Takes nothing: the finding is copied. */
static void say(Alert *alert, TransitionKind kind, int64_t now, TransitionList *transitions)
{
    transition_list_append(transitions, (Transition) {
                                            .kind = kind,
                                            .at = now,
                                            .finding = finding_copy(&alert->finding),
                                            .raises = flaps(alert, now) ? alert->raises : 0,
                                            .not_after = INSTANT_NONE,
                                        });
    alert->sent_at = now;
}

static Alert *find_alert(const AlertList *standing, const Finding *finding)
{
    for (size_t i = 0; i < standing->n; i++)
        if (finding_same(&standing->items[i].finding, finding))
            return &standing->items[i];
    return NULL;
}

static Finding *find_finding(const FindingList *findings, const Finding *finding)
{
    for (size_t i = 0; i < findings->n; i++)
        if (finding_same(&findings->items[i], finding))
            return &findings->items[i];
    return NULL;
}

/* A notice wants nothing of anybody, so nobody is reminded of it. */
static bool is_reminded(const Alert *alert)
{
    return alert->state == ALERT_FIRING && alert->said > SEVERITY_NOTICE && alert->calmer_since == INSTANT_NONE;
}

static bool is_silenced(const Finding *finding, int64_t now)
{
    return finding->silenced_until > now;
}

/* It is worse than what was said. */
static void worsen(Alert *alert, Severity severity, int64_t now, TransitionList *transitions)
{
    bool raised = alert->said == SEVERITY_OK;
    if (raised || severity <= alert->worst)
        count_return(alert, now);
    alert->worst = raised ? severity : MAX(severity, alert->worst);
    alert->said = severity;
    say(alert, raised ? TRANSITION_RAISED : TRANSITION_ESCALATED, now, transitions);
}

/* Whether an alert that flaps is still to be taken for as bad as it was. */
static bool is_held(const Alert *alert, int64_t now)
{
    return flaps(alert, now) && (alert->calmer_since == INSTANT_NONE || now - alert->calmer_since < FLAP_HOLD);
}

/* It is better than what was said; SEVERITY_OK: gone. */
static void improve(Alert *alert, Severity severity, int64_t now, TransitionList *transitions)
{
    alert->calmer_since = INSTANT_NONE;
    alert->said = severity;
    if (severity == SEVERITY_OK)
        alert->state = ALERT_RESOLVED;
    say(alert, severity == SEVERITY_OK ? TRANSITION_RESOLVED : TRANSITION_EASED, now, transitions);
}

/* The clock was ahead, and was set back: what was noted then must not hold anything until it is there again. */
static void mind_clock(Alert *alert, int64_t now)
{
    int64_t *const instants[] = { &alert->sent_at, &alert->calmer_since, &alert->raises_since,
                                  &alert->finding.since };
    for (size_t i = 0; i < ARRAY_SIZE(instants); i++)
        if (*instants[i] > now)
            *instants[i] = now;
}

/* finding: as it is now; NULL: gone. True if anything but its words has changed. */
static bool update_one(Alert *alert, Finding *finding, int64_t remind_seconds, int64_t now,
                       TransitionList *transitions)
{
    AlertState before = alert->state;
    int64_t calmer_before = alert->calmer_since;
    size_t n_before = transitions->n;
    Severity severity = finding && !finding->pending ? finding->severity : SEVERITY_OK;
    bool silenced = finding && is_silenced(finding, now);
    mind_clock(alert, now);
    if (finding) {
        alert->state = finding->pending && alert->said == SEVERITY_OK ? ALERT_PENDING : ALERT_FIRING;
        finding->since = alert->state == before ? alert->finding.since : now;
        finding_deinit(&alert->finding);
        alert->finding = finding_copy(finding);
    } else if (alert->said == SEVERITY_OK)
        alert->state = ALERT_RESOLVED;

    if (severity >= alert->said && alert->calmer_since != INSTANT_NONE) {
        alert->calmer_since = INSTANT_NONE;
        count_return(alert, now); /* unsaid */
    }
    if (severity > alert->said && !silenced)
        worsen(alert, severity, now, transitions);
    else if (severity < alert->said && is_held(alert, now))
        alert->calmer_since = alert->calmer_since == INSTANT_NONE ? now : alert->calmer_since;
    else if (severity < alert->said && (severity == SEVERITY_OK || !silenced))
        improve(alert, severity, now, transitions);
    else if (is_reminded(alert) && !silenced && now - alert->sent_at >= remind_seconds)
        say(alert, TRANSITION_REMINDED, now, transitions);
    return alert->state != before || alert->calmer_since != calmer_before || transitions->n > n_before;
}

/* Gone, and its coming back would not be called flapping any more. */
static bool is_over(const Alert *alert, int64_t now)
{
    return alert->state == ALERT_RESOLVED &&
           (alert->raises_since == INSTANT_NONE || now - alert->raises_since >= FLAP_PERIOD);
}

void alert_update(AlertList *standing, FindingList *findings, int64_t remind_seconds, int64_t now,
                  TransitionList *transitions)
{
    for (size_t i = standing->n; i-- > 0;) {
        Alert *alert = &standing->items[i];
        if (!find_finding(findings, &alert->finding))
            standing->changed |= update_one(alert, NULL, remind_seconds, now, transitions);
        if (is_over(alert, now))
            alert_list_remove(standing, i);
    }
    for (size_t i = 0; i < findings->n; i++) {
        Finding *finding = &findings->items[i];
        Alert *alert = find_alert(standing, finding);
        if (!alert) {
            alert_list_append(standing, (Alert) {
                                            .finding = finding_copy(finding),
                                            .state = finding->pending ? ALERT_PENDING : ALERT_FIRING,
                                            .sent_at = INSTANT_NONE,
                                            .calmer_since = INSTANT_NONE,
                                            .raises_since = INSTANT_NONE,
                                        });
            alert = &standing->items[standing->n - 1];
            alert->finding.since = now;
        }
        standing->changed |= update_one(alert, finding, remind_seconds, now, transitions);
    }
}

void alert_recall(const AlertList *standing, FindingList *findings)
{
    finding_list_deinit(findings);
    for (size_t i = 0; i < standing->n; i++) {
        const Alert *alert = &standing->items[i];
        if (alert->state == ALERT_RESOLVED || alert->calmer_since != INSTANT_NONE)
            continue;
        Finding *finding = finding_list_append(findings, finding_copy(&alert->finding));
        finding->pending = alert->state == ALERT_PENDING;
    }
}

void alert_recall_endpoint(const AlertList *standing, EndpointState *state)
{
    bool seen = false;
    alert_recall(standing, &state->findings);
    for (size_t i = 0; i < state->n_addresses; i++)
        seen |= state->addresses[i].seen != NULL;
    state->severity = finding_list_worst(&state->findings, seen ? SEVERITY_OK : SEVERITY_UNKNOWN);
}

void alert_resolve_all(AlertList *standing, int64_t now, TransitionList *transitions)
{
    for (size_t i = 0; i < standing->n; i++)
        if (standing->items[i].said != SEVERITY_OK)
            say(&standing->items[i], TRANSITION_RESOLVED, now, transitions);
    alert_list_deinit(standing);
    standing->changed = true;
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
        t->ca = xstrdup(t->finding.ca ? t->finding.ca : state->served_ca);
        t->configured_ca = xstrdup(endpoint_ca(state->endpoint));
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

int64_t alert_next(const AlertList *standing, int64_t remind_seconds, int64_t now)
{
    int64_t next = INSTANT_NEVER;
    for (size_t i = 0; i < standing->n; i++) {
        const Alert *alert = &standing->items[i];
        if (alert->calmer_since != INSTANT_NONE)
            next = instant_earlier(next, alert->calmer_since + FLAP_HOLD);
        else if (alert->state == ALERT_FIRING && is_silenced(&alert->finding, now))
            next = instant_earlier(next, alert->finding.silenced_until);
        else if (is_reminded(alert))
            next = instant_earlier(next, alert->sent_at + remind_seconds);
    }
    return next;
}
