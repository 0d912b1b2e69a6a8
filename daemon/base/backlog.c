#include "base/backlog.h"

#include "base/alloc.h"

struct BacklogItem {
    BacklogItem *next;
    Buffer text;
    size_t written; /* of it: who has begun has to end */
};

static size_t cost_of(const BacklogItem *item)
{
    return sizeof *item + item->text.capacity;
}

bool backlog_is_empty(const Backlog *backlog)
{
    return !backlog->first && backlog->n_dropped == 0;
}

static void drop(Backlog *backlog, BacklogItem **at)
{
    BacklogItem *item = *at;
    *at = item->next;
    if (!backlog->first)
        backlog->last = NULL;
    backlog->bytes -= cost_of(item);
    buffer_deinit(&item->text);
    free(item);
}

static BacklogItem *item_new(Buffer *text, size_t written)
{
    BacklogItem *item = xcalloc(1, sizeof *item);
    *item = (BacklogItem) { .text = *text, .written = written };
    *text = (Buffer) { 0 };
    return item;
}

/* Returns 0 once it is written; what was begun comes first from then on. */
static int write_report(Backlog *backlog)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    backlog->report(&text, backlog->n_dropped);
    int n = backlog->write(text.data, text.size);
    if (n < 0)
        return n;
    backlog->n_dropped = 0;
    if ((size_t)n == text.size)
        return 0;
    BacklogItem *item = item_new(&text, (size_t)n);
    item->next = backlog->first;
    backlog->first = item;
    backlog->last = backlog->last ? backlog->last : item;
    backlog->bytes += cost_of(item);
    return 0;
}

int backlog_drain(Backlog *backlog)
{
    while (!backlog_is_empty(backlog)) {
        BacklogItem *item = backlog->first;
        if (backlog->n_dropped > 0 && !(item && item->written > 0)) {
            int r = write_report(backlog);
            if (r < 0)
                return r;
            continue;
        }
        int n = backlog->write(item->text.data + item->written, item->text.size - item->written);
        if (n < 0)
            return n;
        item->written += (size_t)n;
        if (item->written == item->text.size)
            drop(backlog, &backlog->first);
    }
    return 0;
}

void backlog_put(Backlog *backlog, Buffer *text)
{
    BacklogItem *item = item_new(text, 0);
    *(backlog->last ? &backlog->last->next : &backlog->first) = item;
    backlog->last = item;
    backlog->bytes += cost_of(item);
    if (backlog_drain(backlog) == 0)
        return;
    while (backlog->bytes > BACKLOG_BYTES_MAX) {
        BacklogItem **oldest = backlog->first->written > 0 ? &backlog->first->next : &backlog->first;
        if (!*oldest || !(*oldest)->next)
            break; /* the latest stays */
        drop(backlog, oldest);
        backlog->n_dropped++;
    }
}
