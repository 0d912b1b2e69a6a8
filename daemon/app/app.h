#pragma once

/* The process: owns everything, and knows all parts. Start, reload, stop, the loop. */

#include "monitor/loaded.h"

typedef struct App App;

/* Takes loaded. Both say what went wrong. */
int app_new(App **ret, Loaded *loaded);
void app_free(App *app);
CLEANUP_OF(App, app_free);

/* Serves the sockets that systemd passed, else the configured one; then monitors until it is told to stop. */
int app_run(App *app);
