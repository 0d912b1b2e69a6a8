#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "manager/manager-internal.h"
#include "sink/journal.h"

/* "orders: ca-mismatch", "orders: everything", "ca-mismatch everywhere" */
static char *words_of(const Silence *silence)
{
    const char *finding = silence->finding < 0 ? NULL : finding_to_string((FindingId)silence->finding);
    if (!silence->subject)
        return xasprintf("%s everywhere", finding);
    return xasprintf("%s: %s", silence->subject, finding ? finding : "everything");
}

/* What it covers, or did, is judged anew: in part it is said now, or is not any more. */
static void judge_again(Manager *manager, const char *subject)
{
    manager_judge_again(manager, subject);
    trust_touch(manager->trust);
    self_look(manager);
}

int64_t silencing_add(Manager *manager, Silence silence)
{
    _cleanup_free_ char *words = words_of(&silence), *subject = xstrdup(silence.subject);
    journal_event(EVENT_SILENCED, "silenced until %s by %s: %s. Reason: %s", INSTANT_TEXT(silence.ends_at),
                  silence.author, words, silence.reason);
    int64_t id = store_silence(manager->store, silence);
    judge_again(manager, subject);
    manager_judged(manager);
    return id;
}

/* Its subject, the caller's; what is to be judged anew is for the caller. */
static char *drop(Manager *manager, const Silence *silence, const char *how)
{
    _cleanup_free_ char *words = words_of(silence);
    char *subject = xstrdup(silence->subject);
    journal_event(EVENT_SILENCE_ENDED, "the silence %s: %s. It was from %s on, for: %s", how, words,
                  INSTANT_TEXT(silence->begins_at), silence->reason);
    (void)store_unsilence(manager->store, silence->id);
    return subject;
}

void silencing_end(Manager *manager, int64_t id)
{
    const SilenceList *silences = store_silences(manager->store);
    for (size_t i = 0; i < silences->n; i++) {
        if (silences->items[i].id != id)
            continue;
        _cleanup_free_ char *subject = drop(manager, &silences->items[i], "was ended by hand");
        judge_again(manager, subject);
        manager_judged(manager);
        return;
    }
}

void silencing_expire(Manager *manager, int64_t now)
{
    const SilenceList *silences = store_silences(manager->store);
    for (size_t i = silences->n; i-- > 0;) {
        if (silences->items[i].ends_at > now)
            continue;
        _cleanup_free_ char *subject = drop(manager, &silences->items[i], "is over");
        judge_again(manager, subject);
    }
}

int64_t silencing_wakes_at(const Manager *manager)
{
    const SilenceList *silences = store_silences(manager->store);
    int64_t at = INSTANT_NEVER;
    for (size_t i = 0; i < silences->n; i++)
        at = instant_earlier(at, silences->items[i].ends_at);
    return at;
}
