#pragma once

/*
 * What outlives a turn, and a restart: what was served when, which alerts stand, what is silenced, and what is
 * still to be delivered. Memory has it all and is what counts; the file in the state directory follows it, one
 * transaction for what one step has changed. While the file cannot be written, nothing is lost but its being
 * kept, and it is written anew once it can be.
 *
 * A thread of its own does all that may wait for the disk, so that the caller never does. What is to be
 * delivered becomes visible in the outbox once it is kept: first durable, then loud.
 */

#include <systemd/sd-event.h>

#include "base/instant.h"
#include "base/macro.h"
#include "model/alert.h"
#include "model/discovery.h"
#include "model/history.h"
#include "model/silence.h"
#include "model/state.h"
#include "model/transition.h"

/* How often the times of an endpoint's probes are written while nothing but those changes, and of how many at a
 * time: some 5 ms. */
#define STORE_HEARTBEAT      (6 * HOUR)
#define STORE_HEARTBEATS_MAX 250

/* Transitions that wait for one to take them; beyond, the oldest are dropped. */
#define STORE_OUTBOX_MAX 100000

/* A disk that has not answered for so long is not waited for: what is to be said is said, and may come twice
 * after a crash. It is far more than a busy disk takes, and little for an alert. */
#define STORE_PATIENCE_USEC (5 * USEC_PER_SEC)

/* How long all waiting for the disk takes at a stop: systemd's patience is 10 seconds. */
#define STORE_SETTLE_USEC (2 * USEC_PER_SEC)

/* Memory for what waits behind a disk that does not answer: some 4,000 endpoints that have changed. */
#define STORE_QUEUE_BYTES_MAX ((size_t)16 * 1024 * 1024)

typedef struct Store Store;

/* Names a moment: all that was changed until then. */
typedef uint64_t Ticket;

/* Who is told of transitions, each in order and until it has taken them. */
typedef enum Outbox {
    OUTBOX_JOURNAL,
    OUTBOX_ALERTMANAGER, /* only where there is one */
    N_OUTBOXES,
} Outbox;

/* Reads a certificate that was kept, of a server or of a CA; negative if it is none. The store sees no
 * certificate library. */
typedef int (*CertificateReader)(const uint8_t *der, size_t size, bool server, Certificate **ret,
                                 void *userdata);

/*
 * Opens or makes the file at path; NULL: nothing is kept. A damaged one is set aside as
 * "PATH.damaged-20261121T065200Z". Where the file cannot be written, goes on without: store_error() says why.
 * -EPROTONOSUPPORT if it is a newer dbcertd's or another program's, -EBUSY if another process has it;
 * *ret_words says so.
 */
int store_open(Store **ret, const char *path, CertificateReader reader, void *userdata, int64_t now,
               char **ret_words);
void store_free(Store *store);
CLEANUP_OF(Store, store_free);

typedef struct StoreEvents {
    /* Something was kept, or cannot be: store_kept(), store_outbox(), store_error() may say something new. */
    void (*kept)(void *userdata);

    /* What store_history() asked for; NULL: the disk does not answer. It may be taken. */
    void (*history)(const char *name, History *history, int64_t id, void *userdata);
} StoreEvents;

/* Starts the thread. event: NULL: there is none, and all is done before the call returns. */
int store_start(Store *store, sd_event *event, const StoreEvents *events, void *userdata);

/* Before the end: waits for the disk, as long as STORE_SETTLE_USEC has not passed since the first call. No
 * event is called any more. */
void store_settle(Store *store);

/* Why nothing is kept; NULL: it is. Borrowed. */
const char *store_error(const Store *store);

/* What stands of a subject: the store's, to be changed in place and then committed. */
AlertList *store_alerts(Store *store, SubjectKind about, const char *subject);

/* Calls fn for each subject of which something stands. fn may commit changes of it. */
void store_each_subject(Store *store, void (*fn)(SubjectKind about, const char *subject, void *userdata),
                        void *userdata);

/* What one step has changed: it is kept as a whole or not at all. */
typedef struct Change {
    SubjectKind about; /* whose alerts may have changed */
    const char *subject;
    TransitionList *transitions; /* to the outbox, which takes them and gives each its identity; NULL: none */
    EndpointState *state;        /* of which something may have been seen; NULL: none */
    const Observation *replaced; /* what an address of it served until now, if that is gone; NULL: none */
} Change;

/* Keeps what differs from what was kept; nothing is written if nothing does. */
void store_commit(Store *store, const Change *change, int64_t now);

/* Restores what was seen of an endpoint, if it is of the same server: the addresses, what each served, what has
 * failed. The chains are still to be verified. */
void store_recall(Store *store, EndpointState *state);

/* The same for one that is not watched any more: for when it is again. */
void store_remember(Store *store, EndpointState *state, int64_t now);

/* Asks what an endpoint of that name has served: events->history() has the answer, with the caller's id. */
void store_history(Store *store, const char *name, int64_t id);

/*
 * Between the two, what is committed is kept together, in one transaction: each page is written once. The end
 * hands it over to the thread, and names the moment. Begun twice is begun once; what looks after the whole file
 * ends it.
 */
void store_begin(Store *store);
bool store_is_open(const Store *store); /* something was committed since */
Ticket store_end(Store *store);

/* What was changed until then is kept, or cannot be waited for. */
Ticket store_kept(const Store *store);

/* What may be delivered, in order; the pointers into it are good until the next commit or delivery. */
const TransitionList *store_outbox(Store *store, Outbox box);
void store_delivered(Store *store, Outbox box, const Transition *const *delivered, size_t n);

/* Whether there is an Alertmanager: without one nothing is kept for it. At first there is none. */
void store_feed_alertmanager(Store *store, bool wanted);

/* Silences, in the order of their making. Takes what the new one holds and gives it its id. */
const SilenceList *store_silences(const Store *store);
int64_t store_silence(Store *store, Silence silence);
bool store_unsilence(Store *store, int64_t id);

/* What the RDS API said last of a source, for a start without it; *ret is the caller's. */
void store_recall_discovered(const Store *store, const char *source, RdsInventory *ret);
void store_keep_discovered(Store *store, const char *source, const RdsInventory *inventory);

/* Of which sources something is kept; the caller's. */
char **store_discovered_sources(const Store *store);

/*
 * Once a minute or so: writes all anew if the file lacks something, be it that it could not be written or was
 * removed.
 */
void store_tend(Store *store, EndpointState *const *states, size_t n_states, int64_t now);

/* Whether that should be sooner: the file lacks something, and nothing is known to be in the way. */
bool store_wants_tending(const Store *store);

/*
 * Once a minute or so: every STORE_HEARTBEAT it begins to write the times of all, some at each call. states: in
 * the order of their names, as the rows are, so that each page is written for many.
 */
void store_heartbeat(Store *store, EndpointState *const *states, size_t n_states, int64_t now);

/* Once a day or so: forgets what was last seen before then. */
void store_forget(Store *store, int64_t before);

/* Before the end: the times of the latest probes. */
void store_flush(Store *store, EndpointState *const *states, size_t n_states, int64_t now);

StoreCounters store_counters(const Store *store);
