#pragma once

/* A finding that was said and still stands, or is about to be. */

#include "model/finding.h"

typedef enum AlertState {
    ALERT_PENDING,  /* found, but it may pass by itself */
    ALERT_FIRING,   /* it stands */
    ALERT_RESOLVED, /* gone; remembered for as long as its coming back would be called flapping */
} AlertState;
DECLARE_STRING_TABLE(alert_state, AlertState);

typedef struct Alert {
    Finding finding; /* as it was last; `since` is when it was raised */
    AlertState state;
    Severity said;        /* as which it is known to whoever was told; SEVERITY_OK: nobody was */
    Severity worst;       /* of what was said since it was raised */
    int64_t sent_at;      /* when something was last said of it */
    int64_t calmer_since; /* it flaps, and is less than what was said since then; INSTANT_NONE: it is not */
    unsigned raises;      /* how often it came back since raises_since, the first time included */
    int64_t raises_since; /* if it flaps: when it came back last; INSTANT_NONE: it was never raised */
} Alert;

/* What stands of one subject. */
typedef struct AlertList {
    Alert *items;
    size_t n;
    bool changed; /* in more than the words of a finding, since whoever keeps it has looked */
} AlertList;

void alert_list_append(AlertList *list, Alert alert); /* takes what it holds */
void alert_list_remove(AlertList *list, size_t i);
void alert_list_deinit(AlertList *list);
