#include "control/pieces.h"

#include <string.h>

#include "base/alloc.h"

#define PIECE_BYTES (32 * 1024) /* some ten endpoints: half a millisecond */

/* For HTTP/1.0, which has no chunks, and where the length is known: MHD sends so much at a time. */
#define BLOCK_BYTES (8 * 1024)

typedef struct Reader {
    Client *client;
    Pieces *pieces; /* NULL: the text is all */
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
    free(pieces->name);
    free(pieces->severity);
    free(pieces->engine);
    free(pieces->region);
    free(pieces->nonce);
    free(pieces);
}

static bool write_piece(Pieces *pieces, const Snapshot *snapshot, Buffer *text)
{
    if (!pieces->pretty)
        return pieces->write(pieces, snapshot, text);
    _cleanup_(buffer_deinit) Buffer plain = { 0 };
    bool more = pieces->write(pieces, snapshot, &plain);
    json_text_indent(&pieces->indent, text, &plain);
    return more;
}

char *pieces_join(Pieces *pieces, const Snapshot *snapshot)
{
    Buffer text = { 0 };
    while (write_piece(pieces, snapshot, &text))
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
        reader->over = !write_piece(reader->pieces, &snapshot, &reader->text);
}

static ssize_t on_read(void *userdata, uint64_t position _unused_, char *to, size_t size)
{
    Reader *reader = userdata;
    if (reader->client->dropped)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (reader->text.size - reader->taken < size && !reader->over)
        write_more(reader);
    if (reader->pieces && reader->pieces->walk.lost)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t left = reader->text.size - reader->taken, n = MIN(left, size);
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(to, reader->text.data + reader->taken, n);
    reader->taken += n;
    if (n == left) {
        buffer_deinit(&reader->text);
        reader->taken = 0;
    }
    client_goes_on(reader->client, &reader->text);
    return (ssize_t)n;
}

static void on_free(void *userdata)
{
    Reader *reader = userdata;
    client_goes_on(reader->client, NULL);
    pieces_free(reader->pieces);
    buffer_deinit(&reader->text);
    free(reader);
}

static struct MHD_Response *respond_by(Reader *reader, uint64_t size)
{
    client_goes_on(reader->client, &reader->text);
    struct MHD_Response *response =
        MHD_create_response_from_callback(size, BLOCK_BYTES, on_read, reader, on_free);
    if (!response)
        on_free(reader);
    return response;
}

struct MHD_Response *pieces_respond(Pieces *pieces, Client *client,
                                    void (*snapshot)(Snapshot *ret, void *userdata), void *userdata)
{
    Reader *reader = xcalloc(1, sizeof *reader);
    *reader = (Reader) { .client = client, .pieces = pieces, .snapshot = snapshot, .userdata = userdata };
    return respond_by(reader, MHD_SIZE_UNKNOWN);
}

struct MHD_Response *text_respond(char *text, Client *client)
{
    size_t size = strlen(text);
    Reader *reader = xcalloc(1, sizeof *reader);
    *reader = (Reader) { .client = client,
                         .text = { .data = (uint8_t *)text, .size = size, .capacity = size + 1 },
                         .over = true };
    return respond_by(reader, size);
}
