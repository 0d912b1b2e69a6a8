#pragma once

/* Shared by the store's own files alone. */

#include "store/database.h"
#include "store/seen.h"
#include "store/store.h"

typedef struct Entry {
    SubjectKind about;
    char *subject;
    AlertList alerts;
} Entry;

struct Store {
    char *path; /* NULL: nothing is to be kept */
    SeenReader reader;
    Database *db;    /* NULL: not at present */
    char *error;     /* why; NULL: it is */
    bool lacks;      /* the file says less than memory */
    Entry **entries; /* in the order of compare() */
    size_t n_entries;
    TransitionList outbox[N_OUTBOXES];
    bool feeds[N_OUTBOXES]; /* whether there is somebody at its end */
    SilenceList silences;
    RdsInventory discovered; /* of all sources, by source */
    int64_t last_silence;    /* the highest id that was given */
    int64_t beat_at;         /* when the latest heartbeat began */
    uint64_t began_usec;     /* the transaction that is open */
    bool together;           /* it is, or will be, for many steps */
    bool open;               /* it is; as it went so far: */
    int together_result;
    StoreFigures figures;
};

/* Whether the file says all that memory does, and is to go on doing so. */
bool store_is_kept(const Store *store);

/* Within store_begin() and store_end() there is one for all. */
int store_open_transaction(Store *store);

/* Ends a transaction that went as r says. Memory goes on in any case. */
void store_close_transaction(Store *store, int r);
