#pragma once

/*
 * From findings to people.
 *
 *     findings of a subject -> alerts -> transitions -> state database -> outbox -> journal
 *                                                                                -> Alertmanager
 *
 * First durable, then loud: a transition is in the outbox once the state database has it, and leaves it once
 * the journal or the Alertmanager has taken it. What one turn of the event loop has changed is written in one
 * transaction, when the turn is over; what says nothing to people may wait a moment for more. What has a common
 * cause waits for the others of it, and is one entry in the journal.
 */

#include "publish/posting.h"
#include "sink/journal.h"

typedef struct Publisher Publisher;

typedef struct PublisherEvents {
    /* The state database has more than before, or cannot be waited for: store_kept() says how far. */
    void (*kept)(void *userdata);

    /* The state database can be written again, or no longer, or lacks something. From the loop. */
    void (*troubled)(void *userdata);

    /* What a silence covered, or covers from now on, is to be evaluated again: subject, or everything if it is
     * NULL. */
    void (*silenced)(const char *subject, void *userdata);

    /* As store_history() asked; NULL: the disk does not answer. It may be taken. */
    void (*history)(const char *name, History *history, int64_t id, void *userdata);
} PublisherEvents;

/* When people are told. */
typedef struct PublishPolicy {
    int64_t remind_seconds;
    int64_t group_wait_seconds;
    int64_t group_interval_seconds;
    const Url *alertmanager; /* borrowed until the next one, as its credential; NULL: there is none */
    const char *alertmanager_credential;
} PublishPolicy;

/* store is borrowed, and its thread is started. Until it is configured there is nothing to publish. */
int publisher_new(Publisher **ret, sd_event *event, Store *store, const PublisherEvents *events,
                  void *userdata);

/* Says what still waits for others of its cause. */
void publisher_free(Publisher *publisher);
CLEANUP_OF(Publisher, publisher_free);

void publisher_configure(Publisher *publisher, const PublishPolicy *policy);

/* held: the Alertmanager is told nothing, since the clock cannot be right. At first it is so. */
void publisher_hold(Publisher *publisher, bool held);

/* Keeps what has changed, and says what there is to say, at the end of this turn of the event loop. */
void publisher_commit(Publisher *publisher, const Change *change);

/*
 * The same, after what stands of the subject is brought up to its findings: what changes by that is appended to
 * the change's transitions, and the findings say since when they stand and until when they are silenced.
 * Returns when time alone asks for that again. Whom the transitions are about is written here.
 */
int64_t publisher_tell(Publisher *publisher, FindingList *findings, const Change *change);

/* It is not monitored any more: all that stands of it is resolved. state: of an endpoint that was seen in this
 * run; else NULL. */
void publisher_resolve(Publisher *publisher, SubjectKind about, const char *subject,
                       const EndpointState *state);

/* Says something in the journal that is no alert, once what has changed until now is kept. */
void publisher_event(Publisher *publisher, DaemonEvent event, const char *format, ...) _printf_(3, 4);

/* Makes a silence, which it takes, and returns its id; ends one by hand. */
int64_t publisher_silence(Publisher *publisher, Silence silence);
void publisher_unsilence(Publisher *publisher, int64_t id);

/* Has what was changed until now written, without waiting for it. store_kept() comes to the ticket. */
Ticket publisher_keep(Publisher *publisher);
