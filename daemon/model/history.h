#pragma once

/* Which certificates an endpoint has served, as far as anybody remembers. */

#include "model/certificate.h"

typedef struct HistoryLine {
    char *address;
    Chain chain; /* the server's own certificate first, and what came with it the last time */
    int64_t first_seen;
    int64_t last_seen;
    bool current; /* it is what was seen there last */
    char *ca;     /* CA identifier; NULL: none of RDS's */
    int64_t age;  /* seconds from its notBefore to that of its successor there; INSTANT_NONE: it has none */
} HistoryLine;

typedef struct History {
    HistoryLine *items; /* by address, and in the order in which they were first seen there */
    size_t n;
    size_t n_left_out;     /* so many others were served, and are not kept, */
    int64_t left_out_from; /* between these two instants; without a meaning if there is none */
    int64_t left_out_to;
} History;

void history_append(History *history, HistoryLine line); /* takes what it holds */
void history_line_deinit(HistoryLine *line);
void history_deinit(History *history);
