#include "sink/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "base/journald.h"
#include "base/log.h"

#define SUBJECTS_MAX   470 /* in one entry, with a field each: dbcertd(8) says so */
#define IDS_MAX        900 /* in one entry: as many as a field has room for */
#define NAMES_SAID_MAX 20  /* of many in one message; the fields have them all */

static const struct {
    const char *message_id;
    int priority;
} events[] = {
    [EVENT_STARTED] = { "bc7fc4e0615044638a92561336e4298d", LOG_INFO },
    [EVENT_RELOADED] = { "9b3d9081711a4d4487a789589ae4d73d", LOG_INFO },
    [EVENT_RELOAD_FAILED] = { "b851123ed6024a9097d03c4134c6467a", LOG_ERR },
    [EVENT_STOPPING] = { "1ca48995fb444655b212462dfcdf8287", LOG_INFO },
    [EVENT_FAREWELL_FAILED] = { "fa60277016b848ddb1545e92dd4dee1e", LOG_WARNING },
    [EVENT_CONNECTIONS_COUNTED] = { "b7cbba623d724dbc8234d48985ce99bc", LOG_WARNING },
    [EVENT_CHECK_FAILED] = { "c8140de6e9df47b586501f037079a2bd", LOG_WARNING },
    [EVENT_DISCOVERED] = { "ff5f2e2d821643569ca373bf14947e63", LOG_NOTICE },
    [EVENT_RETIRED] = { "6731153811f44dddb8cc73462c37eb46", LOG_NOTICE },
    [EVENT_SILENCED] = { "3a570f9fc99349ec8c4ff15afa86033f", LOG_NOTICE },
    [EVENT_SILENCE_ENDED] = { "43d0829667de4770bd466e59349b03b8", LOG_NOTICE },
};

void journal_event(DaemonEvent event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *text = xvasprintf(format, args);
    va_end(args);
    log_write(events[event].priority, events[event].message_id, "%s", text);
}

static const int priorities[N_SEVERITIES] = {
    [SEVERITY_OK] = LOG_INFO,         [SEVERITY_NOTICE] = LOG_NOTICE, [SEVERITY_UNKNOWN] = LOG_WARNING,
    [SEVERITY_WARNING] = LOG_WARNING, [SEVERITY_CRITICAL] = LOG_CRIT,
};

static int priority_of(const Transition *t)
{
    return t->kind == TRANSITION_RESOLVED ? LOG_NOTICE : priorities[t->finding.severity];
}

/* "dbcertd itself", "trust store billing", "orders (10.0.1.7)" */
static char *subject_of(const Transition *t)
{
    const char *address = t->finding.address;
    if (t->about == SUBJECT_DAEMON)
        return xasprintf("%s itself", t->subject);
    if (t->about != SUBJECT_ENDPOINT)
        return xasprintf("%s %s", subject_kind_to_string(t->about), t->subject);
    return xasprintf("%s%s%s%s", t->subject, address ? " (" : "", address ? address : "", address ? ")" : "");
}

/* "rotation-overdue, warning, escalated" */
static char *headline_of(const Transition *t)
{
    const Finding *f = &t->finding;
    if (t->kind == TRANSITION_RESOLVED)
        return xasprintf("%s resolved", finding_to_string(f->id));
    const char *kind = t->kind == TRANSITION_RAISED ? "" : transition_to_string(t->kind);
    return xasprintf("%s, %s%s%s", finding_to_string(f->id), severity_to_string(f->severity), *kind ? ", " : "",
                     kind);
}

/* What a message ends with; all of the steps are with the finding. */
static const char *first_command(const Finding *finding)
{
    const char *command = steps_first_command(&finding->steps);
    return command ? command : "dbcertctl findings";
}

/* "orders (10.0.1.7): rotation-overdue, warning: ... Do: aws rds ..." */
static char *message_of_one(const Transition *t)
{
    const Finding *f = &t->finding;
    _cleanup_free_ char *subject = subject_of(t), *headline = headline_of(t), *flaps = NULL;
    if (t->raises > 0)
        flaps = xasprintf(". It has come and gone %u times within a day, and counts as gone only after hours",
                          t->raises);
    if (t->kind == TRANSITION_RESOLVED)
        return xasprintf("%s: %s after %s. It was: %s", subject, headline, DURATION_TEXT(t->at - f->since),
                         f->message);
    return xasprintf("%s: %s: %s%s. Do: %s", subject, headline, f->message, flaps ? flaps : "",
                     first_command(f));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each name once, as an endpoint may have several addresses, in order; borrowed. */
static const char **subjects_of(const Transition *const *transitions, size_t n, size_t *ret_n)
{
    const char **names = xcalloc(n, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = transitions[i]->subject;
    qsort(names, n, sizeof *names, compare_names);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[*ret_n - 1]) != 0)
            names[(*ret_n)++] = names[i];
    return names;
}

/* "500 endpoints: ca-expired, critical, for one cause: CAUSE. They are: orders, billing ... Of orders: ..." */
static char *message_of_many(const Transition *const *transitions, size_t n, const char *const *names,
                             size_t n_names)
{
    const Transition *first = transitions[0];
    Buffer text = { 0 };
    _cleanup_free_ char *headline = headline_of(first);
    if (n_names < n)
        buffer_printf(&text, "%zu addresses of ", n);
    buffer_printf(&text, "%zu endpoint%s: %s, for one cause: %s. They are:", n_names, PLURAL(n_names), headline,
                  first->finding.cause);
    for (size_t i = 0; i < n_names && i < NAMES_SAID_MAX; i++)
        buffer_printf(&text, "%s %s", i ? "," : "", names[i]);
    if (n_names > NAMES_SAID_MAX)
        buffer_printf(&text, ", and %zu more", n_names - NAMES_SAID_MAX);
    if (first->kind == TRANSITION_RESOLVED)
        buffer_printf(&text, ". Of %s it was: %s", first->subject, first->finding.message);
    else
        buffer_printf(&text, ". Of %s: %s. Do: dbcertctl findings; and for %s: %s", first->subject,
                      first->finding.message, first->subject, first_command(&first->finding));
    return buffer_take_text(&text);
}

/* Fields without a value are left out. */
static void add(Buffer *entry, const char *field, const char *value)
{
    (void)journald_add(entry, field,
                       value); /* the names come last, and what has no room of those comes later */
}

static const char *instant_or_none(int64_t instant, char *text)
{
    return instant == INSTANT_NONE ? NULL : instant_text(instant, text);
}

static const char *const subject_fields[] = {
    [SUBJECT_ENDPOINT] = "DBCERTD_ENDPOINT", [SUBJECT_TRUST_STORE] = "DBCERTD_TRUST_STORE",
    [SUBJECT_BUNDLE] = "DBCERTD_BUNDLE",     [SUBJECT_RDS] = "DBCERTD_RDS",
    [SUBJECT_DAEMON] = "DBCERTD_DAEMON",
};

/* What holds for one; of many, for the first of them, that the message speaks of as well. */
static void add_one(Buffer *entry, const Transition *t)
{
    char not_after[INSTANT_TEXT_MAX];
    add(entry, "DBCERTD_ADDRESS", t->finding.address);
    add(entry, "DBCERTD_ENGINE", t->engine);
    add(entry, "DBCERTD_CA", t->ca);
    add(entry, "DBCERTD_CONFIGURED_CA", t->configured_ca);
    add(entry, "DBCERTD_NOT_AFTER", instant_or_none(t->not_after, not_after));
    add(entry, "DBCERTD_FINGERPRINT", t->fingerprint);
}

static void add_many(Buffer *entry, const Transition *first, size_t n)
{
    char count[24];
    snprintf(count, sizeof count, "%zu", n);
    add(entry, "DBCERTD_COUNT", count);
    add(entry, "DBCERTD_CAUSE", first->finding.cause);
    add(entry, "DBCERTD_REMEDY", "dbcertctl findings");
}

static int64_t earliest_due(const Transition *const *transitions, size_t n)
{
    int64_t due = INSTANT_NONE;
    for (size_t i = 0; i < n; i++)
        due = instant_earlier(due, transitions[i]->finding.due);
    return due == INSTANT_NEVER ? INSTANT_NONE : due;
}

/* What was sent and not yet marked so when the daemon was killed is sent again, with the same. If one entry has
 * no room for all of them, entry number `part` has its share. */
static char *ids_of(const Transition *const *transitions, size_t n, size_t part)
{
    Buffer text = { 0 };
    size_t first = n > IDS_MAX ? part * IDS_MAX : 0;
    for (size_t i = first; i < n && i < first + IDS_MAX; i++)
        buffer_printf(&text, "%s%s", i > first ? " " : "", transitions[i]->id);
    return buffer_take_text(&text);
}

/* What every entry about them has; `ids`: their identities. */
static void add_common(Buffer *entry, const Transition *t, const char *message, const char *priority,
                       const char *ids)
{
    add(entry, "MESSAGE", message);
    add(entry, "MESSAGE_ID", finding_info(t->finding.id)->message_id);
    add(entry, "PRIORITY", priority);
    add(entry, "SYSLOG_IDENTIFIER", "dbcertd");
    add(entry, "DBCERTD_FINDING", finding_to_string(t->finding.id));
    add(entry, "DBCERTD_SEVERITY", severity_to_string(t->finding.severity));
    add(entry, "DBCERTD_TRANSITION", transition_to_string(t->kind));
    add(entry, "DBCERTD_TRANSITION_ID", ids);
}

/* Returns how many have a field now. */
static size_t add_subjects(Buffer *entry, SubjectKind about, const char *const *names, size_t n)
{
    size_t i = 0;
    while (i < n && i < SUBJECTS_MAX && journald_add(entry, subject_fields[about], names[i]))
        i++;
    return i;
}

/* So that a filter by any name or identity finds it: those for which the entry before had no room. It wakes
 * nobody. Returns how many of the names it has. */
static size_t deliver_others(const Transition *t, const char *ids, const char *const *names, size_t n,
                             size_t n_all)
{
    Buffer entry = { 0 };
    _cleanup_free_ char *headline = headline_of(t);
    size_t n_here = add_subjects(&entry, t->about, names, n);
    const char *first = n_here > 0 ? names[0] : "none", *last = n_here > 1 ? names[n_here - 1] : NULL;
    _cleanup_free_ char *message =
        xasprintf("%s%s%s: %s, told of %zu endpoints in the entry before, of which these are %zu", first,
                  last ? " to " : "", last ? last : "", headline, n_all, n_here);
    add_common(&entry, t, message, "6", ids);
    log_entry(&entry);
    return n_here;
}

static void deliver_rest(const Transition *const *transitions, size_t n, const char *const *names,
                         size_t n_names, size_t n_told)
{
    for (size_t part = 1; n_told < n_names || (n > IDS_MAX && part * IDS_MAX < n); part++) {
        _cleanup_free_ char *ids = ids_of(transitions, n, part);
        n_told += deliver_others(transitions[0], ids, names + n_told, n_names - n_told, n_names);
    }
}

int journal_deliver(const Transition *const *transitions, size_t n)
{
    _cleanup_(buffer_deinit) Buffer entry = { 0 };
    const Transition *t = transitions[0];
    size_t n_names;
    _cleanup_free_ const char **names = subjects_of(transitions, n, &n_names);
    _cleanup_free_ char *ids = ids_of(transitions, n, 0);
    _cleanup_free_ char *message = n == 1 ? message_of_one(t) : message_of_many(transitions, n, names, n_names);
    char priority[] = { (char)('0' + priority_of(t)), 0 }, due[INSTANT_TEXT_MAX];

    add_common(&entry, t, message, priority, ids);
    add(&entry, "DBCERTD_DUE", instant_or_none(earliest_due(transitions, n), due));
    add_one(&entry, t);
    if (n == 1)
        add(&entry, "DBCERTD_REMEDY", steps_first_command(&t->finding.steps));
    else
        add_many(&entry, t, n_names);
    size_t n_told = add_subjects(&entry, t->about, names, n_names);
    int r = log_entry_now(&entry);
    if (r < 0)
        return r;
    deliver_rest(transitions, n, names, n_names, n_told);
    log_echo(message);
    return 0;
}
