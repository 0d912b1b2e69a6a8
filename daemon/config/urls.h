#pragma once

/* The configuration's URLs, once all files have been read: from texts to values, with the secrets apart. */

#include "config/config.h"

/* path: of the last file. Errors and warnings as in config.h; neither quotes a user, a password or a query. */
void config_complete_urls(Config *config, const char *path, char ***errors, char ***warnings);

/* Wipes and frees the URLs as they were written. */
void config_forget_texts(Config *config);
