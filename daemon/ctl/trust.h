#pragma once

/* `dbcertctl trust FILE`: would a client with this file accept what each endpoint serves, and what it will
 * serve? */

#include <stdbool.h>

typedef struct TrustOptions {
    const char *file;
    const char *password_file; /* NULL: none is needed, or it is Java's usual one */
} TrustOptions;

/* Returns an exit status: 0 all are accepted, 1 some are not or nothing could be found out, 2 the file is
 * wrong. */
int trust_file(const TrustOptions *options, const char *socket, bool json);
