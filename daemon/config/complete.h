#pragma once

#include "config/config.h"

/*
 * What can be said when all files have been read: keys that were not given take what the whole configuration
 * says, and keys that need one another are held together. path: of the last file. Errors and warnings as in
 * config.h.
 */
void config_complete(Config *config, const char *path, char ***errors, char ***warnings);
