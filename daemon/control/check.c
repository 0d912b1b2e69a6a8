#include "control/check.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"

#define NAMES_SAID_MAX 8

static const char *const words[N_SEVERITIES] = {
    [SEVERITY_OK] = "OK",           [SEVERITY_NOTICE] = "OK",         [SEVERITY_UNKNOWN] = "UNKNOWN",
    [SEVERITY_WARNING] = "WARNING", [SEVERITY_CRITICAL] = "CRITICAL",
};

static Severity worse(Severity a, Severity b)
{
    return a > b ? a : b;
}

/* Whoever was told enough, or may yet be spared it, is not woken by a plugin either. */
static bool is_told(const Finding *finding)
{
    return !finding->pending && finding->silenced_until == INSTANT_NONE;
}

static Severity worst_told(const FindingList *findings)
{
    Severity worst = SEVERITY_OK;
    for (size_t i = 0; i < findings->n; i++)
        if (is_told(&findings->items[i]))
            worst = worse(worst, findings->items[i].severity);
    return worst;
}

/* As the endpoint's own severity, but for what is silenced. */
static Severity severity_told(const EndpointState *state)
{
    for (size_t i = 0; i < state->findings.n; i++)
        if (state->findings.items[i].silenced_until != INSTANT_NONE)
            return worst_told(&state->findings);
    return state->severity;
}

/* "rotation-overdue, name-mismatch": the findings that are as bad as that. */
static void write_findings(Buffer *text, const EndpointState *state, Severity at_least)
{
    int last = -1;
    for (size_t i = 0; i < state->findings.n; i++) {
        const Finding *finding = &state->findings.items[i];
        if (finding->severity < at_least || (int)finding->id == last || !is_told(finding))
            continue;
        buffer_printf(text, "%s%s", last >= 0 ? ", " : "", finding_to_string(finding->id));
        last = (int)finding->id;
    }
}

static int64_t end_of(const EndpointState *state)
{
    const Certificate *server = state->oldest ? address_certificate(state->oldest) : NULL;
    return server ? server->not_after : INSTANT_NONE;
}

static int64_t days_left(const EndpointState *state, int64_t now)
{
    int64_t end = end_of(state);
    return end == INSTANT_NONE ? INSTANT_NONE : (end - now) / DAY;
}

static char *answer(Severity severity, Buffer *text, Buffer *data)
{
    _cleanup_free_ char *line = buffer_take_text(text), *numbers = buffer_take_text(data);
    return xasprintf(CHECK_PREFIX "%s - %s%s%s\n", words[severity], line, *numbers ? " | " : "", numbers);
}

static void write_days(Buffer *data, int64_t days)
{
    if (days != INSTANT_NONE)
        buffer_printf(data, "%sdays_left=%lld", data->size ? " " : "", (long long)days);
}

char *check_one(const EndpointState *state, int64_t now)
{
    Buffer text = { 0 }, data = { 0 }, findings = { 0 };
    Severity severity = severity_told(state);
    write_findings(&findings, state, SEVERITY_NOTICE);
    _cleanup_free_ char *what = buffer_take_text(&findings);
    buffer_printf(&text, "%s: %s", state->endpoint->name, *what ? what : severity_to_string(severity));
    if (end_of(state) != INSTANT_NONE)
        buffer_printf(&text, "; the certificate ends at %s", INSTANT_TEXT(end_of(state)));
    write_days(&data, days_left(state, now));
    return answer(severity, &text, &data);
}

/* "; billing rotation-overdue, shop ca-mismatch": the worst first. */
static void write_worst(Buffer *text, const Snapshot *snapshot)
{
    size_t n = 0;
    for (Severity s = SEVERITY_CRITICAL; s > SEVERITY_NOTICE; s--)
        for (size_t i = 0; i < snapshot->n_endpoints; i++) {
            const EndpointState *state = snapshot->endpoints[i];
            if (severity_told(state) != s || ++n > NAMES_SAID_MAX)
                continue;
            buffer_printf(text, "%s%s ", n == 1 ? ": " : "; ", state->endpoint->name);
            write_findings(text, state, SEVERITY_UNKNOWN);
        }
    if (n > NAMES_SAID_MAX)
        buffer_printf(text, "; and %zu more", n - NAMES_SAID_MAX);
}

/* What is found of anything but endpoints; returns the worst of it. */
static Severity write_others(Buffer *text, const Snapshot *snapshot)
{
    static const struct {
        unsigned kinds;
        const char *words;
    } groups[] = {
        { 1U << SUBJECT_TRUST_STORE | 1U << SUBJECT_BUNDLE, "trust stores and bundles" },
        { 1U << SUBJECT_RDS, "the RDS API" },
        { 1U << SUBJECT_DAEMON, "dbcertd itself" },
    };
    Severity all = SEVERITY_OK;
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        SubjectView subject;
        Severity worst = SEVERITY_OK;
        for (size_t j = snapshot->n_endpoints; snapshot_subject(snapshot, j, &subject); j++)
            if (groups[i].kinds & 1U << subject.kind)
                worst = worse(worst, worst_told(subject.findings));
        if (worst > SEVERITY_NOTICE)
            buffer_printf(text, "; %s: %s", groups[i].words, severity_to_string(worst));
        all = worse(all, worst);
    }
    return all;
}

char *check_all(const Snapshot *snapshot, int64_t now)
{
    Buffer text = { 0 }, data = { 0 };
    size_t counts[N_SEVERITIES] = { 0 }, n = snapshot->n_endpoints;
    Severity severity = SEVERITY_OK;
    int64_t least = INSTANT_NONE;
    for (size_t i = 0; i < n; i++) {
        Severity s = severity_told(snapshot->endpoints[i]);
        counts[s]++;
        severity = worse(severity, s);
        least = instant_earlier(least, days_left(snapshot->endpoints[i], now)); /* NONE is later than any */
    }
    size_t n_bad = counts[SEVERITY_CRITICAL] + counts[SEVERITY_WARNING] + counts[SEVERITY_UNKNOWN];
    if (n_bad > 0)
        buffer_printf(&text, "%zu of ", n_bad);
    buffer_printf(&text, "%zu endpoint%s%s", n, PLURAL(n), n_bad > 0 ? "" : ", none with a problem");
    write_worst(&text, snapshot);
    severity = worse(severity, write_others(&text, snapshot));
    buffer_printf(&data, "endpoints=%zu", n);
    for (Severity s = SEVERITY_CRITICAL + 1; s-- > SEVERITY_OK;)
        buffer_printf(&data, " %s=%zu", severity_to_string(s), counts[s]);
    write_days(&data, least);
    return answer(severity, &text, &data);
}
