#include "control/stream.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "control/client.h"
#include "control/respond.h"

#define BLOCK_BYTES 4096

struct Stream {
    Streams *streams;
    struct MHD_Connection *connection;
    Client *client;
    void *userdata;
    Buffer waiting;
    bool suspended; /* until there is something to say */
    bool ended;
    Stream *next;
};

static void go_on(Stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
    stream->streams->wake(stream->userdata);
}

static ssize_t on_read(void *userdata, uint64_t position _unused_, char *to, size_t size)
{
    Stream *stream = userdata;
    size_t n = MIN(stream->waiting.size, size);
    client_goes_on(stream->client, NULL); /* each heartbeat is read, or the client is hung up on */
    if (n > 0) {
        memcpy(to, stream->waiting.data, n);
        buffer_consume(&stream->waiting, n);
        return (ssize_t)n;
    }
    if (stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    stream->suspended = true;
    MHD_suspend_connection(stream->connection);
    return 0;
}

static void on_free(void *userdata)
{
    Stream *stream = userdata;
    for (Stream **at = &stream->streams->first; *at; at = &(*at)->next)
        if (*at == stream) {
            *at = stream->next;
            stream->streams->n--;
            break;
        }
    buffer_deinit(&stream->waiting);
    free(stream);
}

enum MHD_Result streams_add(Streams *streams, struct MHD_Connection *connection, void *userdata)
{
    Stream *stream = xcalloc(1, sizeof *stream);
    *stream = (Stream) { .streams = streams,
                         .connection = connection,
                         .client = client_of(connection),
                         .userdata = userdata,
                         .next = streams->first };
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_read, stream, on_free);
    if (!response) {
        free(stream);
        return MHD_NO;
    }
    streams->first = stream;
    streams->n++;
    buffer_printf(&stream->waiting, "retry: 2000\n\n"); /* so that who is let go comes again */
    enum MHD_Result r = respond_add_headers(response, "text/event-stream", NULL);
    if (r == MHD_YES)
        r = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response); /* frees the stream if it was not queued */
    return r;
}

void streams_tell(Streams *streams, const char *lines)
{
    for (Stream *stream = streams->first, *next; stream; stream = next) {
        next = stream->next;
        if (stream->waiting.size + strlen(lines) > STREAM_BYTES_MAX)
            stream->ended = true;
        else
            buffer_append(&stream->waiting, lines, strlen(lines));
        go_on(stream);
    }
}

void streams_end(Streams *streams)
{
    for (Stream *stream = streams->first, *next; stream; stream = next) {
        next = stream->next;
        stream->ended = true;
        go_on(stream);
    }
}
