#pragma once

/* Alerts, transitions and silences, as rows. Shared by the store's own files alone. */

#include "model/alert.h"
#include "model/silence.h"
#include "model/transition.h"
#include "store/batch.h"
#include "store/store.h"

/* Replaces what is kept of a subject. */
void alerts_write(Batch *batch, SubjectKind about, const char *subject, const AlertList *alerts);

void outbox_write(Batch *batch, Outbox box, const Transition *transition);
void outbox_remove(Batch *batch, Outbox box, const char *id);
void outbox_clear(Batch *batch, Outbox box);
void silence_write(Batch *batch, const Silence *silence);
void silence_remove(Batch *batch, int64_t id);

/* Empties them all. */
void alerts_clear(Batch *batch);

/* Gives each alert that is kept to fn, which takes what it holds; the subject is borrowed. */
int alerts_read(Database *database,
                void (*fn)(SubjectKind about, const char *subject, Alert alert, void *userdata),
                void *userdata);

int outbox_read(Database *database, Outbox box, TransitionList *ret);
int silences_read(Database *database, SilenceList *ret);
