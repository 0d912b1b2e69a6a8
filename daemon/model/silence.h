#pragma once

/* Somebody knows, and does not want to be told for a while. What is so stays so, and stays on the status
 * socket. */

#include "base/instant.h"
#include "model/finding.h"

#define SILENCES_MAX       1000
#define SILENCE_REASON_MAX 500 /* bytes */
#define SILENCE_SHORTEST   10  /* seconds */
#define SILENCE_LONGEST    (366 * DAY)

typedef struct Silence {
    int64_t id;
    char *subject; /* an endpoint's name, a trust store's, a bundle's URL; NULL: all */
    int finding;   /* FindingId; -1: all */
    int64_t begins_at;
    int64_t ends_at;
    char *reason;
    char *author; /* "uid 1000" */
} Silence;

void silence_deinit(Silence *silence);

typedef struct SilenceList {
    Silence *items;
    size_t n;
} SilenceList;

void silence_list_append(SilenceList *list, Silence silence); /* takes what it holds */
void silence_list_remove(SilenceList *list, size_t i);
void silence_list_deinit(SilenceList *list);

/* Writes into each finding of a subject until when it is silenced. */
void silence_list_apply(const SilenceList *list, const char *subject, FindingList *findings, int64_t now);
