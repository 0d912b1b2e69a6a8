#include "store/alerts.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"

/* As they are written and read, in this order. */
#define FINDING_COLUMNS "finding, severity, address, ca, since, due, message, steps, cause"
#define ALERT_COLUMNS \
    "about, subject, " FINDING_COLUMNS ", state, said, worst, sent_at, calmer_since, raises, raises_since"
#define TRANSITION_COLUMNS                                                                          \
    "number, id, kind, at, raises, about, subject, engine, served_ca, configured_ca, fingerprint, " \
    "not_after, " FINDING_COLUMNS
#define SILENCE_COLUMNS "id, subject, finding, begins_at, ends_at, reason, author"

void alerts_write(Batch *batch, SubjectKind about, const char *subject, const AlertList *alerts)
{
    const char *kind = subject_kind_to_string(about);
    batch_add(batch, "DELETE FROM alert WHERE about = ? AND subject = ?", VALUES(TEXT(kind), TEXT(subject)));
    for (size_t i = 0; i < alerts->n; i++) {
        const Alert *a = &alerts->items[i];
        const Finding *f = &a->finding;
        _cleanup_free_ char *steps = steps_write(&f->steps);
        batch_add(batch,
                  "INSERT INTO alert (" ALERT_COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  VALUES(TEXT(kind), TEXT(subject), TEXT(finding_to_string(f->id)),
                         TEXT(severity_to_string(f->severity)), TEXT(f->address), TEXT(f->ca),
                         INSTANT(f->since), INSTANT(f->due), TEXT(f->message), TEXT(steps), TEXT(f->cause),
                         TEXT(alert_state_to_string(a->state)), TEXT(severity_to_string(a->said)),
                         TEXT(severity_to_string(a->worst)), INSTANT(a->sent_at), INSTANT(a->calmer_since),
                         INTEGER(a->raises), INSTANT(a->raises_since)));
    }
}

#define OUTBOX_VALUES \
    " (" TRANSITION_COLUMNS ") VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

static const struct {
    const char *insert, *remove, *clear, *select;
} outboxes[N_OUTBOXES] = {
    [OUTBOX_JOURNAL] = { "INSERT INTO outbox" OUTBOX_VALUES, "DELETE FROM outbox WHERE id = ?",
                         "DELETE FROM outbox", "SELECT " TRANSITION_COLUMNS " FROM outbox ORDER BY number" },
    [OUTBOX_ALERTMANAGER] = { "INSERT INTO posting" OUTBOX_VALUES, "DELETE FROM posting WHERE id = ?",
                              "DELETE FROM posting",
                              "SELECT " TRANSITION_COLUMNS " FROM posting ORDER BY number" },
};

void outbox_write(Batch *batch, Outbox box, const Transition *t)
{
    const Finding *f = &t->finding;
    _cleanup_free_ char *steps = steps_write(&f->steps);
    batch_add(batch, outboxes[box].insert,
              VALUES(TEXT(t->id), TEXT(transition_to_string(t->kind)), INTEGER(t->at), INTEGER(t->raises),
                     TEXT(subject_kind_to_string(t->about)), TEXT(t->subject), TEXT(t->engine), TEXT(t->ca),
                     TEXT(t->configured_ca), TEXT(t->fingerprint), INSTANT(t->not_after),
                     TEXT(finding_to_string(f->id)), TEXT(severity_to_string(f->severity)), TEXT(f->address),
                     TEXT(f->ca), INSTANT(f->since), INSTANT(f->due), TEXT(f->message), TEXT(steps),
                     TEXT(f->cause)));
}

void outbox_remove(Batch *batch, Outbox box, const char *id)
{
    batch_add(batch, outboxes[box].remove, VALUES(TEXT(id)));
}

void silence_write(Batch *batch, const Silence *s)
{
    batch_add(batch, "INSERT INTO silence (" SILENCE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)",
              VALUES(INTEGER(s->id), TEXT(s->subject),
                     TEXT(s->finding < 0 ? NULL : finding_to_string((FindingId)s->finding)),
                     INTEGER(s->begins_at), INTEGER(s->ends_at), TEXT(s->reason), TEXT(s->author)));
}

void silence_remove(Batch *batch, int64_t id)
{
    batch_add(batch, "DELETE FROM silence WHERE id = ?", VALUES(INTEGER(id)));
}

void outbox_clear(Batch *batch, Outbox box)
{
    batch_add(batch, outboxes[box].clear, NO_VALUES);
}

void alerts_clear(Batch *batch)
{
    batch_add(batch, "DELETE FROM alert", NO_VALUES);
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        outbox_clear(batch, box);
    batch_add(batch, "DELETE FROM silence", NO_VALUES);
}

static char *text_or_empty(sqlite3_stmt *row, int column)
{
    const char *text = column_text(row, column);
    return xstrdup(text ? text : "");
}

/* The columns from finding to cause: the same ten in both tables. False if the finding is not known: a newer
 * dbcertd's. */
static bool read_finding(sqlite3_stmt *row, int first, Finding *ret)
{
    const char *steps = column_text(row, first + 7);
    int id = column_word(row, first, finding_from_string),
        severity = column_word(row, first + 1, severity_from_string);
    if (id < 0 || severity < 0)
        return false;
    *ret = (Finding) {
        .id = (FindingId)id,
        .severity = (Severity)severity,
        .address = xstrdup(column_text(row, first + 2)),
        .ca = xstrdup(column_text(row, first + 3)),
        .since = column_instant(row, first + 4),
        .due = column_instant(row, first + 5),
        .message = text_or_empty(row, first + 6),
        .steps = steps_read(steps ? steps : ""),
        .cause = xstrdup(column_text(row, first + 8)),
        .silenced_until = INSTANT_NONE,
    };
    return true;
}

typedef struct AlertReading {
    void (*fn)(SubjectKind about, const char *subject, Alert alert, void *userdata);
    void *userdata;
} AlertReading;

static int on_alert(sqlite3_stmt *row, void *userdata)
{
    const AlertReading *reading = userdata;
    int about = column_word(row, 0, subject_kind_from_string),
        state = column_word(row, 11, alert_state_from_string);
    int said = column_word(row, 12, severity_from_string), worst = column_word(row, 13, severity_from_string);
    Alert alert = { 0 };
    if (about < 0 || state < 0 || said < 0 || worst < 0 || !column_text(row, 1) ||
        !read_finding(row, 2, &alert.finding))
        return SQLITE_OK;
    alert.state = (AlertState)state;
    alert.said = (Severity)said;
    alert.worst = (Severity)worst;
    alert.sent_at = column_instant(row, 14);
    alert.calmer_since = column_instant(row, 15);
    alert.raises = (unsigned)sqlite3_column_int(row, 16);
    alert.raises_since = column_instant(row, 17);
    reading->fn((SubjectKind)about, column_text(row, 1), alert, reading->userdata);
    return SQLITE_OK;
}

int alerts_read(Database *db, void (*fn)(SubjectKind about, const char *subject, Alert alert, void *userdata),
                void *userdata)
{
    AlertReading reading = { .fn = fn, .userdata = userdata };
    return database_query(db, "SELECT " ALERT_COLUMNS " FROM alert", NO_VALUES, on_alert, &reading);
}

static int on_transition(sqlite3_stmt *row, void *userdata)
{
    int kind = column_word(row, 2, transition_from_string),
        about = column_word(row, 5, subject_kind_from_string);
    Transition t = { 0 };
    if (kind < 0 || about < 0 || !column_text(row, 1) || !column_text(row, 6) ||
        !read_finding(row, 12, &t.finding))
        return SQLITE_OK;
    snprintf(t.id, sizeof t.id, "%s", column_text(row, 1));
    t.kind = (TransitionKind)kind;
    t.at = sqlite3_column_int64(row, 3);
    t.raises = (unsigned)sqlite3_column_int(row, 4);
    t.about = (SubjectKind)about;
    t.subject = xstrdup(column_text(row, 6));
    t.engine = xstrdup(column_text(row, 7));
    t.ca = xstrdup(column_text(row, 8));
    t.configured_ca = xstrdup(column_text(row, 9));
    t.fingerprint = xstrdup(column_text(row, 10));
    t.not_after = column_instant(row, 11);
    transition_list_append(userdata, t);
    return SQLITE_OK;
}

int outbox_read(Database *db, Outbox box, TransitionList *ret)
{
    return database_query(db, outboxes[box].select, NO_VALUES, on_transition, ret);
}

static int on_silence(sqlite3_stmt *row, void *userdata)
{
    const char *finding = column_text(row, 2);
    int id = finding ? finding_from_string(finding) : -1;
    if (finding && id < 0)
        return SQLITE_OK; /* not known any more, or not yet: it must not become a silence of everything */
    silence_list_append(userdata, (Silence) {
                                      .id = sqlite3_column_int64(row, 0),
                                      .subject = xstrdup(column_text(row, 1)),
                                      .finding = id,
                                      .begins_at = sqlite3_column_int64(row, 3),
                                      .ends_at = sqlite3_column_int64(row, 4),
                                      .reason = text_or_empty(row, 5),
                                      .author = text_or_empty(row, 6),
                                  });
    return SQLITE_OK;
}

int silences_read(Database *db, SilenceList *ret)
{
    return database_query(db, "SELECT " SILENCE_COLUMNS " FROM silence ORDER BY id", NO_VALUES, on_silence,
                          ret);
}
