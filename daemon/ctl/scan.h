#pragma once

/* `dbcertctl scan`: probes what it is given, with the daemon's own code and without the daemon. */

#include <stdbool.h>
#include <stdint.h>

#define SCAN_TARGETS_MAX 100000

typedef struct ScanOptions {
    char **targets;      /* ENGINE://HOST[:PORT][?KEY=VALUE&...] */
    const char *engine;  /* of those without ENGINE://; NULL: each has to have it */
    const char *file;    /* more of them, one a line; "-": standard input; NULL: none */
    const char *ca_file; /* PEM; NULL: chains are not verified */
    const char *expect_ca;
    int64_t timeout_seconds;
    int64_t concurrency;
    bool json;
    bool show_chain; /* the table, and everything that every address served */
    bool pem;        /* nothing but what was served */
} ScanOptions;

/* Returns an exit status: 0 all were fetched, 1 some were not, 2 a target is wrong (then nothing was probed).
 */
int scan_run(const ScanOptions *options);
