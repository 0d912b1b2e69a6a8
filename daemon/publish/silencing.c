#include "publish/silencing.h"

#include "base/alloc.h"
#include "base/instant.h"
#include "sink/journal.h"

/* "orders: ca-mismatch", "orders: everything", "ca-mismatch everywhere" */
static char *words_of(const Silence *silence)
{
    const char *finding = silence->finding < 0 ? NULL : finding_to_string((FindingId)silence->finding);
    if (!silence->subject)
        return xasprintf("%s everywhere", finding);
    return xasprintf("%s: %s", silence->subject, finding ? finding : "everything");
}

int64_t silencing_add(Store *store, Silence silence, silencing_fn changed, void *userdata)
{
    _cleanup_free_ char *words = words_of(&silence), *subject = xstrdup(silence.subject);
    journal_event(EVENT_SILENCED, "silenced until %s by %s: %s. Reason: %s", INSTANT_TEXT(silence.ends_at),
                  silence.author, words, silence.reason);
    int64_t id = store_silence(store, silence);
    changed(subject, userdata);
    return id;
}

static void end(Store *store, const Silence *silence, const char *how, silencing_fn changed, void *userdata)
{
    _cleanup_free_ char *words = words_of(silence), *subject = xstrdup(silence->subject);
    journal_event(EVENT_SILENCE_ENDED, "the silence %s: %s. It was from %s on, for: %s", how, words,
                  INSTANT_TEXT(silence->begins_at), silence->reason);
    (void)store_unsilence(store, silence->id);
    changed(subject, userdata);
}

void silencing_end(Store *store, int64_t id, silencing_fn changed, void *userdata)
{
    const SilenceList *silences = store_silences(store);
    for (size_t i = 0; i < silences->n; i++)
        if (silences->items[i].id == id) {
            end(store, &silences->items[i], "was ended by hand", changed, userdata);
            return;
        }
}

void silencing_expire(Store *store, int64_t now, silencing_fn changed, void *userdata)
{
    const SilenceList *silences = store_silences(store);
    for (size_t i = silences->n; i-- > 0;)
        if (silences->items[i].ends_at <= now)
            end(store, &silences->items[i], "is over", changed, userdata);
}

int64_t silencing_wakes_at(const Store *store)
{
    const SilenceList *silences = store_silences(store);
    int64_t at = INSTANT_NEVER;
    for (size_t i = 0; i < silences->n; i++)
        at = instant_earlier(at, silences->items[i].ends_at);
    return at;
}
