#include "control/respond.h"

#include <string.h>

static struct MHD_Response *response_of(Answer *answer, void (*snapshot)(Snapshot *ret, void *userdata),
                                        void *userdata)
{
    if (answer->pieces)
        return pieces_respond(answer->pieces, snapshot, userdata);
    char *text = answer->text ? answer->text : json_dumps(answer->body, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(answer->body);
    if (!text)
        return NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(text);
    return response;
}

enum MHD_Result respond(struct MHD_Connection *connection, Answer answer,
                        void (*snapshot)(Snapshot *ret, void *userdata), void *userdata)
{
    _cleanup_free_ char *allow = answer.allow, *policy = answer.policy;
    const struct {
        const char *name, *value; /* NULL: is left out */
    } headers[] = {
        { "Content-Type", answer.type ? answer.type : "application/json" },
        { "Cache-Control", "no-store" },
        { "Content-Security-Policy", policy },
        { "X-Content-Type-Options", "nosniff" },
        { "Allow", allow },
    };
    struct MHD_Response *response = response_of(&answer, snapshot, userdata);
    if (!response)
        return MHD_NO;
    enum MHD_Result r = MHD_YES;
    for (size_t i = 0; i < ARRAY_SIZE(headers) && r == MHD_YES; i++)
        if (headers[i].value)
            r = MHD_add_response_header(response, headers[i].name, headers[i].value);
    if (r == MHD_YES)
        r = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return r;
}
