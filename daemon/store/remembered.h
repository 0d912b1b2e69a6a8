#pragma once

/*
 * What was seen of endpoints that are not watched at present, by name: whoever is watched again goes on from
 * it, and no configuration that is reloaded has to wait for the disk. Shared by the store's own files alone.
 */

#include "store/seen.h"

/* Twice the largest fleet: all that may be watched, and as many that were. What has left first is forgotten. */
#define REMEMBERED_MAX 20000

typedef struct Remembered {
    EndpointState **states;
    size_t n;
} Remembered;

int remembered_read(Database *database, const SeenReader *reader, Remembered *ret);
void remembered_deinit(Remembered *remembered);

/* Copies what was seen of an endpoint. */
void remembered_put(Remembered *remembered, const EndpointState *state);

/* Moves it into a state that is new, if that is of the same server. */
void remembered_take(Remembered *remembered, EndpointState *state);

void remembered_forget(Remembered *remembered, int64_t before);
