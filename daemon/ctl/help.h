#pragma once

/* What dbcertctl --help and dbcertctl COMMAND --help print, and what points there. */

#include <stdbool.h>

#include "base/macro.h"

#define DEFAULT_SOCKET "/run/dbcertd/status.sock"

enum {
    EXIT_USAGE = 2,
};

/* "dbcertctl: ... See dbcertctl --help." Returns EXIT_USAGE. */
int usage_error(const char *format, ...) _printf_(1, 2);

/* Of one command, or of all with NULL; false if there is no such command. */
bool help_print(const char *command);
