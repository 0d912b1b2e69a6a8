#pragma once

/* What dbcertctl --help and dbcertctl COMMAND --help print. */

#include <stdbool.h>

#define DEFAULT_SOCKET "/run/dbcertd/status.sock"

/* Of one command, or of all with NULL; false if there is no such command. */
bool help_print(const char *command);
