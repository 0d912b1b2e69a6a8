#pragma once

/* The one place that knows all parts: start, reload, stop, the loop. */

#include "manager/load.h"

typedef struct Manager Manager;

/* Takes loaded. Both say what went wrong. */
int manager_new(Manager **ret, Loaded *loaded);
void manager_free(Manager *manager);
CLEANUP_OF(Manager, manager_free);

/* Serves the sockets that systemd passed, else the configured one; then watches until it is told to stop. */
int manager_run(Manager *manager);
