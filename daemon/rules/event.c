#include "rules/event.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "rules/case.h"
#include "rules/command.h"

/* RDS may begin a window somewhat before the half-life is reached; nobody has to be told. */
#define EARLY (2 * DAY)

void served_note(Served *served, const AddressState *address)
{
    *served = (Served) { 0 };
    if (!address || !address->seen)
        return;
    served->server = certificate_ref(address->seen->chain.certificates[0]);
    for (size_t i = 0; i < address->verification.path.n; i++)
        chain_append(&served->path, certificate_ref(address->verification.path.certificates[i]));
}

void served_deinit(Served *served)
{
    certificate_unref(served->server);
    chain_deinit(&served->path);
    *served = (Served) { 0 };
}

/* Both certificates, each as a case of its own. */
typedef struct Change {
    Case before, now;
} Change;

static bool same_authority(const Change *ch)
{
    const Authority *a = &ch->before.authority, *b = &ch->now.authority;
    if (a->id[0] || b->id[0])
        return strcmp(a->id, b->id) == 0;
    return strcmp(certificate_issuer_label(ch->before.server), certificate_issuer_label(ch->now.server)) == 0;
}

static FindingId kind_of(const Change *ch)
{
    const Rotation *r = &ch->before.rotation;
    if (!same_authority(ch))
        return FINDING_CA_CHANGED;
    if (ch->now.server->not_before < ch->before.server->not_before)
        return FINDING_ROTATED_BACK;
    if (r->due_at != INSTANT_NONE && ch->now.server->not_before < r->due_at - EARLY)
        return FINDING_ROTATED_EARLY;
    return FINDING_ROTATED;
}

/* "at 52 % of its life (190d 2h), on time" */
static void write_age(const Change *ch, FindingId id, Buffer *text)
{
    const Certificate *old = ch->before.server, *new = ch->now.server;
    const Rotation *r = &ch->before.rotation;
    int64_t life = old->not_after - old->not_before, age = new->not_before - old->not_before;
    if (age < 0 || life <= 0)
        return;
    buffer_printf(text, " at %lld %% of its life (%s)", (long long)(age * 100 / life), DURATION_TEXT(age));
    if (id == FINDING_ROTATED && r->overdue_after != INSTANT_NONE)
        buffer_printf(text, "%s", new->not_before <= r->overdue_after ? ", on time" : ", late");
    if (id == FINDING_ROTATED_EARLY)
        buffer_printf(text, ", before %s, when it would have been due", INSTANT_TEXT(r->due_at));
}

static char *message_of(const Change *ch, FindingId id)
{
    Buffer text = { 0 };
    const Certificate *old = ch->before.server, *new = ch->now.server;
    text_certificate(old, &ch->before.authority, &text);
    buffer_printf(&text,
                  id == FINDING_ROTATED_BACK ? " is gone and an older one is back, " : " was replaced by ");
    text_certificate(new, &ch->now.authority, &text);
    write_age(ch, id, &text);
    if (old->key_sha256 && new->key_sha256)
        buffer_printf(&text, "; the key is %s",
                      strcmp(old->key_sha256, new->key_sha256) == 0 ? "the same" : "another one");
    buffer_printf(&text, "; SHA-256 %.16s... before, %.16s... now", old->sha256, new->sha256);
    if (id == FINDING_ROTATED_BACK && ch->now.state->n_addresses > 1)
        buffer_printf(&text, "; a node behind this address may not have been told of the rotation");
    return text_bounded(&text);
}

static StepList steps_of_event(const Change *ch, FindingId id)
{
    StepList steps = { 0 };
    const char *name = ch->now.state->endpoint->name;
    if (id == FINDING_CA_CHANGED && ch->now.authority.id[0]) {
        step_words(steps_append(&steps, STEP_LOOK, PLACE_HERE), "dbcertctl trust");
        command_configure(&steps, "set ca = \"%s\" for %s", ch->now.authority.id, name);
    } else
        command_show(&steps, name);
    return steps;
}

static bool means_nothing(const Certificate *old, const Certificate *new)
{
    return strcmp(old->sha256, new->sha256) == 0 || strcmp(old->subject, new->subject) != 0 ||
           (old->self_issued && new->self_issued);
}

bool event_of(EndpointState *state, const AddressState *address, const Served *before, const Policy *policy,
              int64_t now, Finding *ret)
{
    if (!before->server || !address->seen || means_nothing(before->server, address_certificate(address)))
        return false;
    const Case common = { .state = state, .address = address, .policy = policy, .now = now };
    Change ch = { .before = common, .now = common };
    case_look(&ch.now);
    case_look_at(&ch.before, before->server, &before->path);
    FindingId id = kind_of(&ch);
    *ret = (Finding) {
        .id = id,
        .severity = id == FINDING_ROTATED_BACK ? SEVERITY_WARNING : SEVERITY_NOTICE,
        .address = xstrdup(address->address.text),
        .ca = ch.now.authority.id[0] ? xstrdup(ch.now.authority.id) : NULL,
        .since = now,
        .due = INSTANT_NONE,
        .message = message_of(&ch, id),
        .steps = steps_of_event(&ch, id),
    };
    return true;
}
