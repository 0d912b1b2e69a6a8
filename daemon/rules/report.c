#include "rules/case.h"

#include "base/alloc.h"
#include "base/instant.h"

void report_finding(Case *c, FindingId id, Severity severity, int64_t due)
{
    c->due = due;
    const Finding finding = {
        .id = id,
        .severity = severity,
        .address = c->address ? xstrdup(c->address->address.text) : NULL,
        .since = INSTANT_NONE,
        .due = due,
        .message = text_message(c, id),
        .steps = steps_of(c, id),
        .cause = text_cause(c, id),
        .pending = c->pending,
        .silenced_until = INSTANT_NONE,
    };
    finding_list_append(&c->state->findings, finding);
}
