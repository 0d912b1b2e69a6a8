#pragma once

/* A listening socket: libmicrohttpd's daemon for it, run from the loop. */

#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "control/client.h"
#include "control/stream.h"

#define LISTENER_HEAD_BYTES_MAX 16384 /* of a request; browsers send 1 KB */

typedef struct Listener Listener;

typedef struct ListenerEvents {
    /* As MHD calls it: with the head, with each piece of a body, once more, and again after a resume. */
    enum MHD_Result (*request)(Listener *listener, struct MHD_Connection *connection, const char *target,
                               const char *method, const char *body, size_t *body_size, void **state,
                               void *userdata);
    void (*completed)(void **state);
    void *userdata;
} ListenerEvents;

struct Listener {
    struct MHD_Daemon *daemon;
    bool local; /* a Unix socket */
    Clients *clients;
    ListenerEvents events;
    Streams streams; /* each socket has its own: who listens over TCP takes none away from the Unix socket */
    sd_event_source *io, *timer;
};

/* Serves fd, which it takes, also on error. clients is borrowed. */
int listener_new(Listener **ret, sd_event *event, int fd, Clients *clients, const ListenerEvents *events);
void listener_free(Listener *listener);
CLEANUP_OF(Listener, listener_free);

/* Runs it from the loop: MHD has a connection on its list again, but waits for nothing on it. */
void listener_wake(Listener *listener);

/* Lets no new client in. */
void listener_quiesce(Listener *listener);

/* How many clients are connected. */
unsigned listener_count(const Listener *listener);
