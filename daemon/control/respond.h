#pragma once

/* An answer as an HTTP response. */

#include <microhttpd.h>

#include "control/route.h"

/* Says what holds for each response: no page of another origin may have it, nothing keeps it, and it is the
 * connection's last. policy: a Content-Security-Policy; NULL: nothing may be loaded. */
enum MHD_Result respond_add_headers(struct MHD_Response *response, const char *type, const char *policy);

/* Queues it, and takes what it holds. snapshot: for a long answer, asked for each piece of it. */
enum MHD_Result respond_with(struct MHD_Connection *connection, Answer answer,
                             void (*snapshot)(Snapshot *ret, void *userdata), void *userdata);
