#pragma once

/* A change of an alert, complete in itself: whoever delivers it needs to ask nobody. */

#include "model/finding.h"

typedef enum TransitionKind {
    TRANSITION_RAISED,
    TRANSITION_ESCALATED,
    TRANSITION_EASED,
    TRANSITION_REMINDED,
    TRANSITION_RESOLVED,
} TransitionKind;
DECLARE_STRING_TABLE(transition, TransitionKind);

#define TRANSITION_ID_MAX 33 /* 32 hex digits */

typedef struct Transition {
    char id[TRANSITION_ID_MAX]; /* its identity, from the outbox on: one that is delivered twice has it twice */
    TransitionKind kind;
    int64_t at;
    Finding finding; /* as it is now; as it was last, where it is resolved */
    unsigned raises; /* how often it came back of late, if it flaps; else 0 */
    SubjectKind about;
    char *subject;       /* the endpoint's name, the trust store's, the bundle's URL */
    char *engine;        /* this and what follows: of endpoints alone */
    char *ca;            /* served; NULL if not known */
    char *configured_ca; /* NULL if none */
    char *fingerprint;   /* SHA-256 of the server certificate it is about; NULL if none was seen */
    int64_t not_after;   /* of that certificate, or INSTANT_NONE */
} Transition;

void transition_deinit(Transition *transition);
Transition transition_copy(const Transition *transition);

typedef struct TransitionList {
    Transition *items;
    size_t n;
} TransitionList;

void transition_list_append(TransitionList *list, Transition transition); /* takes what it holds */
void transition_list_deinit(TransitionList *list);
