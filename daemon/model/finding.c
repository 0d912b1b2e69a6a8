#include "model/finding.h"

#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/instant.h"
#include "base/text.h"

static const char *const severities[] = {
    [SEVERITY_OK] = "ok",           [SEVERITY_NOTICE] = "notice",     [SEVERITY_UNKNOWN] = "unknown",
    [SEVERITY_WARNING] = "warning", [SEVERITY_CRITICAL] = "critical",
};
DEFINE_STRING_TABLE(severity, Severity, severities);

const char *severity_letter(Severity severity)
{
    static const char *const letters[N_SEVERITIES] = {
        [SEVERITY_OK] = "-",      [SEVERITY_NOTICE] = "N",   [SEVERITY_UNKNOWN] = "U",
        [SEVERITY_WARNING] = "W", [SEVERITY_CRITICAL] = "C",
    };
    return letters[severity];
}

static const char *const subject_kinds[] = {
    [SUBJECT_ENDPOINT] = "endpoint", [SUBJECT_TRUST_STORE] = "trust store", [SUBJECT_BUNDLE] = "bundle",
    [SUBJECT_RDS] = "rds",           [SUBJECT_DAEMON] = "daemon",
};
DEFINE_STRING_TABLE(subject_kind, SubjectKind, subject_kinds);

const char *subject_kind_label(SubjectKind kind)
{
    return kind == SUBJECT_TRUST_STORE ? "trust_store" : subject_kinds[kind];
}

void finding_deinit(Finding *finding)
{
    free(finding->address);
    free(finding->ca);
    free(finding->message);
    steps_deinit(&finding->steps);
    free(finding->cause);
    *finding = (Finding) { 0 };
}

Finding finding_copy(const Finding *finding)
{
    Finding copy = *finding;
    copy.address = xstrdup(finding->address);
    copy.ca = xstrdup(finding->ca);
    copy.message = xstrdup(finding->message);
    copy.steps = steps_copy(&finding->steps);
    copy.cause = xstrdup(finding->cause);
    return copy;
}

Finding *finding_list_append(FindingList *list, Finding finding)
{
    list->items = xgrow(list->items, list->n, sizeof *list->items);
    list->items[list->n] = finding;
    return &list->items[list->n++];
}

Finding *finding_list_say(FindingList *list, FindingId id, Severity severity, const char *ca, int64_t due,
                          char *message, StepList steps)
{
    message = text_escape_take(message);
    text_bound(message, FINDING_MESSAGE_BYTES_MAX);
    return finding_list_append(list, (Finding) {
                                         .id = id,
                                         .severity = severity,
                                         .ca = xstrdup(ca),
                                         .since = INSTANT_NONE,
                                         .due = due,
                                         .message = message,
                                         .steps = steps,
                                         .silenced_until = INSTANT_NONE,
                                     });
}

void finding_list_deinit(FindingList *list)
{
    for (size_t i = 0; i < list->n; i++)
        finding_deinit(&list->items[i]);
    free(list->items);
    *list = (FindingList) { 0 };
}

bool finding_same(const Finding *a, const Finding *b)
{
    return a->id == b->id && text_same(a->address, b->address) && text_same(a->ca, b->ca);
}

Severity finding_list_worst(const FindingList *list, Severity floor)
{
    for (size_t i = 0; i < list->n; i++)
        if (!list->items[i].pending && list->items[i].severity > floor)
            floor = list->items[i].severity;
    return floor;
}

Finding *finding_list_find(const FindingList *list, FindingId id, const char *address)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].id == id && text_same(list->items[i].address, address))
            return &list->items[i];
    return NULL;
}
