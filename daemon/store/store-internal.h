#pragma once

/* Shared by the store's own files alone. */

#include "base/worker.h"
#include "store/disk.h"
#include "store/remembered.h"
#include "store/seen.h"
#include "store/store.h"

typedef struct Entry {
    SubjectKind about;
    char *subject;
    AlertList alerts;
} Entry;

typedef enum TaskKind {
    TASK_WRITE,
    TASK_RENEW,
    TASK_LOOK,
    TASK_HISTORY,
    TASK_ABANDON,
    TASK_CLOSE,
} TaskKind;

/* What is to be done to the file, in the order of handing it over. */
typedef struct Task {
    /* The thread's, while it runs the task. */
    TaskKind kind;
    Disk *disk;
    Batch *batch;    /* of TASK_WRITE and TASK_RENEW */
    char *name;      /* of TASK_HISTORY, */
    History history; /* and what has come of it */
    char *error;     /* NULL: it went well */
    bool lacks;      /* the file does, afterwards */
    uint64_t usec;   /* how long it took */
    int64_t bytes;   /* the size of the file then */

    /* The loop's. */
    Store *store;
    Job *job;
    Ticket ticket;
    size_t news[N_OUTBOXES]; /* transitions that must not be delivered before it is done */
    uint64_t since_usec;     /* CLOCK_BOOTTIME: when it was handed over */
    int64_t id;              /* of TASK_HISTORY: the caller's */
    struct Task *next;
} Task;

struct Store {
    Disk *disk;                  /* the thread's, once there is one */
    Worker *worker;              /* NULL: each task is done at once */
    sd_event_source *impatience; /* CLOCK_BOOTTIME: when the task that has waited longest has waited too long */
    const StoreEvents *events;   /* NULL: none are called */
    void *userdata;
    Task *tasks, **tasks_end; /* that were handed over and are not done */
    bool stalled;             /* the disk does not answer; */
    char *stalled_words;      /* as store_error() has it */
    uint64_t settled_by_usec; /* CLOCK_BOOTTIME: when store_settle() ends to wait; 0: it was not called yet */

    SeenReader reader;
    char *error;     /* why nothing is kept; NULL: it is */
    bool lacks;      /* the file says less than memory, or will once all tasks are done */
    Entry **entries; /* in the order of compare() */
    size_t n_entries;
    TransitionList outbox[N_OUTBOXES];
    TransitionList visible[N_OUTBOXES]; /* the part of it that may be delivered */
    size_t unkept[N_OUTBOXES];          /* how many at its end must not be */
    bool feeds[N_OUTBOXES];             /* whether there is somebody at its end */
    SilenceList silences;
    RdsInventory discovered; /* of all sources, by source */
    Remembered remembered;
    int64_t last_silence; /* the highest id that was given */
    int64_t beat_at;      /* when the latest heartbeat began */
    bool alerts_changed;  /* of a subject, since the batch was begun */
    bool together;        /* what changes goes into one batch until store_end(): */
    Batch *batch;         /* NULL: nothing has changed */
    size_t news[N_OUTBOXES];
    Ticket handed, kept; /* the latest tickets */
    StoreCounters counters;
};

/* Whether the file says all that memory does, and is to go on doing so. */
bool store_is_kept(const Store *store);

/* The batch that takes a change. Within store_begin() and store_end() there is one for all. */
Batch *store_open_batch(Store *store);

/* The change is complete. */
void store_close_batch(Store *store);

/* tasks.c: what is done to the file, and who hears of it. */
void tasks_note_error(Store *store, const char *words); /* the next write has to have everything */
void tasks_hand_over_batch(Store *store);
void tasks_renew(Store *store, Batch *batch);
void tasks_look(Store *store);
void tasks_history(Store *store, const char *name, int64_t id);
void tasks_settle(Store *store);
void tasks_deinit(Store *store); /* closes the file */
