#pragma once

/* `dbcertctl trust FILE`: would a client with this file accept what each endpoint serves, and what it will
 * serve? */

#include <jansson.h>
#include <stdbool.h>

typedef struct TrustOptions {
    const char *file;
    const char *password_file; /* NULL: none is needed, or it is Java's usual one */
} TrustOptions;

/* Whether one of a trust store's `endpoints` says that its client is refused, now or later. */
bool trust_refuses(const json_t *verdict);

/* Returns an exit status: 0 all are accepted, 1 some are not or nothing could be found out, 2 the file is
 * wrong. */
int trust_file(const TrustOptions *options, const char *socket, bool json);
