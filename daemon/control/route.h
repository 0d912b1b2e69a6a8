#pragma once

/* What is answered to which request. No sockets: method, path and filters in, status and JSON out. */

#include <jansson.h>

#include "model/state.h"

typedef struct Request {
    const char *method;
    const char *path;                       /* unescaped, without the query */
    bool local;                             /* came over a Unix socket: only those may change anything */
    const char *severity, *engine, *region; /* filters; NULL: none */
    const char *until;                      /* of a forecast: a day, or an instant; NULL: a year */
    bool der;                               /* ?der=hex: certificates also as they are */
} Request;

typedef struct Answer {
    unsigned status;
    json_t *body;      /* owned; NULL with probe */
    const char *allow; /* for 405; NULL otherwise */
    char *probe;       /* owned; name of the endpoint to probe and to answer with afterwards; NULL: none */
} Answer;

Answer route_request(const Request *request, const Snapshot *snapshot);

/* The answer to a probe request, once the probe is over. */
Answer route_probed(const char *name, const Snapshot *snapshot);

Answer route_error(unsigned status, const char *code, const char *message);
