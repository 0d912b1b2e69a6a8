#pragma once

/* What was seen of an endpoint, as rows. Shared by the store's own files alone. */

#include "model/history.h"
#include "model/state.h"
#include "store/batch.h"
#include "store/store.h"

/* Whether the file would say something else of it than it does. The heartbeat aside. */
bool seen_differs(const EndpointState *state);

/* Writes it, with what an address served until now (may be NULL). */
void seen_write(Batch *batch, EndpointState *state, const Observation *replaced, int64_t now);

/* All of it, whatever was written before: into a file that lacks something. */
void seen_write_whole(Batch *batch, EndpointState *state, int64_t now);

/* Writes the times of its latest probes alone. */
void seen_touch(Batch *batch, EndpointState *state, int64_t now);

/* Who reads certificates. */
typedef struct SeenReader {
    CertificateReader read;
    void *userdata;
} SeenReader;

int seen_recall(Database *database, const SeenReader *reader, EndpointState *state);

/* Whether what was seen of one is of the other's server, too. */
bool seen_same_server(const EndpointState *a, const EndpointState *b);

/* Certificates are as yet nothing but DER and fingerprint: seen_read_history() reads them. */
int seen_history(Database *database, const char *name, History *ret);

/* SQLITE_CORRUPT if one is no certificate, or another one: the history ends before it. */
int seen_read_history(const SeenReader *reader, History *history);

/* Forgets what was last seen before then; of endpoints that are watched, the present stays. */
void seen_forget(Batch *batch, int64_t before);
