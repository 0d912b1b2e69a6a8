#pragma once

/*
 * The configuration: text in, one Config out, or every error that the text has. Pure: who calls it has read the
 * files. A Config never changes; a reload makes a new one.
 */

#include "base/url.h"
#include "model/discovery.h"
#include "model/endpoint.h"
#include "model/trust.h"

#define CONFIG_ENDPOINTS_MAX   10000 /* far beyond one bastion's fleet; bounds memory and the first round */
#define CONFIG_STORES_MAX      100 /* trust stores on one host; each is read, and compared with every endpoint */
#define CONFIG_SOURCES_MAX     500 /* regions times accounts that are asked */
#define CONFIG_DEFAULT_BUNDLES "/etc/dbcertd/bundles/*.pem"
#define CONFIG_FILE_BYTES      (4 * 1024 * 1024) /* some 20,000 endpoints in one file */

typedef struct Config {
    int64_t interval_seconds;
    int64_t timeout_seconds;
    int64_t concurrency;
    char *socket; /* NULL: by systemd's environment */
    char **socket_hosts;
    char *state; /* the same, a directory */
    char **bundles;
    Url **fetch;              /* NULL-terminated; NULL: none */
    char **fetch_credentials; /* "HOST=NAME" */
    int64_t fetch_interval_seconds;
    bool fetch_http; /* also http:// */
    TrustStore **trust_stores;
    size_t n_trust_stores;
    Thresholds thresholds;
    Url *alertmanager;             /* NULL: there is none */
    char *alertmanager_credential; /* NULL: it is not asked for one */
    int64_t remind_seconds;
    int64_t unreachable_after;
    int64_t group_wait_seconds;
    int64_t group_interval_seconds;
    int64_t retention_seconds;
    Endpoint **endpoints;
    size_t n_endpoints;
    RdsSource **sources; /* that are asked for more */
    size_t n_sources;

    /* URLs as they were written, until all files have been read; then NULL. */
    char *alertmanager_text;
    char **fetch_texts;
} Config;

void config_free(Config *config);
CLEANUP_OF(Config, config_free);

/* Borrowed, NULL if there is none of that name. */
const Endpoint *config_find_endpoint(const Config *config, const char *name);

/* The name of the credential for the host that a bundle is fetched from. Borrowed; NULL: it needs none. */
const char *config_fetch_credential(const Config *config, const Url *url);

typedef struct ConfigSource {
    char *path; /* for messages */
    char *text;
} ConfigSource;

/*
 * Reads the sources in order: a later value replaces an earlier one, endpoints add up. On -EINVAL, *errors has
 * a line for each thing that is wrong: "FILE:LINE: key: what is wrong; what would be right". Warnings do not
 * fail.
 */
int config_parse(const ConfigSource *sources, size_t n_sources, Config **ret, char ***errors, char ***warnings);
