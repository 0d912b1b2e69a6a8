#pragma once

/*
 * An answer about the whole fleet, written piece by piece as its client takes it: no memory has to hold all of
 * it, and between two pieces the loop serves others. Each endpoint is as it is when its turn comes.
 * Where a reload takes away the one that was written last, the answer is broken off: a client sees that, and
 * would not see a gap.
 */

#include <microhttpd.h>

#include "base/buffer.h"
#include "control/client.h"
#include "control/json-text.h"
#include "report/snapshot.h"

typedef struct Pieces Pieces;
struct Pieces {
    /* Appends a small piece. False: that was all. */
    bool (*write)(Pieces *pieces, const Snapshot *snapshot, Buffer *text);

    /* Where the writer is, as it likes; all zeros at the beginning. */
    size_t part;
    size_t within; /* an item: parts of it that were written */
    Walk walk;

    /* What was asked for, copied. */
    char *name, *severity, *engine, *region;
    bool der;
    int64_t now, from, to; /* of the page's axis */
    char *nonce;

    bool pretty; /* JSON, to be indented */
    Indent indent;
};

void pieces_free(Pieces *pieces);
CLEANUP_OF(Pieces, pieces_free);

/* All of it at once, for tests. Takes pieces; the caller frees the text. */
char *pieces_join(Pieces *pieces, const Snapshot *snapshot);

/* A response to a client that is written so; takes pieces. snapshot: asked for each piece. NULL for want of
 * memory. */
struct MHD_Response *pieces_respond(Pieces *pieces, Client *client,
                                    void (*snapshot)(Snapshot *ret, void *userdata), void *userdata);

/* One that is a text, which it takes; it counts as what waits for the client in memory, too. */
struct MHD_Response *text_respond(char *text, Client *client);
