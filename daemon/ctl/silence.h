#pragma once

#include <stdbool.h>

typedef struct SilenceOptions {
    const char *period; /* --for; NULL: not given */
    const char *reason; /* the same */
    const char *end;    /* --end ID; the same */
} SilenceOptions;

/* Lists silences (no name), makes one of a name, a finding, or a finding of a name, or ends one. An exit
 * status. */
int silence_run(const SilenceOptions *options, const char *socket, bool json, const char *name,
                const char *finding);
