#pragma once

/* HTTP on the status socket, by libmicrohttpd on the loop. */

#include <systemd/sd-event.h>

#include "report/snapshot.h"

#define CONTROL_REQUEST_BYTES_MAX 16384 /* of a body: a silence has 1 KB */
#define CONTROL_WAITING_MAX       100   /* clients of one kind that wait for a probe or the disk */

typedef struct Control Control;

typedef struct ControlEvents {
    /* All that may be shown, borrowed until the loop goes on. */
    void (*snapshot)(Snapshot *ret, void *userdata);

    /* Asks for a probe now. Returns the number of the turn to wait for, or -ENOENT. */
    int64_t (*probe)(const char *name, void *userdata);

    /* Makes a silence, which it takes, and returns its id; ends one. */
    int64_t (*silence)(Silence silence, void *userdata);
    void (*unsilence)(int64_t id, void *userdata);

    /* Asks what an endpoint has served; control_history() with this id has the answer. */
    void (*history)(const char *name, int64_t id, void *userdata);

    /* Has what was changed kept. Returns the ticket that control_kept() will be called with, 0: it is. */
    uint64_t (*keep)(void *userdata);
} ControlEvents;

int control_new(Control **ret, sd_event *event, const ControlEvents *events, void *userdata);
void control_free(Control *control);
CLEANUP_OF(Control, control_free);

/* Serves a listening socket, Unix or TCP. Takes fd, also on error. */
int control_serve(Control *control, int fd);

/* Makes a Unix socket of mode 0660 and serves it. -EADDRINUSE if another daemon answers there. */
int control_listen(Control *control, const char *path);

/* An endpoint's turn of this number is over: whoever waits for it, or for an earlier one, is answered. */
void control_probed(Control *control, const char *name, int64_t turn);

/* There will be no such turn: whoever waits is answered with what there is. */
void control_given_up(Control *control, const char *name);

/* An endpoint's history was read; NULL: it cannot be. */
void control_history(Control *control, int64_t id, const char *name, const History *history);

/* Answers the requests whose changes, up to this ticket, are in the state database. */
void control_kept(Control *control, uint64_t ticket);

/* Something is different: those who listen on /v1/events are told. endpoint: which; NULL: any of them. */
void control_changed(Control *control, const char *endpoint);

/* Lets no new client in; those who are there are answered. */
void control_quiesce(Control *control);

/* Whether no client is connected. */
bool control_is_idle(const Control *control);
