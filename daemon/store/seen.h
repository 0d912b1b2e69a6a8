#pragma once

/* What was seen of an endpoint, as rows. Shared by the store's own files alone. */

#include "model/history.h"
#include "model/state.h"
#include "store/database.h"
#include "store/store.h"

#define SEEN_SIGNERS 64 /* CAs that are kept at hand while thousands of endpoints are read */

/* Whether the file would say something else of it than it does. The heartbeat aside. */
bool seen_differs(const EndpointState *state);

/* Writes it, with what an address served until now (may be NULL). */
int seen_write(Database *database, EndpointState *state, const Observation *replaced, int64_t now);

/* Reads certificates, those of signers once: a few have signed thousands. */
typedef struct SeenReader {
    Database *database;
    CertificateReader read;
    struct {
        int64_t id;
        Certificate *certificate; /* NULL: free */
    } signers[SEEN_SIGNERS];
} SeenReader;

void seen_reader_deinit(SeenReader *reader);

int seen_recall(SeenReader *reader, EndpointState *state);
int seen_history(SeenReader *reader, const char *name, History *ret);

/* Forgets what was last seen before then; of endpoints that are watched, the present stays. */
int seen_forget(Database *database, int64_t before);
