#include "sink/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "base/log.h"

#define FIELDS_MAX 20

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

/* "orders (10.0.1.7): rotation-overdue, warning: ... Do: aws rds ..." */
static char *message_of(const Transition *t)
{
    const Finding *f = &t->finding;
    _cleanup_free_ char *where = f->address ? xasprintf(" (%s)", f->address) : xstrdup("");
    _cleanup_free_ char *subject = t->about == SUBJECT_ENDPOINT
                                       ? xstrdup(t->subject)
                                       : xasprintf("%s %s", subject_kind_to_string(t->about), t->subject);
    if (t->kind == TRANSITION_RESOLVED)
        return xasprintf("%s%s: %s resolved after %s. It was: %s", subject, where, finding_to_string(f->id),
                         DURATION_TEXT(t->at - f->since), f->message);
    const char *kind = t->kind == TRANSITION_RAISED ? "" : transition_to_string(t->kind);
    return xasprintf("%s%s: %s, %s%s%s: %s. Do: %s", subject, where, finding_to_string(f->id),
                     severity_to_string(f->severity), *kind ? ", " : "", kind, f->message, f->remedy);
}

typedef struct Entry {
    struct iovec fields[FIELDS_MAX];
    int n;
} Entry;

static void entry_deinit(Entry *entry)
{
    while (entry->n > 0)
        free(entry->fields[--entry->n].iov_base);
}

/* Fields without a value are left out. */
static void add(Entry *entry, const char *field, const char *value)
{
    if (!value || entry->n == FIELDS_MAX)
        return;
    char *text = xasprintf("%s=%s", field, value);
    entry->fields[entry->n++] = (struct iovec) { text, strlen(text) };
}

static const char *instant_or_none(int64_t instant, char *text)
{
    return instant == INSTANT_NONE ? NULL : instant_text(instant, text);
}

static const char *const subject_fields[] = {
    [SUBJECT_ENDPOINT] = "DBCERTD_ENDPOINT",
    [SUBJECT_TRUST_STORE] = "DBCERTD_TRUST_STORE",
    [SUBJECT_BUNDLE] = "DBCERTD_BUNDLE",
};

int journal_deliver(const Transition *t)
{
    _cleanup_(entry_deinit) Entry entry = { 0 };
    _cleanup_free_ char *message = message_of(t);
    const Finding *f = &t->finding;
    char priority[] = { (char)('0' + priority_of(t)), 0 }, due[INSTANT_TEXT_MAX], not_after[INSTANT_TEXT_MAX];

    add(&entry, "MESSAGE", message);
    add(&entry, "MESSAGE_ID", finding_message_id(f->id));
    add(&entry, "PRIORITY", priority);
    add(&entry, "SYSLOG_IDENTIFIER", "dbcertd");
    add(&entry, subject_fields[t->about], t->subject);
    add(&entry, "DBCERTD_ADDRESS", f->address);
    add(&entry, "DBCERTD_ENGINE", t->engine);
    add(&entry, "DBCERTD_FINDING", finding_to_string(f->id));
    add(&entry, "DBCERTD_SEVERITY", severity_to_string(f->severity));
    add(&entry, "DBCERTD_TRANSITION", transition_to_string(t->kind));
    add(&entry, "DBCERTD_CA", t->ca);
    add(&entry, "DBCERTD_CONFIGURED_CA", t->configured_ca);
    add(&entry, "DBCERTD_NOT_AFTER", instant_or_none(t->not_after, not_after));
    add(&entry, "DBCERTD_FINGERPRINT", t->fingerprint);
    add(&entry, "DBCERTD_DUE", instant_or_none(f->due, due));
    add(&entry, "DBCERTD_REMEDY", f->remedy);
    if (!log_is_journal())
        fprintf(stderr, "%s\n", message);
    return sd_journal_sendv(entry.fields, entry.n);
}
