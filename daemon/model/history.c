#include "model/history.h"

#include "base/alloc.h"

void history_append(History *history, HistoryLine line)
{
    history->items = xgrow(history->items, history->n, sizeof *history->items);
    history->items[history->n++] = line;
}

void history_line_deinit(HistoryLine *line)
{
    free(line->address);
    free(line->ca);
    chain_deinit(&line->chain);
}

void history_deinit(History *history)
{
    for (size_t i = 0; i < history->n; i++)
        history_line_deinit(&history->items[i]);
    free(history->items);
    *history = (History) { 0 };
}
