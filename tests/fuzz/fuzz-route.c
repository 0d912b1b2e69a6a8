/*
 * A request as it comes to the status socket: "METHOD TARGET\nKEY=VALUE of the query\nNAME: VALUE of the
 * head\n...\n\nbody". One without header fields is routed as if its head had passed.
 */

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "control/origin.h"
#include "control/route.h"
#include "fuzz.h"

static Snapshot snapshot_of(EndpointState *const *states)
{
    static const DaemonState self;
    static const SilenceList silences;
    static const Counters counters;
    static Catalogue *catalogue;
    if (!catalogue)
        catalogue = catalogue_new_builtin(); /* as long as the process is */
    return (Snapshot) { .version = "1",
                        .endpoints = states,
                        .n_endpoints = 1,
                        .self = &self,
                        .silences = &silences,
                        .counters = &counters,
                        .catalogue = catalogue };
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

/* True if the line is a header field. */
static bool add_field(Head *head, char *line)
{
    char *mark = strpbrk(line, ":=");
    if (!mark || *mark == '=')
        return false;
    *mark++ = 0;
    head_add(head, line, mark + strspn(mark, " \t"));
    return true;
}

static bool is_text(const Field *field, size_t from, size_t size, const char *text)
{
    return strlen(text) == size && strncasecmp(field->value + from, text, size) == 0;
}

/* What passed, looked at once more and in another way. */
static void check_passed(const Head *head)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]", "status.test", "[fd00::1]" };
    const Field *host = &head->host;
    size_t size = host->size,
           scheme = head->origin.n > 0 && head->origin.size > 4 && head->origin.value[4] == ':' ? 7 : 8;
    bool ours = false;
    while (size > 0 && host->value[size - 1] >= '0' && host->value[size - 1] <= '9')
        size--;
    size = size > 0 && host->value[size - 1] == ':' && host->value[0] != ':' ? size - 1 : host->size;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        ours |= is_text(host, 0, size, names[i]) || is_text(host, 0, host->size, names[i]);
    assert(host->n == 1 && ours && head->coding.n == 0 && head->length.n <= 1);
    assert(head->site.n == 0 || is_text(&head->site, 0, head->site.size, "none") ||
           is_text(&head->site, 0, head->site.size, "same-origin"));
    assert(head->origin.n == 0 || (head->origin.size == scheme + host->size &&
                                   strncasecmp(head->origin.value + scheme, host->value, host->size) == 0));
    assert(head_path(head)[0] == '/');
}

/* False: it is refused. */
static bool check_head(const Head *head)
{
    static char name[] = "status.test", address[] = "fd00::1";
    static char *const hosts[] = { name, address, NULL };
    Refusal refusal = head_check(head, hosts);
    const RefusalInfo *info = refusal_info(refusal);
    assert(refusal == REFUSAL_NONE || (info->status >= 400 && info->code && info->message));
    if (refusal == REFUSAL_NONE)
        check_passed(head);
    return refusal == REFUSAL_NONE;
}

static void check_silence(const Silence *s)
{
    assert(s->ends_at > s->begins_at && s->ends_at - s->begins_at <= SILENCE_LONGEST && s->reason[0]);
    assert(s->subject || s->finding >= 0);
    assert(!strpbrk(s->reason, "\n\r\033"));
}

static void check(Answer *answer, const Snapshot *snapshot)
{
    int n = (answer->text != NULL) + (answer->pieces != NULL);
    assert(answer->action == ACTION_NONE ? n == 1 && answer->status >= 200 : n == 0);
    if (answer->pieces)
        answer->text = pieces_join(TAKE(answer->pieces), snapshot);
    if (answer->text) {
        json_t *body = json_loads(answer->text, JSON_REJECT_DUPLICATES, NULL);
        assert(body || answer->type);
        json_decref(body);
    }
    if (answer->action == ACTION_SILENCE)
        check_silence(&answer->silence);
    silence_deinit(&answer->silence);
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
    Head head = { .target = path };
    while ((line = take_line(&rest)))
        if (!add_field(&head, line))
            set_filter(&request, line);
    if (head.n > 0 && !check_head(&head))
        return 0;
    if (head.n > 0)
        request.path = head_path(&head);
    request.body = rest;
    request.body_size = rest ? strlen(rest) : 0;
    const Snapshot snapshot = snapshot_of(&state);
    Answer answer = route_request(&request, &snapshot);
    check(&answer, &snapshot);
    return 0;
}
