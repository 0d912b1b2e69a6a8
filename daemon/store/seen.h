#pragma once

/* What was seen of an endpoint, as rows. Shared by the store's own files alone. */

#include "model/history.h"
#include "model/state.h"
#include "store/database.h"
#include "store/store.h"

/* Whether the file would say something else of it than it does. The heartbeat aside. */
bool seen_differs(const EndpointState *state);

/* Writes it, with what an address served until now (may be NULL). */
int seen_write(Database *database, EndpointState *state, const Observation *replaced, int64_t now);

/* Writes the times of its latest probes alone. */
int seen_touch(Database *database, EndpointState *state, int64_t now);

/* Who reads certificates. */
typedef struct SeenReader {
    CertificateReader read;
    void *userdata;
} SeenReader;

int seen_recall(Database *database, const SeenReader *reader, EndpointState *state);
int seen_history(Database *database, const SeenReader *reader, const char *name, History *ret);

/* Forgets what was last seen before then; of endpoints that are watched, the present stays. */
int seen_forget(Database *database, int64_t before);
