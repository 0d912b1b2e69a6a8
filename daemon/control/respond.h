#pragma once

/* An answer as an HTTP response. */

#include <microhttpd.h>

#include "control/route.h"

/* Queues it, and takes what it holds. snapshot: for a long answer, asked for each piece of it. */
enum MHD_Result respond(struct MHD_Connection *connection, Answer answer,
                        void (*snapshot)(Snapshot *ret, void *userdata), void *userdata);
