#include "model/alert.h"

#include "base/alloc.h"

static const char *const states[] = {
    [ALERT_PENDING] = "pending",
    [ALERT_FIRING] = "firing",
    [ALERT_RESOLVED] = "resolved",
};
DEFINE_STRING_TABLE(alert_state, AlertState, states);

void alert_list_append(AlertList *list, Alert alert)
{
    list->items = xgrow(list->items, list->n, sizeof *list->items);
    list->items[list->n++] = alert;
    list->changed = true;
}

void alert_list_remove(AlertList *list, size_t i)
{
    finding_deinit(&list->items[i].finding);
    list->items[i] = list->items[--list->n];
    list->changed = true;
}

void alert_list_deinit(AlertList *list)
{
    for (size_t i = 0; i < list->n; i++)
        finding_deinit(&list->items[i].finding);
    free(list->items);
    *list = (AlertList) { 0 };
}
