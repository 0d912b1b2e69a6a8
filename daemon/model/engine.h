#pragma once

/* Engines by the RDS API's names, the protocol each speaks before TLS, and its default port. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum EngineFamily {
    FAMILY_POSTGRES,
    FAMILY_MYSQL,
    FAMILY_TLS, /* TLS from the first byte */
} EngineFamily;

typedef struct Engine {
    const char *name;
    EngineFamily family;
    uint16_t port; /* 0: has to be given */
} Engine;

extern const Engine engines[];
extern const size_t n_engines;

/* Borrowed, NULL if there is none. */
const Engine *engine_find(const char *name);
