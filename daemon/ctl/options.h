#pragma once

/* dbcertctl's options: what was given, and which command takes which. */

#include <stdbool.h>
#include <stdint.h>

#include "ctl/scan.h"
#include "ctl/silence.h"
#include "ctl/status.h"
#include "ctl/trust.h"

typedef struct Options {
    uint64_t given; /* a bit for each */
    const char *socket;
    bool json;
    bool help;
    ScanOptions scan;
    Choice choice;
    bool all;
    bool ics;
    const char *until; /* NULL: not given */
    SilenceOptions silence;
    const char *second; /* word after the command; NULL: there is none */
    TrustOptions trust;
} Options;

/* Returns an exit status, or -1 to go on. optind is where the words begin. */
int options_parse(int argc, char **argv, Options *options);

/* Whether the command takes each that was given. Returns EXIT_USAGE, or -1 to go on. */
int options_check(const Options *options, const char *command);
