#include "model/alert.h"

#include "base/alloc.h"

void alert_list_append(AlertList *list, Alert alert)
{
    list->items = xgrow(list->items, list->n, sizeof *list->items);
    list->items[list->n++] = alert;
}

void alert_list_remove(AlertList *list, size_t i)
{
    finding_deinit(&list->items[i].finding);
    list->items[i] = list->items[--list->n];
}

void alert_list_deinit(AlertList *list)
{
    for (size_t i = 0; i < list->n; i++)
        finding_deinit(&list->items[i].finding);
    free(list->items);
    *list = (AlertList) { 0 };
}
