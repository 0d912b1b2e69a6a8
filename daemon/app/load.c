#include "app/load.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"
#include "http/http.h"
#include "model/observation.h"
#include "rds/hostname.h"

#define CATALOGUE_FILE "catalogue.tsv"

typedef struct Sources {
    ConfigSource *items;
    size_t n;
} Sources;

static void sources_deinit(Sources *sources)
{
    for (size_t i = 0; i < sources->n; i++) {
        free(sources->items[i].path);
        free(sources->items[i].text);
    }
    free(sources->items);
}

static void read_source(Sources *sources, const char *path, char ***errors)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    int r = file_read(path, CONFIG_FILE_BYTES, &text);
    if (r < 0) {
        strv_append(errors, xasprintf("%s: cannot read: %s", path, file_error(r)));
        return;
    }
    sources->items = xgrow(sources->items, sources->n, sizeof *sources->items);
    sources->items[sources->n++] = (ConfigSource) { .path = xstrdup(path), .text = buffer_take_text(&text) };
}

static void read_sources(Sources *sources, const char *path, char ***errors)
{
    _cleanup_(strv_freep) char **drop_ins = NULL;
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path + 1) : 0;
    _cleanup_free_ char *pattern = xasprintf("%.*sdbcertd.d/*.conf", length, path);
    read_source(sources, path, errors);
    if (file_glob(pattern, &drop_ins) < 0)
        strv_append(errors, xasprintf("%s: cannot list", pattern));
    for (size_t i = 0; drop_ins && drop_ins[i]; i++)
        read_source(sources, drop_ins[i], errors);
}

/* The old bundles are still on many a disk. */
static bool all_expired(const Bundle *bundle, int64_t now)
{
    for (size_t i = 0; i < bundle_size(bundle); i++)
        if (bundle_certificate(bundle, i)->not_after >= now)
            return false;
    return true;
}

static void read_bundle(Bundle *bundle, const char *path, const Catalogue *catalogue, char ***errors,
                        char ***warnings)
{
    _cleanup_(bundle_freep) Bundle *file = bundle_new();
    _cleanup_(buffer_deinit) Buffer pem = { 0 };
    _cleanup_(strv_freep) char **complaints = NULL;
    int r = file_read(path, BUNDLE_BYTES_MAX, &pem);
    if (r < 0) {
        strv_append(errors, xasprintf("trust.bundles: %s: cannot read: %s", path, file_error(r)));
        return;
    }
    r = bundle_add(file, path, pem.data, pem.size, NULL, &complaints);
    for (size_t i = 0; complaints && complaints[i]; i++)
        strv_append(r < 0 ? errors : warnings, xasprintf("trust.bundles: %s", complaints[i]));
    if (r > 0 && all_expired(file, clock_now()))
        strv_append(warnings,
                    xasprintf("trust.bundles: %s: all %d certificates in it have expired; expected a current "
                              "bundle such as %s",
                              path, r, catalogue_bundle_url(catalogue, NULL)));
    bundle_merge(bundle, file);
}

static void read_bundles(Loaded *loaded, char ***errors, char ***warnings)
{
    loaded->bundle = bundle_new();
    for (char **pattern = loaded->config->bundles; pattern && *pattern; pattern++) {
        _cleanup_(strv_freep) char **paths = NULL;
        if (file_glob(*pattern, &paths) < 0)
            strv_append(errors, xasprintf("trust.bundles: %s: cannot list", *pattern));
        else if (strv_length(paths) == 0 && strcmp(*pattern, CONFIG_DEFAULT_BUNDLES) != 0)
            strv_append(warnings,
                        xasprintf("trust.bundles: %s: no such file; nothing is trusted by it", *pattern));
        for (size_t i = 0; paths && paths[i]; i++)
            read_bundle(loaded->bundle, paths[i], loaded->catalogue, errors, warnings);
    }
    if (bundle_size(loaded->bundle) == 0 && !loaded->config->fetch[0])
        strv_append(warnings, xstrdup("trust.bundles, trust.fetch: no bundle; chains will not be verified"));
}

/* key, origin: which key names it, and where. */
static void read_secret(Loaded *loaded, const char *credential, const char *key, const char *origin,
                        bool check_only, char ***errors, char ***warnings)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (!credential || loaded_secret(loaded, credential))
        return;
    if (strchr(credential, '/') || !directory) {
        bool may_be_fine = check_only && !strchr(credential, '/');
        strv_append(may_be_fine ? warnings : errors,
                    xasprintf("%s: %s \"%s\": $CREDENTIALS_DIRECTORY is not set or this is no name; expected "
                              "LoadCredential=%s:/path/to/file in dbcertd.service",
                              origin, key, credential, credential));
        return;
    }
    _cleanup_free_ char *path = xasprintf("%s/%s", directory, credential);
    _cleanup_(buffer_wipe) Buffer value = { 0 };
    int r = file_read(path, SECRET_BYTES_MAX, &value);
    if (r < 0) {
        strv_append(
            errors,
            xasprintf("%s: %s \"%s\": %s: %s; expected LoadCredential=%s:/path/to/file in dbcertd.service",
                      origin, key, credential, path, file_error(r), credential));
        return;
    }
    wipe_stack();
    char *text = buffer_take_text(&value);
    text[strcspn(text, "\r\n")] = 0;
    loaded->secrets = xgrow(loaded->secrets, loaded->n_secrets, sizeof(Secret));
    loaded->secrets[loaded->n_secrets++] = (Secret) { .credential = xstrdup(credential), .value = text };
}

/* Read each time it is needed, since it may be renewed; that it is there is seen at once. */
static void check_rds_credential(const RdsSource *source, bool check_only, char ***errors, char ***warnings)
{
    const char *name = credential_source_file(source->credentials),
               *directory = getenv("CREDENTIALS_DIRECTORY");
    _cleanup_free_ char *path = xasprintf("%s/%s", directory ? directory : "", name ? name : "");
    if (!name || (directory && access(path, R_OK) == 0))
        return;
    strv_append(directory || !check_only ? errors : warnings,
                xasprintf("%s: rds: credentials \"credential:%s\" cannot be read; expected "
                          "LoadCredential=%s:/path/to/file in dbcertd.service",
                          source->origin, name, name));
}

/* One that goes into a header. */
static void read_http_secret(Loaded *loaded, const char *credential, const char *key, bool check_only,
                             char ***errors, char ***warnings)
{
    if (!credential)
        return;
    read_secret(loaded, credential, key, loaded->path, check_only, errors, warnings);
    const char *value = loaded_secret(loaded, credential);
    if (value && !http_credential_fits(value))
        strv_append(errors, xasprintf("%s: %s \"%s\": expected one line, user:password or \"Bearer TOKEN\"",
                                      loaded->path, key, credential));
}

static void read_secrets(Loaded *loaded, bool check_only, char ***errors, char ***warnings)
{
    static const char key[] = "password_credential";
    const Config *config = loaded->config;
    for (size_t i = 0; i < config->n_endpoints; i++)
        read_secret(loaded, config->endpoints[i]->password_credential, key, config->endpoints[i]->origin,
                    check_only, errors, warnings);
    for (size_t i = 0; i < config->n_trust_stores; i++)
        read_secret(loaded, config->trust_stores[i]->password_credential, key, config->trust_stores[i]->origin,
                    check_only, errors, warnings);
    for (size_t i = 0; i < config->n_sources; i++)
        check_rds_credential(config->sources[i], check_only, errors, warnings);
    read_http_secret(loaded, config->alertmanager_credential, "alerts.alertmanager_credential", check_only,
                     errors, warnings);
    for (Url **url = config->fetch; *url; url++)
        read_http_secret(loaded, config_fetch_credential(config, *url), "trust.fetch_credentials", check_only,
                         errors, warnings);
}

/* Takes the path. Whether there was an error is for load_configuration() to count. */
static void offer_catalogue(Loaded *loaded, char *path, char ***errors, char ***warnings)
{
    _cleanup_free_ char *freed = path;
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    int r = file_read(path, CATALOGUE_BYTES_MAX, &text);
    if (r == -ENOENT || r == -ENOTDIR)
        return;
    if (r < 0)
        strv_append(errors, xasprintf("%s: cannot read: %s", path, file_error(r)));
    else
        (void)catalogue_offer(&loaded->catalogue, path, (const char *)text.data, errors, warnings);
}

static void read_catalogue(Loaded *loaded, char ***errors, char ***warnings)
{
    const char *slash = strrchr(loaded->path, '/');
    _cleanup_free_ char *state = loaded_state_directory(loaded);
    loaded->catalogue = catalogue_new_builtin();
    offer_catalogue(
        loaded, xasprintf("%.*s%s", slash ? (int)(slash - loaded->path + 1) : 0, loaded->path, CATALOGUE_FILE),
        errors, warnings);
    offer_catalogue(loaded, xasprintf("%s/%s", state, CATALOGUE_FILE), errors, warnings);
}

static void read_system_trust(Loaded *loaded, char ***warnings)
{
    const Config *config = loaded->config;
    if (config->n_sources > 0) { /* there may be proxies among what they name */
        loaded->system = bundle_new();
        (void)bundle_add_system(loaded->system); /* what does not verify then says so */
    }
    for (size_t i = 0; i < config->n_endpoints && !loaded->system; i++) {
        if (!endpoint_is_acm(config->endpoints[i]))
            continue;
        loaded->system = bundle_new();
        if (bundle_add_system(loaded->system) < 0)
            strv_append(warnings,
                        xasprintf("%s: %s: its certificate comes from AWS Certificate Manager, but the "
                                  "system trusts no root; expected the package ca-certificates",
                                  config->endpoints[i]->origin, config->endpoints[i]->name));
    }
}

/* What the parser cannot know: Amazon's names. */
static void consult_rds(Endpoint *endpoint, const Catalogue *catalogue, char ***warnings)
{
    bool has_ca = endpoint->ca != NULL;
    if (rds_hostname_complete(endpoint) && has_ca)
        strv_append(warnings, xasprintf("%s: ca: by its name %s is a proxy, whose certificate comes from AWS "
                                        "Certificate Manager; ignoring ca",
                                        endpoint->origin, endpoint->host));
    if (endpoint->ca && !catalogue_has_ca(catalogue, endpoint->ca)) {
        const char *near = catalogue_nearest_ca(catalogue, endpoint->ca);
        strv_append(warnings, xasprintf("%s: ca \"%s\" is not a CA of RDS that dbcertd knows%s%s%s",
                                        endpoint->origin, endpoint->ca, near ? "; did you mean \"" : "",
                                        near ? near : "", near ? "\"?" : ""));
    }
}

static void warn_of_drop(const Endpoint *endpoint, char ***warnings)
{
    if (endpoint->farewell != FAREWELL_DROP)
        return;
    strv_append(
        warnings,
        xasprintf("%s: %s: farewell \"drop\" is counted by the server; with its defaults it blocks this "
                  "host after %d probes, in %s; \"refused\" and \"login\" are not counted",
                  endpoint->origin, endpoint->name, MAX_CONNECT_ERRORS,
                  DURATION_TEXT(endpoint->interval_seconds * MAX_CONNECT_ERRORS)));
}

int load_configuration(const char *path, bool check_only, Loaded **ret, char ***errors, char ***warnings)
{
    _cleanup_(sources_deinit) Sources sources = { 0 };
    _cleanup_(loaded_freep) Loaded *loaded = xcalloc(1, sizeof *loaded);
    size_t errors_before = strv_length(*errors);

    loaded->path = xstrdup(path);
    read_sources(&sources, path, errors);
    if (sources.n == 0 || config_parse(sources.items, sources.n, &loaded->config, errors, warnings) < 0)
        return -EINVAL;
    read_catalogue(loaded, errors, warnings);
    for (size_t i = 0; i < loaded->config->n_endpoints; i++) {
        Endpoint *endpoint = loaded->config->endpoints[i];
        consult_rds(endpoint, loaded->catalogue, warnings);
        warn_of_drop(endpoint, warnings);
    }
    read_secrets(loaded, check_only, errors, warnings);
    read_bundles(loaded, errors, warnings);
    read_system_trust(loaded, warnings);
    if (strv_length(*errors) > errors_before)
        return -EINVAL;
    *ret = TAKE(loaded);
    return 0;
}
