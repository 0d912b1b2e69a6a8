#pragma once

/* What is answered to which request. No sockets: method, path, filters and body in, status and JSON out. */

#include <jansson.h>

#include "control/pieces.h"
#include "report/snapshot.h"

typedef struct Request {
    const char *method;
    const char *path;                       /* unescaped, without the query */
    bool local;                             /* came over a Unix socket: only those may change anything */
    const char *author;                     /* who asks: "uid 1000" */
    const char *severity, *engine, *region; /* filters; NULL: none */
    const char *until;                      /* of a forecast: a day, or an instant; NULL: a year */
    bool der;                               /* ?der=hex: certificates also as they are */
    const void *body;
    size_t body_size;
    int64_t now;
} Request;

/* What is to be done before the request is answered. */
typedef enum Action {
    ACTION_NONE,
    ACTION_PROBE,
    ACTION_SILENCE,
    ACTION_UNSILENCE,
    ACTION_PAGE,   /* drawn with something random in it */
    ACTION_STREAM, /* events until the client goes */
    ACTION_HISTORY,
} Action;

typedef struct Answer {
    unsigned status;
    char *text;       /* owned; NULL while a action is still to be done */
    Pieces *pieces;   /* a long one, of whatever kind, owned */
    const char *type; /* Content-Type; NULL: JSON */
    char *policy;     /* its Content-Security-Policy, owned; NULL: none */
    char *allow;      /* for 405, owned; else NULL */
    Action action;
    char *probe;     /* owned; name of the endpoint to probe, or whose history to read, before the answer */
    Silence silence; /* owned; the one to make, or, with nothing but its id, to end */
} Answer;

Answer route_request(const Request *request, const Snapshot *snapshot);

/* The answer to a request for a history, once that is read; NULL: the disk does not answer. */
Answer route_history(const char *name, const History *history, const Snapshot *snapshot);

/* The answer to a probe request, once the probe is over; to one for a silence, once it is made or ended. */
Answer route_probed(const char *name, const Snapshot *snapshot);
Answer route_silenced(int64_t id, const Snapshot *snapshot);
Answer route_unsilenced(int64_t id);

Answer route_error(unsigned status, const char *code, const char *message);
