/* A request as it comes to the status socket: "METHOD PATH\nKEY=VALUE of the query\n...\n\nbody". */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "control/route.h"
#include "fuzz.h"

static void no_authorities(const Snapshot *snapshot _unused_, AuthorityUses *ret _unused_)
{
}

static int no_plan(const Snapshot *snapshot _unused_, const char *ca _unused_, Plan *ret _unused_)
{
    return -ENOENT;
}

static void no_forecast(const Snapshot *snapshot _unused_, int64_t until _unused_, Forecast *ret _unused_)
{
}

static Snapshot snapshot_of(EndpointState *const *states)
{
    static const SelfState self;
    static const SilenceList silences;
    static const Figures figures;
    return (Snapshot) { .version = "1",
                        .endpoints = states,
                        .n_endpoints = 1,
                        .self = &self,
                        .silences = &silences,
                        .figures = &figures,
                        .authorities = no_authorities,
                        .plan = no_plan,
                        .forecast = no_forecast };
}

/* A line of the head; NULL: it is over. */
static char *take_line(char **rest)
{
    char *line = *rest, *end = line ? strchr(line, '\n') : NULL;
    if (!end || end == line) {
        *rest = end ? end + 1 : NULL;
        return NULL;
    }
    *end = 0;
    *rest = end + 1;
    return line;
}

static void set_filter(Request *request, char *line)
{
    char *value = strchr(line, '=');
    const struct {
        const char *key;
        const char **at;
    } keys[] = { { "severity", &request->severity },
                 { "engine", &request->engine },
                 { "region", &request->region },
                 { "until", &request->until } };
    if (!value)
        return;
    *value++ = 0;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (strcmp(line, keys[i].key) == 0)
            *keys[i].at = value;
    request->der |= strcmp(line, "der") == 0;
}

static void check_silence(const Silence *s)
{
    assert(s->ends_at > s->begins_at && s->ends_at - s->begins_at <= SILENCE_LONGEST && s->reason[0]);
    assert(s->subject || s->finding >= 0);
    assert(!strpbrk(s->reason, "\n\r\033"));
}

static void check(Answer *answer, const Snapshot *snapshot)
{
    int n = (answer->body != NULL) + (answer->text != NULL) + (answer->pieces != NULL);
    assert(answer->deed == DEED_NONE ? n == 1 && answer->status >= 200 : n == 0);
    if (answer->pieces) {
        _cleanup_free_ char *text = pieces_join(TAKE(answer->pieces), snapshot);
        json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert(list || answer->type);
        json_decref(list);
    }
    if (answer->deed == DEED_SILENCE)
        check_silence(&answer->silence);
    silence_deinit(&answer->silence);
    json_decref(answer->body);
    free(answer->text);
    free(answer->allow);
    free(answer->probe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static EndpointState *state;
    if (!state) {
        Endpoint *endpoint = endpoint_new();
        endpoint->name = xstrdup("orders");
        endpoint->host = xstrdup("orders.test");
        endpoint->engine_name = xstrdup("postgres");
        endpoint->engine = engine_find("postgres");
        state = endpoint_state_new(endpoint);
        endpoint_unref(endpoint);
    }
    _cleanup_free_ char *text = xstrndup((const char *)data, size);
    char *rest = text, *line = take_line(&rest), *path = line ? strchr(line, ' ') : NULL;
    if (!path)
        return 0;
    *path++ = 0;
    Request request = { .method = line, .path = path, .local = true, .author = "uid 0", .now = 1 };
    while ((line = take_line(&rest)))
        set_filter(&request, line);
    request.body = rest;
    request.body_size = rest ? strlen(rest) : 0;
    const Snapshot snapshot = snapshot_of(&state);
    Answer answer = route_request(&request, &snapshot);
    check(&answer, &snapshot);
    return 0;
}
