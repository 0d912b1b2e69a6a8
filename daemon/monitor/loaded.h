#pragma once

/* All that a start or a reload has read: configuration, catalogue, trust bundles, credentials. */

#include "config/config.h"
#include "pki/bundle.h"
#include "rds/catalogue.h"

typedef struct Secret {
    char *credential;
    char *value; /* wiped when freed */
} Secret;

typedef struct Loaded {
    char *path;
    Config *config;
    Catalogue
        *catalogue; /* the newest of what is built in, beside the configuration, and in the state directory */
    Bundle *bundle; /* of the files that trust.bundles names */
    Bundle *system; /* the system's roots, for ACM's certificates; NULL: no endpoint has one */
    Secret *secrets;
    size_t n_secrets;
} Loaded;

void loaded_free(Loaded *loaded);
CLEANUP_OF(Loaded, loaded_free);

/* A credential's value, borrowed; NULL if there is none of that name, or name is NULL. */
const char *loaded_secret(const Loaded *loaded, const char *name);

/* $STATE_DIRECTORY, else the key `state`, else the default; the caller's. */
char *loaded_state_directory(const Loaded *loaded);
