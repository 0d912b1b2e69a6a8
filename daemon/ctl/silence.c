#include "ctl/silence.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "control/json.h"
#include "ctl/client.h"
#include "ctl/help.h"
#include "ctl/render.h"

#define STATUS_OK   200
#define STATUS_MADE 201

static int list(const char *socket, bool json)
{
    _cleanup_(json_decrefp) json_t *body = NULL;
    int status = client_ask(socket, "GET", "/v1/silences", &body);
    if (status != STATUS_OK)
        return status < 0 ? EXIT_FAILURE : client_show_error(body);
    if (json)
        client_print_json(body);
    else
        render_silences(json_object_get(body, "silences"));
    return EXIT_SUCCESS;
}

static int end(const char *socket, bool json, const char *id)
{
    _cleanup_(json_decrefp) json_t *body = NULL;
    if (!text_is_name(id))
        return usage_error("--end takes the id of a silence, as dbcertctl silence lists them");
    _cleanup_free_ char *path = xasprintf("/v1/silences/%s", id);
    int status = client_ask(socket, "DELETE", path, &body);
    if (status != STATUS_OK)
        return status < 0 ? EXIT_FAILURE : client_show_error(body);
    if (json)
        client_print_json(body);
    else
        printf("The silence %s is ended; what still stands is told again.\n", id);
    return EXIT_SUCCESS;
}

static int make(const SilenceOptions *options, const char *socket, bool json, const char *name,
                const char *finding)
{
    _cleanup_(json_decrefp) json_t *body = NULL;
    _cleanup_(json_decrefp) json_t *wish = json_pack("{s:s, s:s?, s:s, s:s}", "name", name, "finding", finding,
                                                     "for", options->period, "reason", options->reason);
    if (!wish)
        return usage_error("the words are not UTF-8");
    int status = client_send(socket, "POST", "/v1/silences", wish, &body);
    if (status != STATUS_MADE)
        return status < 0 ? EXIT_FAILURE : client_show_error(body);
    if (json) {
        client_print_json(body);
        return EXIT_SUCCESS;
    }
    const char *subject = json_text_of(body, "subject"), *what = json_text_of(body, "finding");
    printf("%s%s%s: silenced until %s. To end it before: dbcertctl silence --end %lld\n",
           *subject ? subject : "all", *what ? " " : "", what, json_text_of(body, "ends_at"),
           json_integer_value(json_object_get(body, "id")));
    return EXIT_SUCCESS;
}

int silence_run(const SilenceOptions *options, const char *socket, bool json, const char *name,
                const char *finding)
{
    bool makes = options->period || options->reason;
    if (options->end && (name || makes))
        return usage_error("--end ends a silence, and takes nothing else");
    if (options->end)
        return end(socket, json, options->end);
    if (!name && makes)
        return usage_error("expected the name of an endpoint, or a finding, to silence");
    if (!name)
        return list(socket, json);
    if (!options->period || !options->reason)
        return usage_error("a silence has an end and a reason: expected --for 14d --reason TEXT");
    return make(options, socket, json, name, finding);
}
