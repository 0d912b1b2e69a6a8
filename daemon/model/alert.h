#pragma once

/* A finding that was said and still stands. */

#include "model/finding.h"

typedef struct Alert {
    Finding finding; /* as it was last; `since` is when it was raised */
    int64_t sent_at; /* when it was last said: raised, escalated, eased or reminded */
} Alert;

/* What stands of one endpoint. */
typedef struct AlertList {
    Alert *items;
    size_t n;
} AlertList;

void alert_list_append(AlertList *list, Alert alert); /* takes what it holds */
void alert_list_remove(AlertList *list, size_t i);
void alert_list_deinit(AlertList *list);
