#include "model/history.h"

#include "base/alloc.h"

void history_append(History *history, HistoryLine line)
{
    history->items = xgrow(history->items, history->n, sizeof *history->items);
    history->items[history->n++] = line;
}

void history_deinit(History *history)
{
    for (size_t i = 0; i < history->n; i++) {
        free(history->items[i].address);
        free(history->items[i].ca);
        chain_deinit(&history->items[i].chain);
    }
    free(history->items);
    *history = (History) { 0 };
}
