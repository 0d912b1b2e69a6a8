#include "model/silence.h"

#include <string.h>

#include "base/alloc.h"

void silence_deinit(Silence *silence)
{
    free(silence->subject);
    free(silence->reason);
    free(silence->author);
    *silence = (Silence) { 0 };
}

void silence_list_append(SilenceList *list, Silence silence)
{
    list->items = xgrow(list->items, list->n, sizeof *list->items);
    list->items[list->n++] = silence;
}

void silence_list_remove(SilenceList *list, size_t i)
{
    silence_deinit(&list->items[i]);
    memmove(&list->items[i], &list->items[i + 1], (--list->n - i) * sizeof *list->items);
}

void silence_list_deinit(SilenceList *list)
{
    for (size_t i = 0; i < list->n; i++)
        silence_deinit(&list->items[i]);
    free(list->items);
    *list = (SilenceList) { 0 };
}

static bool covers(const Silence *silence, const char *subject, FindingId finding, int64_t now)
{
    return now < silence->ends_at && (!silence->subject || strcmp(silence->subject, subject) == 0) &&
           (silence->finding < 0 || silence->finding == (int)finding);
}

void silence_list_apply(const SilenceList *list, const char *subject, FindingList *findings, int64_t now)
{
    for (size_t i = 0; i < findings->n; i++) {
        Finding *f = &findings->items[i];
        f->silenced_until = INSTANT_NONE;
        for (size_t j = 0; j < list->n; j++)
            if (covers(&list->items[j], subject, f->id, now) && list->items[j].ends_at > f->silenced_until)
                f->silenced_until = list->items[j].ends_at;
    }
}
