#include "control/pieces.h"

#include <string.h>

#include "base/alloc.h"

#define PIECE_BYTES (32 * 1024) /* some ten endpoints: half a millisecond */

typedef struct Reader {
    Pieces *pieces;
    void (*snapshot)(Snapshot *ret, void *userdata);
    void *userdata;
    Buffer text;
    size_t taken; /* of the text */
    bool over;    /* the text is the last */
} Reader;

void pieces_free(Pieces *pieces)
{
    if (!pieces)
        return;
    walk_deinit(&pieces->walk);
    free(pieces->severity);
    free(pieces->engine);
    free(pieces->region);
    free(pieces->nonce);
    free(pieces);
}

char *pieces_join(Pieces *pieces, const Snapshot *snapshot)
{
    Buffer text = { 0 };
    while (pieces->write(pieces, snapshot, &text))
        continue;
    pieces_free(pieces);
    return buffer_take_text(&text);
}

/* Behind what is left of the piece before, so that whatever is sent is as much as a buffer takes. */
static void write_more(Reader *reader)
{
    Snapshot snapshot = { 0 };
    reader->snapshot(&snapshot, reader->userdata);
    buffer_consume(&reader->text, reader->taken);
    reader->taken = 0;
    while (!reader->over && reader->text.size < PIECE_BYTES)
        reader->over = !reader->pieces->write(reader->pieces, &snapshot, &reader->text);
}

static ssize_t on_read(void *userdata, uint64_t position _unused_, char *to, size_t size)
{
    Reader *reader = userdata;
    if (reader->text.size - reader->taken < size && !reader->over)
        write_more(reader);
    if (reader->pieces->walk.lost)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t left = reader->text.size - reader->taken, n = left < size ? left : size;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(to, reader->text.data + reader->taken, n);
    reader->taken += n;
    return (ssize_t)n;
}

static void on_free(void *userdata)
{
    Reader *reader = userdata;
    pieces_free(reader->pieces);
    buffer_deinit(&reader->text);
    free(reader);
}

struct MHD_Response *pieces_respond(Pieces *pieces, void (*snapshot)(Snapshot *ret, void *userdata),
                                    void *userdata)
{
    Reader *reader = xcalloc(1, sizeof *reader);
    *reader = (Reader) { .pieces = pieces, .snapshot = snapshot, .userdata = userdata };
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, on_read, reader, on_free);
    if (!response)
        on_free(reader);
    return response;
}
