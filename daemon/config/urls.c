#include "config/urls.h"

#include <string.h>

#include "base/alloc.h"

#define API_PATH "/api/v2/alerts"

void config_forget_texts(Config *config)
{
    wiping_free(TAKE(config->alertmanager_text));
    for (char **text = config->fetch_texts; text && *text; text++)
        wiping_free(*text);
    free(TAKE(config->fetch_texts));
}

/* "FILE: KEY: "URL": ..." */
_printf_(5, 6) static void complain(char ***list, const char *path, const char *key, const char *text,
                                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *what = xvasprintf(format, args), *shown = url_redact(text);
    va_end(args);
    strv_append(list, xasprintf("%s: %s: \"%s\": %s", path, key, shown, what));
}

/* What a URL of these has not, something else was meant by: that needs no reason. */
static bool begins_well(const char *text)
{
    return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static Url *read_url(const char *text, const char *key, const char *example, const char *path, char ***errors)
{
    Url *url = NULL;
    const char *why;
    if (url_parse(text, &url, &why) == 0)
        return url;
    if (begins_well(text))
        complain(errors, path, key, text, "%s; expected a URL such as %s", why, example);
    else
        complain(errors, path, key, text, "expected a URL such as %s", example);
    return NULL;
}

/* A URL is shown in many places; what is no part of it is shown in none. */
static void warn_of_user(const Url *url, const char *key, const char *instead, const char *path,
                         char ***warnings)
{
    if (url_has_user(url))
        complain(
            warnings, path, key, url->whole,
            "there is a user or a password in this URL; expected %s, and the secret in a systemd credential",
            instead);
}

/* Of "HOST=NAME", the name; NULL if it is of another host. */
static const char *name_in(const char *pair, const char *host)
{
    size_t length = strlen(host);
    return strncmp(pair, host, length) == 0 && pair[length] == '=' ? pair + length + 1 : NULL;
}

const char *config_fetch_credential(const Config *config, const Url *url)
{
    _cleanup_free_ char *host = url_host(url);
    const char *name = NULL;
    for (char **pair = config->fetch_credentials; pair && *pair && !name; pair++)
        name = name_in(*pair, host);
    return name;
}

static bool is_twin(Url *const *urls, size_t n, const Url *url)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(urls[i]->shown, url->shown) == 0)
            return true;
    return false;
}

static bool check_bundle(const Config *config, size_t n, const Url *url, const char *path, char ***errors)
{
    static const char key[] = "trust.fetch";
    size_t before = strv_length(*errors);
    if (strncmp(url->whole, "http://", 7) == 0 && !config->fetch_http)
        complain(errors, path, key, url->whole, "expected https://, or fetch_http = true with it");
    else if (!strchr(url->shown + strlen("https://"), '/'))
        complain(errors, path, key, url->whole, "expected a URL with the path of a file");
    if (is_twin(config->fetch, n, url))
        complain(errors, path, key, url->whole,
                 "there is another one that differs from it in user, password or query alone; leave one out");
    if (url_has_user(url) && config_fetch_credential(config, url))
        complain(errors, path, key, url->whole,
                 "fetch_credentials names its host; leave the user out of the URL");
    return strv_length(*errors) == before;
}

/* Whether http:// is allowed is known at the end only. */
static void complete_fetch(Config *config, const char *path, char ***errors, char ***warnings)
{
    size_t n = 0;
    config->fetch = xcalloc(strv_length(config->fetch_texts) + 1, sizeof(Url *));
    for (char **text = config->fetch_texts; text && *text; text++) {
        _cleanup_(url_freep) Url *url =
            read_url(*text, "trust.fetch", "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
                     path, errors);
        if (!url || !check_bundle(config, n, url, path, errors))
            continue;
        warn_of_user(url, "trust.fetch", "fetch_credentials", path, warnings);
        config->fetch[n++] = TAKE(url);
    }
}

static bool is_fetched_from(const Config *config, const char *pair)
{
    for (Url **url = config->fetch; *url; url++) {
        _cleanup_free_ char *host = url_host(*url);
        if (name_in(pair, host))
            return true;
    }
    return false;
}

/* One for a host that nothing is fetched from is for a host that is misspelt. */
static void check_credentials(const Config *config, const char *path, char ***errors, char ***warnings)
{
    for (char **pair = config->fetch_credentials; pair && *pair; pair++) {
        const char *equals = strchr(*pair, '=');
        if (!equals || !text_is_name(equals + 1))
            strv_append(errors,
                        xasprintf("%s: trust.fetch_credentials: element %td: expected HOST=NAME, such as "
                                  "mirror.example.com=bundle-mirror",
                                  path, pair - config->fetch_credentials + 1));
        else if (!is_fetched_from(config, *pair))
            strv_append(warnings,
                        xasprintf("%s: trust.fetch_credentials: \"%s\": no URL of trust.fetch has the "
                                  "host %.*s",
                                  path, *pair, (int)(equals - *pair), *pair));
    }
}

static void complete_alertmanager(Config *config, const char *path, char ***errors, char ***warnings)
{
    static const char key[] = "alerts.alertmanager", example[] = "http://127.0.0.1:9093";
    const char *text = config->alertmanager_text, *end;
    if (!text)
        return;
    _cleanup_(url_freep) Url *url = read_url(text, key, example, path, errors);
    if (!url)
        return;
    end = strstr(url->shown, API_PATH);
    if (strchr(url->whole, '?'))
        complain(errors, path, key, text, "expected a URL such as %s", example);
    else if (end && strspn(end + strlen(API_PATH), "/") == strlen(end + strlen(API_PATH)))
        complain(errors, path, key, text, "expected it without " API_PATH ", which dbcertd adds");
    else if (url_has_user(url) && config->alertmanager_credential)
        complain(errors, path, key, text,
                 "there is alertmanager_credential, too; leave the user out of the URL");
    else {
        warn_of_user(url, key, "alertmanager_credential", path, warnings);
        config->alertmanager = TAKE(url);
    }
}

void config_complete_urls(Config *config, const char *path, char ***errors, char ***warnings)
{
    complete_fetch(config, path, errors, warnings);
    check_credentials(config, path, errors, warnings);
    complete_alertmanager(config, path, errors, warnings);
    if (config->alertmanager_credential && !config->alertmanager_text)
        strv_append(errors, xasprintf("%s: alerts.alertmanager_credential: there is no alertmanager", path));
    config_forget_texts(config);
}
