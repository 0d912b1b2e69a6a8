#pragma once

/*
 * Which certificates one address has shown of late: tells a rotation, and the nodes behind one address, from a
 * server that makes a certificate again and again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/certificate.h"

/* Twice an Aurora cluster's instances, which may stand behind one address. */
#define SHOWN_REMEMBERED 32
#define SHOWN_NODES_MAX  16

/*
 * An address is unstable once SHOWN_FRESH_MIN of the latest SHOWN_PROBES probes showed a fresh certificate:
 * one that was never shown there, in place of one that was itself shown for less than SHOWN_LIFE_MIN. A server
 * that makes one at each start (MariaDB 11.4, SQL Server) has to restart as often; automation that replaces
 * certificates every few hours does not come to as many with the default interval.
 */
#define SHOWN_PROBES    8
#define SHOWN_FRESH_MIN 4
#define SHOWN_LIFE_MIN  DAY

/* Certificates that were made before are those of nodes, until there are more than SHOWN_NODES_MAX of them. */
#define SHOWN_MADE_LATELY (2 * DAY)

typedef struct Shown {
    uint64_t fingerprints[SHOWN_REMEMBERED]; /* hashed, the one that was shown last first */
    size_t n;
    uint8_t fresh; /* of the latest SHOWN_PROBES probes with a certificate: a bit for each, the latest lowest */
    uint8_t made;  /* of these: those made lately */
    int64_t newest;   /* when the newest one was shown first */
    int64_t since;    /* of the fresh ones: when the one before them was shown first */
    unsigned n_since; /* and how many there were, with that one */
    bool unstable;    /* stays until none of the latest SHOWN_PROBES probes showed a fresh one */
} Shown;

/* Begins with what was shown until now, since then; INSTANT_NONE: not known, since it was made. The caller's.
 */
Shown *shown_new(const Certificate *until_now, int64_t since);

/* Notes what a probe was shown. */
void shown_note(Shown *shown, const Certificate *certificate, int64_t now);

/* Whether so many were fresh that to report each change would be noise. */
bool shown_is_noise(const Shown *shown);

/* As one line, and back: NULL if it is none. The caller's. */
char *shown_to_text(const Shown *shown);
Shown *shown_from_text(const char *text);
