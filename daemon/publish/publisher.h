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

typedef struct Publisher Publisher;

typedef struct PublisherEvents {
    /* The state database has more than before, or cannot be waited for: store_kept() says how far. */
    void (*kept)(void *userdata);

    /* The state database can be written again, or no longer, or lacks something. From the loop. */
    void (*troubled)(void *userdata);

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
 * Brings what stands of a subject up to its findings and notes in those since when they stand and until when
 * they are silenced. Returns when time alone asks for that again. transitions: events that happened beside,
 * and what is to be said is appended: for publisher_commit(), with what they are about.
 */
int64_t publisher_update(Publisher *publisher, SubjectKind about, const char *subject, FindingList *findings,
                         TransitionList *transitions);

/* The same and committed, of anything but an endpoint. */
int64_t publisher_tell(Publisher *publisher, SubjectKind about, const char *subject, FindingList *findings);

/* A subject that is not an endpoint, or an endpoint that was not seen in this run, is not watched any more. */
void publisher_resolve(Publisher *publisher, SubjectKind about, const char *subject);

/* Has what was changed until now written, without waiting for it. store_kept() comes to the ticket. */
Ticket publisher_keep(Publisher *publisher);
