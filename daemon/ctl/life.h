#pragma once

/* A certificate's life as a line of characters, and what comes next in it. */

#include <jansson.h>
#include <stdint.h>

#define LIFE_WIDTH 24 /* characters between the brackets */

/*
 * "[======|===>------------]": what is gone, the half-life, now, and what is left; an X at the end if it is
 * over. half_life: INSTANT_NONE to leave it out. The caller frees.
 */
char *life_bar(int64_t not_before, int64_t not_after, int64_t half_life, int64_t now);

/* "134d", "30h", "-3d" when it is over. The caller frees. */
char *life_left(int64_t not_after, int64_t now);

/* An instant of the API, or INSTANT_NONE. */
int64_t instant_of(const json_t *object, const char *key);

/* What happens next to an endpoint by itself, and when: "half-life 2026-12-01"; "-" if nothing is known. The
 * caller frees. */
char *life_next(const json_t *endpoint);
