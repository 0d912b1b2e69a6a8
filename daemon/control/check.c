#include "control/check.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "control/json.h"
#include "model/finding.h"

#define NAMES_SAID_MAX 8

static const struct {
    int status;
    const char *word;
} plugin[N_SEVERITIES] = {
    [SEVERITY_OK] = { PLUGIN_OK, "OK" },
    [SEVERITY_NOTICE] = { PLUGIN_OK, "OK" },
    [SEVERITY_UNKNOWN] = { PLUGIN_UNKNOWN, "UNKNOWN" },
    [SEVERITY_WARNING] = { PLUGIN_WARNING, "WARNING" },
    [SEVERITY_CRITICAL] = { PLUGIN_CRITICAL, "CRITICAL" },
};

/* What is not known is not fine. */
static Severity severity_of(const json_t *object, const char *key)
{
    int severity = severity_from_string(json_text_of(object, key));
    return severity < 0 ? SEVERITY_UNKNOWN : (Severity)severity;
}

/* Whoever was told enough, or may yet be spared it, is not woken by a plugin either. */
static bool is_told(const json_t *finding)
{
    return strcmp(json_text_of(finding, "state"), "pending") != 0 && !*json_text_of(finding, "silenced_until");
}

/* As the endpoint's own severity, but for what is silenced. */
static Severity severity_told(const json_t *endpoint)
{
    size_t i, n_silenced = 0;
    json_t *finding;
    Severity worst = SEVERITY_OK;
    json_array_foreach(json_object_get(endpoint, "findings"), i, finding)
    {
        n_silenced += *json_text_of(finding, "silenced_until") != 0;
        if (is_told(finding) && severity_of(finding, "severity") > worst)
            worst = severity_of(finding, "severity");
    }
    return n_silenced > 0 ? worst : severity_of(endpoint, "severity");
}

/* "rotation-overdue, name-mismatch": the findings that are as bad as that. */
static void write_findings(Buffer *text, const json_t *endpoint, Severity at_least)
{
    size_t i;
    json_t *finding;
    const char *last = "";
    json_array_foreach(json_object_get(endpoint, "findings"), i, finding)
    {
        const char *id = json_text_of(finding, "id");
        if (severity_of(finding, "severity") < at_least || strcmp(id, last) == 0 || !is_told(finding))
            continue;
        buffer_printf(text, "%s%s", *last ? ", " : "", id);
        last = id;
    }
}

static int64_t days_left(const json_t *endpoint, int64_t now)
{
    int64_t end;
    return instant_parse(json_text_of(endpoint, "not_after"), &end) == 0 ? (end - now) / DAY : INSTANT_NONE;
}

static char *answer(Severity severity, Buffer *text, Buffer *data, int *ret_status)
{
    _cleanup_free_ char *line = buffer_take_text(text), *numbers = buffer_take_text(data);
    *ret_status = plugin[severity].status;
    return xasprintf("DBCERTD %s - %s%s%s\n", plugin[severity].word, line, *numbers ? " | " : "", numbers);
}

static void write_days(Buffer *data, int64_t days)
{
    if (days != INSTANT_NONE)
        buffer_printf(data, "%sdays_left=%lld", data->size ? " " : "", (long long)days);
}

char *check_one(const json_t *endpoint, int64_t now, int *ret_status)
{
    Buffer text = { 0 }, data = { 0 }, findings = { 0 };
    Severity severity = severity_told(endpoint);
    int64_t days = days_left(endpoint, now);
    write_findings(&findings, endpoint, SEVERITY_NOTICE);
    _cleanup_free_ char *what = buffer_take_text(&findings);
    buffer_printf(&text, "%s: %s", json_text_of(endpoint, "name"), *what ? what : severity_to_string(severity));
    if (days != INSTANT_NONE)
        buffer_printf(&text, "; the certificate ends at %s", json_text_of(endpoint, "not_after"));
    write_days(&data, days);
    return answer(severity, &text, &data, ret_status);
}

/* "; billing rotation-overdue, shop ca-mismatch": the worst first. */
static void write_worst(Buffer *text, const json_t *endpoints)
{
    size_t n = 0, i;
    json_t *endpoint;
    for (Severity s = SEVERITY_CRITICAL; s > SEVERITY_NOTICE; s--)
        json_array_foreach(endpoints, i, endpoint)
        {
            if (severity_told(endpoint) != s || ++n > NAMES_SAID_MAX)
                continue;
            buffer_printf(text, "%s%s ", n == 1 ? ": " : "; ", json_text_of(endpoint, "name"));
            write_findings(text, endpoint, SEVERITY_UNKNOWN);
        }
    if (n > NAMES_SAID_MAX)
        buffer_printf(text, "; and %zu more", n - NAMES_SAID_MAX);
}

/* The worst that is told of what is no endpoint: of those with that member. */
static Severity worst_of(const json_t *findings, const char *member)
{
    size_t i;
    json_t *finding;
    Severity worst = SEVERITY_OK;
    json_array_foreach(findings, i, finding)
    {
        if (*json_text_of(finding, member) && is_told(finding) && severity_of(finding, "severity") > worst)
            worst = severity_of(finding, "severity");
    }
    return worst;
}

char *check_all(const json_t *endpoints, const json_t *findings, int64_t now, int *ret_status)
{
    Buffer text = { 0 }, data = { 0 };
    size_t counts[N_SEVERITIES] = { 0 }, i, n = json_array_size(endpoints);
    Severity severity = SEVERITY_OK, trust = worst_of(findings, "trust_store"),
             own = worst_of(findings, "daemon"), rds = worst_of(findings, "rds");
    if (worst_of(findings, "bundle") > trust)
        trust = worst_of(findings, "bundle");
    int64_t least = INSTANT_NONE;
    json_t *endpoint;
    json_array_foreach(endpoints, i, endpoint)
    {
        Severity s = severity_told(endpoint);
        counts[s]++;
        severity = s > severity ? s : severity;
        least = instant_earlier(least, days_left(endpoint, now)); /* NONE is later than any */
    }
    size_t n_bad = counts[SEVERITY_CRITICAL] + counts[SEVERITY_WARNING] + counts[SEVERITY_UNKNOWN];
    if (n_bad > 0)
        buffer_printf(&text, "%zu of ", n_bad);
    buffer_printf(&text, "%zu endpoint%s%s", n, PLURAL(n), n_bad > 0 ? "" : ", none with a problem");
    write_worst(&text, endpoints);
    if (trust > SEVERITY_NOTICE)
        buffer_printf(&text, "; trust stores and bundles: %s", severity_to_string(trust));
    if (rds > SEVERITY_NOTICE)
        buffer_printf(&text, "; the RDS API: %s", severity_to_string(rds));
    if (own > SEVERITY_NOTICE)
        buffer_printf(&text, "; dbcertd itself: %s", severity_to_string(own));
    severity = trust > severity ? trust : severity;
    severity = rds > severity ? rds : severity;
    severity = own > severity ? own : severity;
    buffer_printf(&data, "endpoints=%zu", n);
    for (Severity s = SEVERITY_CRITICAL + 1; s-- > SEVERITY_OK;)
        buffer_printf(&data, " %s=%zu", severity_to_string(s), counts[s]);
    write_days(&data, least);
    return answer(severity, &text, &data, ret_status);
}
