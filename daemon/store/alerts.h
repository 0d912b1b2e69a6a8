#pragma once

/* Alerts, transitions and silences, as rows. Shared by the store's own files alone. */

#include "model/alert.h"
#include "model/silence.h"
#include "model/transition.h"
#include "store/database.h"
#include "store/store.h"

/* Replaces what is kept of a subject. */
int alerts_write(Database *database, SubjectKind about, const char *subject, const AlertList *alerts);

int outbox_write(Database *database, Outbox box, const Transition *transition);
int outbox_remove(Database *database, Outbox box, const char *id);
int outbox_clear(Database *database, Outbox box);
int silence_write(Database *database, const Silence *silence);
int silence_remove(Database *database, int64_t id);

/* Empties them all. */
int alerts_clear(Database *database);

/* Gives each alert that is kept to fn, which takes what it holds; the subject is borrowed. */
int alerts_read(Database *database,
                void (*fn)(SubjectKind about, const char *subject, Alert alert, void *userdata),
                void *userdata);

int outbox_read(Database *database, Outbox box, TransitionList *ret);
int silences_read(Database *database, SilenceList *ret);
