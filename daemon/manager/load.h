#pragma once

/* All that a start or a reload reads: configuration, catalogue, trust bundles, credentials. All or nothing. */

#include "config/config.h"
#include "pki/bundle.h"
#include "rds/catalogue.h"

#define SECRET_BYTES_MAX 4096
/* MySQL's and MariaDB's default: so many connections that end before login block a host. */
#define MAX_CONNECT_ERRORS 100

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

/*
 * Reads path, and the files of dbcertd.d/ beside it. -EINVAL if anything is wrong, with a line for each thing
 * in *errors. Where $CREDENTIALS_DIRECTORY is not set, as in a check by hand, a credential that is missing is a
 * warning if check_only.
 */
int load(const char *path, bool check_only, Loaded **ret, char ***errors, char ***warnings);

/* A credential's value, borrowed; NULL if there is none of that name, or name is NULL. */
const char *loaded_secret(const Loaded *loaded, const char *name);

/* $STATE_DIRECTORY, else the key `state`, else the default; the caller's. */
char *loaded_state_directory(const Loaded *loaded);
