#include "alert/group.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"

struct Spoken {
    FindingId finding;
    char *cause;
    int64_t since; /* the interval's begin */
    size_t n_said; /* within it */
};

void group_memory_deinit(GroupMemory *memory)
{
    for (size_t i = 0; i < memory->n; i++)
        free(memory->items[i].cause);
    free(memory->items);
    *memory = (GroupMemory) { 0 };
}

void bulletin_list_deinit(BulletinList *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].items);
    free(list->items);
    *list = (BulletinList) { 0 };
}

static bool same_cause(const Transition *a, const Transition *b)
{
    return a->finding.id == b->finding.id && a->finding.cause && b->finding.cause &&
           strcmp(a->finding.cause, b->finding.cause) == 0;
}

static bool same_entry(const Transition *a, const Transition *b)
{
    return same_cause(a, b) && a->kind == b->kind && a->finding.severity == b->finding.severity;
}

/* What was said of the cause within the interval; what is older is forgotten, with all others' that is. */
static struct Spoken *recall(GroupMemory *memory, const GroupPolicy *policy, const Transition *t, int64_t now)
{
    struct Spoken *found = NULL;
    for (size_t i = 0; i < memory->n; i++) {
        struct Spoken *spoken = &memory->items[i];
        if (now - spoken->since >= policy->interval_seconds || now < spoken->since) {
            free(spoken->cause);
            memory->items[i--] = memory->items[--memory->n];
        }
    }
    for (size_t i = 0; i < memory->n; i++)
        if (memory->items[i].finding == t->finding.id && strcmp(memory->items[i].cause, t->finding.cause) == 0)
            found = &memory->items[i];
    return found;
}

static void remember(GroupMemory *memory, struct Spoken *spoken, const Transition *t, size_t n, int64_t now)
{
    if (!spoken) {
        memory->items = xgrow(memory->items, memory->n, sizeof *memory->items);
        spoken = &memory->items[memory->n++];
        *spoken = (struct Spoken) {
            .finding = t->finding.id,
            .cause = xstrdup(t->finding.cause),
            .since = now,
        };
    }
    spoken->n_said += n;
}

/* When what is pending of the cause may be said; the first of it is given. A clock that was set back keeps
 * nothing waiting. */
static int64_t ready_at(const GroupPolicy *policy, const Transition *first, const struct Spoken *spoken,
                        int64_t now)
{
    if (spoken && spoken->n_said >= GROUP_LEAST)
        return spoken->since + policy->interval_seconds;
    return first->at > now ? now : first->at + policy->wait_seconds;
}

static Bulletin *append(BulletinList *list)
{
    list->items = xgrow(list->items, list->n, sizeof *list->items);
    list->items[list->n] = (Bulletin) { 0 };
    return &list->items[list->n++];
}

static void add(Bulletin *bulletin, const Transition *t)
{
    bulletin->items = xgrow(bulletin->items, bulletin->n, sizeof *bulletin->items);
    bulletin->items[bulletin->n++] = t;
}

/* One outbox on its way into bulletins. */
typedef struct Sorting {
    const TransitionList *outbox;
    bool *taken;
    BulletinList *bulletins;
} Sorting;

static size_t count_like(const Sorting *s, size_t i)
{
    size_t n = 0;
    for (size_t j = i; j < s->outbox->n; j++)
        n += !s->taken[j] && same_entry(&s->outbox->items[i], &s->outbox->items[j]);
    return n;
}

/* All of one cause, from i on: in one entry for each kind and severity where there are many. Returns how many.
 */
static size_t say_cause(Sorting *s, size_t first)
{
    const Transition *items = s->outbox->items;
    size_t n = 0;
    for (size_t i = first; i < s->outbox->n; i++) {
        if (s->taken[i] || !same_cause(&items[first], &items[i]))
            continue;
        bool many = count_like(s, i) >= GROUP_LEAST;
        Bulletin *bulletin = append(s->bulletins);
        for (size_t j = i; j < s->outbox->n && bulletin->n < (many ? GROUP_MOST : 1); j++) {
            if (s->taken[j] || !same_entry(&items[i], &items[j]))
                continue;
            s->taken[j] = true;
            add(bulletin, &items[j]);
            n++;
        }
    }
    return n;
}

static void pass_over(Sorting *s, size_t first)
{
    for (size_t i = first; i < s->outbox->n; i++)
        s->taken[i] |= same_cause(&s->outbox->items[first], &s->outbox->items[i]);
}

int64_t group_select(GroupMemory *memory, const GroupPolicy *policy, const TransitionList *outbox, int64_t now,
                     BulletinList *ret)
{
    _cleanup_free_ bool *taken = xcalloc(outbox->n + 1, sizeof *taken);
    Sorting s = { .outbox = outbox, .taken = taken, .bulletins = ret };
    int64_t next = INSTANT_NEVER;
    for (size_t i = 0; i < outbox->n; i++) {
        const Transition *t = &outbox->items[i];
        if (taken[i])
            continue;
        if (!t->finding.cause) {
            add(append(ret), t);
            continue;
        }
        struct Spoken *spoken = recall(memory, policy, t, now);
        int64_t at = ready_at(policy, t, spoken, now);
        if (at <= now)
            remember(memory, spoken, t, say_cause(&s, i), now);
        else {
            pass_over(&s, i);
            next = instant_earlier(next, at);
        }
    }
    return next;
}
