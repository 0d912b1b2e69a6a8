#include "control/route.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "control/json.h"

Answer route_error(unsigned status, const char *code, const char *message)
{
    return (Answer) { .status = status, .body = json_of_error(code, message) };
}

static Answer ok(json_t *body)
{
    return (Answer) { .status = 200, .body = body };
}

static Answer no_such_endpoint(const char *name)
{
    _cleanup_free_ char *message = xasprintf("no endpoint is named \"%s\"", name);
    return route_error(404, "not-found", message);
}

static Answer get_status(const Request *request _unused_, const Snapshot *snapshot, const char *name _unused_)
{
    return ok(json_of_status(snapshot));
}

static bool passes(const char *filter, const char *value)
{
    return !filter || (value && strcmp(filter, value) == 0);
}

static bool is_wanted(const Request *request, const EndpointState *state)
{
    const Endpoint *endpoint = state->endpoint; /* "oracle" is every edition of it */
    return passes(request->severity, severity_to_string(state->severity)) &&
           (passes(request->engine, endpoint->engine_name) ||
            passes(request->engine, endpoint->engine->name)) &&
           passes(request->region, endpoint->region);
}

static Answer get_endpoints(const Request *request, const Snapshot *snapshot, const char *name _unused_)
{
    if (request->severity && severity_from_string(request->severity) < 0)
        return route_error(400, "bad-request",
                           "severity: expected one of ok, notice, unknown, warning, critical");
    json_t *endpoints = json_array();
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        if (is_wanted(request, snapshot->endpoints[i]))
            json_array_append_new(endpoints, json_of_endpoint(snapshot->endpoints[i], request->der));
    return ok(json_pack("{s:o}", "endpoints", endpoints));
}

static Answer get_endpoint(const Request *request, const Snapshot *snapshot, const char *name)
{
    const EndpointState *state = snapshot_find(snapshot, name);
    return state ? ok(json_of_endpoint(state, request && request->der)) : no_such_endpoint(name);
}

static void add_trust_findings(json_t *array, const char *member, const char *subject,
                               const FindingList *findings)
{
    for (size_t i = 0; i < findings->n; i++)
        json_array_append_new(array, json_of_trust_finding(member, subject, &findings->items[i]));
}

static Answer get_findings(const Request *request _unused_, const Snapshot *snapshot, const char *name _unused_)
{
    json_t *findings = json_array();
    for (size_t i = 0; i < snapshot->n_endpoints; i++) {
        const EndpointState *state = snapshot->endpoints[i];
        for (size_t j = 0; j < state->findings.n; j++)
            json_array_append_new(findings, json_of_endpoint_finding(state, &state->findings.items[j]));
    }
    for (size_t i = 0; i < snapshot->n_trust_stores; i++)
        add_trust_findings(findings, "trust_store", snapshot->trust_stores[i]->store->name,
                           &snapshot->trust_stores[i]->findings);
    for (size_t i = 0; i < snapshot->n_sources; i++)
        add_trust_findings(findings, "bundle", snapshot->sources[i]->url, &snapshot->sources[i]->findings);
    return ok(json_pack("{s:o}", "findings", findings));
}

static Answer get_authorities(const Request *request _unused_, const Snapshot *snapshot,
                              const char *name _unused_)
{
    _cleanup_(authority_uses_deinit) AuthorityUses uses = { 0 };
    snapshot->authorities(snapshot, &uses);
    return ok(json_of_authorities(&uses));
}

static Answer get_trust(const Request *request _unused_, const Snapshot *snapshot, const char *name _unused_)
{
    return ok(json_of_trust(snapshot));
}

static Answer get_plan(const Request *request _unused_, const Snapshot *snapshot, const char *name)
{
    _cleanup_(plan_deinit) Plan plan = { 0 };
    if (snapshot->plan(snapshot, name, &plan) == 0)
        return ok(json_of_plan(&plan));
    _cleanup_free_ char *message =
        xasprintf("no CA that rotates has the identifier \"%s\"; expected one such as rds-ca-rsa2048-g1, "
                  "rds-ca-rsa4096-g1 or rds-ca-ecc384-g1 (dbcertctl authorities)",
                  name);
    return route_error(404, "not-found", message);
}

static Answer get_forecast(const Request *request, const Snapshot *snapshot, const char *name _unused_)
{
    _cleanup_(forecast_deinit) Forecast forecast = { 0 };
    int64_t until = INSTANT_NONE;
    if (request->until && instant_parse_day(request->until, &until) < 0)
        return route_error(
            400, "bad-request",
            "until: expected a day such as 2027-06-30, or an instant such as 2027-06-30T12:00:00Z");
    snapshot->forecast(snapshot, until, &forecast);
    return ok(json_of_forecast(&forecast));
}

static Answer get_health(const Request *request _unused_, const Snapshot *snapshot _unused_,
                         const char *name _unused_)
{
    return ok(json_pack("{s:s}", "status", "ok"));
}

static Answer post_probe(const Request *request, const Snapshot *snapshot, const char *name)
{
    if (!request->local)
        return route_error(403, "forbidden", "probing is asked for over the Unix socket only");
    if (!snapshot_find(snapshot, name))
        return no_such_endpoint(name);
    return (Answer) { .probe = xstrdup(name) };
}

/* "*" stands for one name. */
static const struct {
    const char *method, *path;
    Answer (*handler)(const Request *request, const Snapshot *snapshot, const char *name);
} routes[] = {
    { "GET", "/v1/status", get_status },             //
    { "GET", "/v1/endpoints", get_endpoints },       //
    { "GET", "/v1/endpoints/*", get_endpoint },      //
    { "GET", "/v1/findings", get_findings },         //
    { "GET", "/v1/authorities", get_authorities },   //
    { "GET", "/v1/trust", get_trust },               //
    { "GET", "/v1/plan/*", get_plan },               //
    { "GET", "/v1/forecast", get_forecast },         //
    { "GET", "/healthz", get_health },               //
    { "POST", "/v1/endpoints/*/probe", post_probe }, //
};

/* The name that stands for "*": "" if there is no "*" in the pattern. NULL if the path does not match. */
static char *match(const char *pattern, const char *path)
{
    const char *star = strchr(pattern, '*');
    if (!star)
        return strcmp(pattern, path) == 0 ? xstrdup("") : NULL;
    size_t before = (size_t)(star - pattern);
    if (strncmp(pattern, path, before) != 0)
        return NULL;
    size_t length = strcspn(path + before, "/");
    if (length == 0 || strcmp(path + before + length, star + 1) != 0)
        return NULL;
    return xstrndup(path + before, length);
}

Answer route_request(const Request *request, const Snapshot *snapshot)
{
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method, *allow = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        _cleanup_free_ char *name = match(routes[i].path, request->path);
        if (!name)
            continue;
        if (strcmp(routes[i].method, method) == 0)
            return routes[i].handler(request, snapshot, name);
        allow = routes[i].method;
    }
    if (!allow)
        return route_error(404, "not-found", "there is nothing here; see dbcertd(8) for the paths");
    Answer answer = route_error(405, "method-not-allowed", "this path does not take this method");
    answer.allow = allow;
    return answer;
}

Answer route_probed(const char *name, const Snapshot *snapshot)
{
    return get_endpoint(NULL, snapshot, name);
}
