#pragma once

/* Reads all that a start or a reload needs. All or nothing. */

#include "monitor/loaded.h"

#define SECRET_BYTES_MAX 4096

/*
 * Reads path, and the files of dbcertd.d/ beside it. -EINVAL if anything is wrong, with a line for each thing
 * in *errors. Where $CREDENTIALS_DIRECTORY is not set, as in a check by hand, a credential that is missing is a
 * warning if check_only.
 */
int load_configuration(const char *path, bool check_only, Loaded **ret, char ***errors, char ***warnings);
