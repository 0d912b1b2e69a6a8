#include "control/respond.h"

#define RETRY_AFTER_SECONDS 5

static struct MHD_Response *response_of(Answer *answer, Client *client,
                                        void (*snapshot)(Snapshot *ret, void *userdata), void *userdata)
{
    if (answer->pieces)
        return pieces_respond(answer->pieces, client, snapshot, userdata);
    return text_respond(answer->text, client);
}

/*
 * With one request on each connection there is no second one that a forwarder and we could see begin in
 * different places.
 */
enum MHD_Result respond_add_headers(struct MHD_Response *response, const char *type, const char *policy)
{
    const struct {
        const char *name, *value;
    } headers[] = {
        { "Content-Type", type ? type : "application/json" },
        { "Cache-Control", "no-store" },
        { "Content-Security-Policy", policy ? policy : "default-src 'none'; frame-ancestors 'none'" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "X-Content-Type-Options", "nosniff" },
        { "Connection", "close" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
        if (MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
            return MHD_NO;
    return MHD_YES;
}

enum MHD_Result respond_with(struct MHD_Connection *connection, Answer answer,
                             void (*snapshot)(Snapshot *ret, void *userdata), void *userdata)
{
    _cleanup_free_ char *allow = answer.allow, *policy = answer.policy;
    struct MHD_Response *response = response_of(&answer, client_of(connection), snapshot, userdata);
    if (!response)
        return MHD_NO;
    enum MHD_Result r = respond_add_headers(response, answer.type, policy);
    if (r == MHD_YES && allow)
        r = MHD_add_response_header(response, "Allow", allow);
    if (r == MHD_YES && answer.status == MHD_HTTP_SERVICE_UNAVAILABLE)
        r = MHD_add_response_header(response, "Retry-After", STRINGIFY(RETRY_AFTER_SECONDS));
    if (r == MHD_YES)
        r = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return r;
}
