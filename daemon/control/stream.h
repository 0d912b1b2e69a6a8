#pragma once

/* Server-sent events (HTML Living Standard, 9.2): who listens, and what they are told. */

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#define STREAM_LISTENERS_MAX 16          /* of the clients at once; the others have room to ask */
#define STREAM_BYTES_MAX     (64 * 1024) /* that wait for one who does not read; then it is let go */

typedef struct Stream Stream;

typedef struct Streams {
    Stream *first;
    size_t n;
    void (*wake)(void *userdata); /* a connection goes on: its listener has to be run from the loop */
} Streams;

/* Answers a request with a stream. userdata: for wake. */
enum MHD_Result streams_add(Streams *streams, struct MHD_Connection *connection, void *userdata);

/* Tells all: lines in the format of the standard, as "event: change\ndata: {}\n\n". */
void streams_tell(Streams *streams, const char *lines);

/* Lets all go. */
void streams_end(Streams *streams);
