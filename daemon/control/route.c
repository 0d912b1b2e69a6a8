#include "control/route.h"

#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/instant.h"
#include "control/calendar.h"
#include "control/check.h"
#include "control/json-text.h"
#include "control/json.h"
#include "control/metrics.h"

/* Indents the JSON, which it takes. */
static Answer json_answer(unsigned status, Buffer *text)
{
    Indent indent = { 0 };
    Buffer indented = { 0 };
    json_text_indent(&indent, &indented, text);
    buffer_deinit(text);
    return (Answer) { .status = status, .text = buffer_take_text(&indented) };
}

Answer route_error(unsigned status, const char *code, const char *message)
{
    Buffer text = { 0 };
    json_write_error(&text, code, message);
    return json_answer(status, &text);
}

static Answer no_such_endpoint(const char *name)
{
    _cleanup_free_ char *message = xasprintf("no endpoint is named \"%s\"", name);
    return route_error(404, "not-found", message);
}

static Answer get_status(const Request *request _unused_, const Snapshot *snapshot, const char *name _unused_)
{
    Buffer text = { 0 };
    json_write_status(&text, snapshot);
    return json_answer(200, &text);
}

static bool passes(const char *filter, const char *value)
{
    return !filter || (value && strcmp(filter, value) == 0);
}

static bool is_wanted(const Pieces *pieces, const EndpointState *state)
{
    const Endpoint *endpoint = state->endpoint; /* "oracle" is every edition of it */
    return passes(pieces->severity, severity_to_string(state->severity)) &&
           (passes(pieces->engine, endpoint->engine_name) || passes(pieces->engine, endpoint->engine->name)) &&
           passes(pieces->region, endpoint->region);
}

/* Before each item of a list, each on a line of its own. The part is how many there were. */
static void next_item(Pieces *pieces, Buffer *text)
{
    buffer_printf(text, "%s\n", pieces->part++ > 0 ? "," : "");
}

static bool write_endpoints(Pieces *pieces, const Snapshot *snapshot, Buffer *text)
{
    if (!pieces->walk.last)
        buffer_printf(text, "{\"endpoints\": [");
    bool begins = pieces->within == 0;
    const EndpointState *state =
        begins ? walk_next(&pieces->walk, snapshot) : walk_again(&pieces->walk, snapshot);
    if (!state)
        buffer_printf(text, "\n]}\n");
    else if (!begins || is_wanted(pieces, state)) {
        if (begins)
            next_item(pieces, text);
        bool more = json_write_endpoint(text, state, pieces->within++, pieces->der);
        pieces->within = more ? pieces->within : 0;
    }
    return state;
}

/* The part is the endpoint's. Where that is gone meanwhile, the answer is broken off. */
static bool write_endpoint(Pieces *pieces, const Snapshot *snapshot, Buffer *text)
{
    const EndpointState *state = snapshot_find(snapshot, pieces->name);
    pieces->walk.lost = !state;
    return state && json_write_endpoint(text, state, pieces->part++, pieces->der);
}

static void add_findings(Pieces *pieces, Buffer *text, const SubjectView *subject)
{
    for (size_t i = 0; i < subject->findings->n; i++) {
        next_item(pieces, text);
        json_write_finding(text, subject, &subject->findings->items[i]);
    }
}

static bool write_findings(Pieces *pieces, const Snapshot *snapshot, Buffer *text)
{
    SubjectView subject;
    if (!pieces->walk.last)
        buffer_printf(text, "{\"findings\": [");
    const EndpointState *state = walk_next(&pieces->walk, snapshot);
    if (state) {
        subject = subject_of_endpoint(state);
        add_findings(pieces, text, &subject);
    }
    for (size_t i = snapshot->n_endpoints; !state && snapshot_subject(snapshot, i, &subject); i++)
        add_findings(pieces, text, &subject);
    if (!state)
        buffer_printf(text, "\n]}\n");
    return state;
}

static Answer list(const Request *request, bool (*write)(Pieces *, const Snapshot *, Buffer *))
{
    Pieces *pieces = xcalloc(1, sizeof *pieces);
    pieces->write = write;
    pieces->severity = xstrdup(request->severity);
    pieces->engine = xstrdup(request->engine);
    pieces->region = xstrdup(request->region);
    pieces->der = request->der;
    return (Answer) { .status = 200, .pieces = pieces };
}

static Answer get_endpoints(const Request *request, const Snapshot *snapshot _unused_,
                            const char *name _unused_)
{
    if (request->severity && severity_from_string(request->severity) < 0)
        return route_error(400, "bad-request",
                           "severity: expected one of ok, notice, unknown, warning, critical");
    return list(request, write_endpoints);
}

static Answer get_endpoint(const Request *request, const Snapshot *snapshot, const char *name)
{
    if (!snapshot_find(snapshot, name))
        return no_such_endpoint(name);
    Pieces *pieces = xcalloc(1, sizeof *pieces);
    *pieces = (Pieces) {
        .write = write_endpoint, .name = xstrdup(name), .der = request && request->der, .pretty = true
    };
    return (Answer) { .status = 200, .pieces = pieces };
}

static Answer get_findings(const Request *request, const Snapshot *snapshot _unused_, const char *name _unused_)
{
    return list(request, write_findings);
}

static Answer get_authorities(const Request *request _unused_, const Snapshot *snapshot,
                              const char *name _unused_)
{
    _cleanup_(authority_uses_deinit) AuthorityUses uses = { 0 };
    authorities_list(snapshot, &uses);
    Buffer text = { 0 };
    json_write_authorities(&text, &uses);
    return json_answer(200, &text);
}

static Answer get_trust(const Request *request _unused_, const Snapshot *snapshot, const char *name _unused_)
{
    Buffer text = { 0 };
    json_write_trust(&text, snapshot);
    return json_answer(200, &text);
}

static Answer get_rds(const Request *request _unused_, const Snapshot *snapshot, const char *name _unused_)
{
    Buffer text = { 0 };
    json_write_rds(&text, snapshot);
    return json_answer(200, &text);
}

static Answer get_plan(const Request *request _unused_, const Snapshot *snapshot, const char *name)
{
    _cleanup_(plan_deinit) Plan plan = { 0 };
    Buffer text = { 0 };
    if (plan_make(snapshot, name, &plan) == 0) {
        json_write_plan(&text, &plan);
        return json_answer(200, &text);
    }
    _cleanup_free_ char *message =
        xasprintf("no CA that rotates has the identifier \"%s\"; expected one such as rds-ca-rsa2048-g1, "
                  "rds-ca-rsa4096-g1 or rds-ca-ecc384-g1 (dbcertctl authorities)",
                  name);
    return route_error(404, "not-found", message);
}

/* False: until is none. */
static bool make_forecast(const Request *request, const Snapshot *snapshot, Forecast *ret)
{
    int64_t until = INSTANT_NONE;
    if (request->until && instant_parse_day(request->until, &until) < 0)
        return false;
    forecast_make(snapshot, request->now, until, ret);
    return true;
}

static Answer refuse_until(void)
{
    return route_error(400, "bad-request",
                       "until: expected a day such as 2027-06-30, or an instant such as 2027-06-30T12:00:00Z");
}

static Answer get_forecast(const Request *request, const Snapshot *snapshot, const char *name _unused_)
{
    _cleanup_(forecast_deinit) Forecast forecast = { 0 };
    if (!make_forecast(request, snapshot, &forecast))
        return refuse_until();
    Buffer text = { 0 };
    json_write_forecast(&text, &forecast);
    return json_answer(200, &text);
}

static Answer get_calendar(const Request *request, const Snapshot *snapshot, const char *name _unused_)
{
    _cleanup_(forecast_deinit) Forecast forecast = { 0 };
    if (!make_forecast(request, snapshot, &forecast))
        return refuse_until();
    return (Answer) { .status = 200,
                      .text = calendar_write(&forecast, request->now),
                      .type = "text/calendar; charset=utf-8" };
}

static Answer line_of(char *line)
{
    return (Answer) { .status = 200, .text = line, .type = "text/plain; charset=utf-8" };
}

static Answer get_check(const Request *request, const Snapshot *snapshot, const char *name _unused_)
{
    return line_of(check_all(snapshot, request->now));
}

static Answer get_endpoint_check(const Request *request, const Snapshot *snapshot, const char *name)
{
    const EndpointState *state = snapshot_find(snapshot, name);
    return state ? line_of(check_one(state, request->now)) : no_such_endpoint(name);
}

static Answer get_history(const Request *request _unused_, const Snapshot *snapshot _unused_, const char *name)
{
    return (Answer) { .action = ACTION_HISTORY, .probe = xstrdup(name) };
}

Answer route_history(const char *name, const History *history, const Snapshot *snapshot)
{
    if (!history)
        return route_error(503, "unavailable",
                           "the disk with the state database does not answer; try again later");
    if (history->n == 0 && !snapshot_find(snapshot, name))
        return no_such_endpoint(name);
    Buffer text = { 0 };
    json_write_history(&text, name, history);
    return json_answer(200, &text);
}

static Answer get_silences(const Request *request _unused_, const Snapshot *snapshot, const char *name _unused_)
{
    Buffer text = { 0 };
    json_write_silences(&text, snapshot->silences);
    return json_answer(200, &text);
}

static Answer get_health(const Request *request _unused_, const Snapshot *snapshot _unused_,
                         const char *name _unused_)
{
    Buffer text = { 0 };
    json_text_begin(&text, NULL, '{');
    json_text_string(&text, "status", "ok");
    json_text_end(&text, '}');
    return json_answer(200, &text);
}

static Answer get_metrics(const Request *request _unused_, const Snapshot *snapshot _unused_,
                          const char *name _unused_)
{
    return (Answer) { .status = 200,
                      .pieces = metrics_pieces(),
                      .type = "text/plain; version=0.0.4; charset=utf-8" };
}

static Answer get_page(const Request *request _unused_, const Snapshot *snapshot _unused_,
                       const char *name _unused_)
{
    return (Answer) { .action = ACTION_PAGE };
}

static Answer get_events(const Request *request _unused_, const Snapshot *snapshot _unused_,
                         const char *name _unused_)
{
    return (Answer) { .action = ACTION_STREAM };
}

static Answer post_probe(const Request *request, const Snapshot *snapshot, const char *name)
{
    if (!request->local)
        return route_error(403, "forbidden",
                           "probing is asked for over the Unix socket only, and not by a web page");
    if (!snapshot_find(snapshot, name))
        return no_such_endpoint(name);
    return (Answer) { .action = ACTION_PROBE, .probe = xstrdup(name) };
}

static bool is_subject(const Snapshot *snapshot, const char *name)
{
    SubjectView subject;
    for (size_t i = 0; snapshot_subject(snapshot, i, &subject); i++)
        if (strcmp(subject.name, name) == 0)
            return true;
    return false;
}

static Answer bad_request(const char *format, const char *word)
{
    _cleanup_free_ char *message = xasprintf(format, word);
    return route_error(400, "bad-request", message);
}

static const char *member(const json_t *body, const char *key)
{
    return json_string_value(json_object_get(body, key));
}

/* A name may be a finding's where it is no subject's: then that finding is meant, wherever it is. */
static Answer wish_for_silence(const Request *request, const Snapshot *snapshot, const json_t *body)
{
    const char *name = member(body, "name"), *finding = member(body, "finding"), *period = member(body, "for"),
               *reason = member(body, "reason");
    int64_t seconds;
    if (name && !is_subject(snapshot, name) && !finding && finding_from_string(name) >= 0) {
        finding = name;
        name = NULL;
    }
    if (!name && !finding)
        return bad_request("expected name, finding, or both%s", "");
    if (name && !is_subject(snapshot, name))
        return bad_request("no endpoint, trust store, bundle or finding is named \"%s\"", name);
    if (finding && finding_from_string(finding) < 0)
        return bad_request("no finding is named \"%s\"; dbcertd-findings(7) lists them", finding);
    if (!period || duration_parse(period, &seconds) < 0 || seconds < SILENCE_SHORTEST ||
        seconds > SILENCE_LONGEST)
        return bad_request("for: \"%s\": expected a duration from 10s to 366d, such as \"14d\"",
                           period ? period : "");
    if (!reason || !*reason || strlen(reason) > SILENCE_REASON_MAX)
        return bad_request("reason: expected %s",
                           "some words, at most " STRINGIFY(SILENCE_REASON_MAX) " bytes");
    if (snapshot->silences->n >= SILENCES_MAX)
        return route_error(409, "too-many",
                           "there are " STRINGIFY(SILENCES_MAX) " silences; end some of them first");
    Answer answer = {
        .action = ACTION_SILENCE,
        .silence = { .subject = xstrdup(name),
                     .finding = finding ? finding_from_string(finding) : -1,
                     .begins_at = request->now,
                     .ends_at = request->now + seconds,
                     .reason = text_escape(reason),
                     .author = xstrdup(request->author) },
    };
    return answer;
}

static Answer post_silence(const Request *request, const Snapshot *snapshot, const char *name _unused_)
{
    if (!request->local)
        return route_error(403, "forbidden",
                           "silences are made over the Unix socket only, and not by a web page");
    json_t *body =
        json_loadb(request->body ? request->body : "", request->body_size, JSON_REJECT_DUPLICATES, NULL);
    Answer answer = json_is_object(body)
                        ? wish_for_silence(request, snapshot, body)
                        : bad_request("expected a JSON object with name, finding, for, reason%s", "");
    json_decref(body);
    return answer;
}

static Answer delete_silence(const Request *request, const Snapshot *snapshot, const char *name)
{
    if (!request->local)
        return route_error(403, "forbidden",
                           "silences are ended over the Unix socket only, and not by a web page");
    for (size_t i = 0; i < snapshot->silences->n; i++) {
        int64_t id = snapshot->silences->items[i].id;
        _cleanup_free_ char *text = xasprintf("%lld", (long long)id);
        if (strcmp(text, name) == 0)
            return (Answer) { .action = ACTION_UNSILENCE, .silence = { .id = id } };
    }
    _cleanup_free_ char *message = xasprintf("no silence has the id \"%s\"", name);
    return route_error(404, "not-found", message);
}

/* "*" stands for one name. */
static const struct {
    const char *method, *path;
    Answer (*handler)(const Request *request, const Snapshot *snapshot, const char *name);
} routes[] = {
    { "GET", "/v1/status", get_status },               //
    { "GET", "/v1/endpoints", get_endpoints },         //
    { "GET", "/v1/endpoints/*", get_endpoint },        //
    { "GET", "/v1/endpoints/*/history", get_history }, //
    { "GET", "/v1/endpoints/*/check", get_endpoint_check },
    { "GET", "/v1/findings", get_findings },         //
    { "GET", "/v1/authorities", get_authorities },   //
    { "GET", "/v1/trust", get_trust },               //
    { "GET", "/v1/rds", get_rds },                   //
    { "GET", "/v1/plan/*", get_plan },               //
    { "GET", "/v1/forecast", get_forecast },         //
    { "GET", "/v1/forecast.ics", get_calendar },     //
    { "GET", "/v1/check", get_check },               //
    { "GET", "/healthz", get_health },               //
    { "GET", "/", get_page },                        //
    { "GET", "/v1/events", get_events },             //
    { "GET", "/metrics", get_metrics },              //
    { "GET", "/v1/silences", get_silences },         //
    { "POST", "/v1/endpoints/*/probe", post_probe }, //
    { "POST", "/v1/silences", post_silence },        //
    { "DELETE", "/v1/silences/*", delete_silence },  //
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
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    _cleanup_free_ char *allow = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        _cleanup_free_ char *name = match(routes[i].path, request->path);
        if (!name)
            continue;
        if (strcmp(routes[i].method, method) == 0)
            return routes[i].handler(request, snapshot, name);
        char *more = allow ? xasprintf("%s, %s", allow, routes[i].method) : xstrdup(routes[i].method);
        free(allow);
        allow = more;
    }
    if (!allow)
        return route_error(404, "not-found", "there is nothing here; see dbcertd(8) for the paths");
    Answer answer = route_error(405, "method-not-allowed", "this path does not take this method");
    answer.allow = TAKE(allow);
    return answer;
}

Answer route_probed(const char *name, const Snapshot *snapshot)
{
    return get_endpoint(NULL, snapshot, name);
}

Answer route_silenced(int64_t id, const Snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->silences->n; i++)
        if (snapshot->silences->items[i].id == id) {
            Buffer text = { 0 };
            json_write_silence(&text, &snapshot->silences->items[i]);
            return json_answer(201, &text);
        }
    return route_error(404, "not-found", "the silence is over already");
}

Answer route_unsilenced(int64_t id)
{
    Buffer text = { 0 };
    json_text_begin(&text, NULL, '{');
    json_text_integer(&text, "ended", id);
    json_text_end(&text, '}');
    return json_answer(200, &text);
}
