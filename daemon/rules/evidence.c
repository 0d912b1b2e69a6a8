#include "base/alloc.h"
#include "base/instant.h"
#include "rules/case.h"

Evidence *evidence_add(Case *c, FindingId id, Severity severity, int64_t due)
{
    EvidenceList *list = c->evidence;
    list->items = xgrow(list->items, list->n, sizeof *list->items);
    list->items[list->n] = (Evidence) { .of = c, .id = id, .severity = severity, .due = due };
    return &list->items[list->n++];
}

static void render(const Evidence *evidence, FindingList *ret)
{
    Case c = *evidence->of;
    c.found = *evidence;
    const Finding finding = {
        .id = evidence->id,
        .severity = evidence->severity,
        .address = c.address ? xstrdup(c.address->address.text) : NULL,
        .since = INSTANT_NONE,
        .due = evidence->due,
        .message = text_message(&c, evidence->id),
        .steps = steps_of(&c, evidence->id),
        .cause = text_cause(&c, evidence->id),
        .pending = evidence->pending,
        .silenced_until = INSTANT_NONE,
    };
    finding_list_append(ret, finding);
}

void evidence_render(const EvidenceList *evidence, FindingList *ret)
{
    for (size_t i = 0; i < evidence->n; i++)
        render(&evidence->items[i], ret);
}

void evidence_deinit(EvidenceList *evidence)
{
    free(evidence->items);
    *evidence = (EvidenceList) { 0 };
}
