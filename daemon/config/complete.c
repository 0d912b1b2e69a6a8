#include "config/complete.h"

#include <string.h>

#include "base/alloc.h"

const Endpoint *config_find_endpoint(const Config *config, const char *name)
{
    for (size_t i = 0; i < config->n_endpoints; i++)
        if (config->endpoints[i]->name && strcmp(config->endpoints[i]->name, name) == 0)
            return config->endpoints[i];
    return NULL;
}

/* Keys that were not given take what the whole configuration says. */
static void inherit(Config *config, const char *path, char ***errors)
{
    const char *wrong = thresholds_contradiction(&config->thresholds);
    if (wrong)
        strv_append(errors, xasprintf("%s: thresholds: %s", path, wrong));
    for (size_t i = 0; i < config->n_endpoints; i++) {
        Endpoint *e = config->endpoints[i];
        if (e->interval_seconds == 0)
            e->interval_seconds = config->interval_seconds;
        thresholds_inherit(&e->thresholds, &config->thresholds);
        const char *own = thresholds_contradiction(&e->thresholds);
        if (own && !wrong)
            strv_append(errors, xasprintf("%s: %s: thresholds: %s, with those of all endpoints", e->origin,
                                          e->name ? e->name : "", own));
    }
}

/* Whether http:// is allowed is known at the end only. */
static void check_fetch(const Config *config, const char *path, char ***errors)
{
    for (char **url = config->fetch; url && *url; url++) {
        bool https = strncmp(*url, "https://", 8) == 0, http = strncmp(*url, "http://", 7) == 0;
        if (http && !config->fetch_http)
            strv_append(errors,
                        xasprintf("%s: trust.fetch: \"%s\": expected https://, or fetch_http = true with it",
                                  path, *url));
        else if ((!https && !http) || strpbrk(*url, " '\"\\\n\t") || strchr(*url + 8, '/') == NULL)
            strv_append(errors, xasprintf("%s: trust.fetch: \"%s\": expected a URL such as "
                                          "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
                                          path, *url));
    }
}

/* A name that nobody has would silently leave a trust store unwatched. */
static void check_store_endpoints(const Config *config, char ***errors)
{
    for (size_t i = 0; i < config->n_trust_stores; i++) {
        const TrustStore *store = config->trust_stores[i];
        for (char **name = store->endpoints; name && *name; name++) {
            Nearest nearest = { .misspelt = *name };
            if (config_find_endpoint(config, *name))
                continue;
            for (size_t j = 0; j < config->n_endpoints; j++)
                if (config->endpoints[j]->name)
                    nearest_offer(&nearest, config->endpoints[j]->name);
            strv_append(errors, xasprintf("%s: trust store %s: endpoints: no endpoint is named \"%s\"%s%s%s",
                                          store->origin, store->name ? store->name : "", *name,
                                          nearest.word ? "; did you mean \"" : "",
                                          nearest.word ? nearest.word : "", nearest.word ? "\"?" : ""));
        }
    }
}

void config_complete(Config *config, const char *path, char ***errors)
{
    inherit(config, path, errors);
    check_fetch(config, path, errors);
    check_store_endpoints(config, errors);
}
