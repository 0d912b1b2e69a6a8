#include "config/complete.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "config/urls.h"
#include "model/reach.h"
#include "rds/value.h"

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

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What is signed goes in clear to this very host alone. */
static bool is_url(const char *url)
{
    return (begins(url, "https://") || text_is_local_url(url)) && !strpbrk(url, " '\"\\?#@\n\t");
}

/* "123456789012" of "arn:aws:iam::123456789012:role/dbcertd"; NULL if it is no role's. The caller's. */
static char *account_of(const char *role)
{
    static const char iam[] = ":iam::";
    const char *found = value_is_arn(role) ? strstr(role, iam) : NULL;
    if (!found)
        return NULL;
    _cleanup_free_ char *account = xstrndup(found + strlen(iam), ACCOUNT_DIGITS);
    bool is_role = value_is_account(account) && begins(found + strlen(iam) + ACCOUNT_DIGITS, ":role/");
    return is_role ? TAKE(account) : NULL;
}

_printf_(3, 4) static void complain(const RdsSource *source, char ***errors, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *what = xvasprintf(format, args);
    va_end(args);
    strv_append(errors, xasprintf("%s: rds: %s", source->origin, what));
}

static void check_words(const RdsSource *source, char ***errors)
{
    if (credential_source_parse(source->credentials) < 0)
        complain(source, errors,
                 "credentials \"%s\": expected instance, environment, container, or credential:NAME",
                 source->credentials);
    if (!value_is_region(source->region))
        complain(source, errors, "region \"%s\": expected a region such as us-east-1", source->region);
    if (source->name && !value_is_name(source->name))
        complain(source, errors, "name \"%s\": expected letters, digits and . _ - only", source->name);
    const char *const urls[] = { source->endpoint_url, source->sts_endpoint_url };
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
        if (urls[i] && !is_url(urls[i]))
            complain(source, errors, "\"%s\": expected https://, or http:// of this host itself", urls[i]);
    for (char **engine = source->engines; engine && *engine; engine++) {
        Nearest nearest = { .misspelt = *engine };
        engines_offer(&nearest);
        if (!engine_find(*engine))
            complain(source, errors, "engines: \"%s\": %s%s%sxpected one of " ENGINE_NAMES, *engine,
                     nearest.word ? "did you mean \"" : "", nearest.word ? nearest.word : "",
                     nearest.word ? "\"? E" : "e");
    }
}

/* The name is part of its endpoints' names, which have to stay when other sources come. */
static void name_source(RdsSource *source, char ***errors)
{
    _cleanup_free_ char *account = source->role ? account_of(source->role) : NULL;
    if (source->role && !account)
        complain(source, errors, "role \"%s\": expected an ARN such as arn:aws:iam::123456789012:role/dbcertd",
                 source->role);
    if (source->external_id && !source->role)
        complain(source, errors, "external_id is for a role; give that, too, or leave it out");
    if (!source->name)
        source->name = account ? xasprintf("%s.%s", source->region, account) : xstrdup(source->region);
}

static void check_sources(Config *config, char ***errors)
{
    for (size_t i = 0; i < config->n_sources; i++) {
        RdsSource *source = config->sources[i];
        if (!source->region)
            continue; /* that is said */
        check_words(source, errors);
        name_source(source, errors);
        for (size_t j = 0; j < i; j++)
            if (text_same(config->sources[j]->name, source->name))
                complain(source, errors,
                         "the source at %s has the name \"%s\" already; give one of them another name",
                         config->sources[j]->origin, source->name);
    }
}

/* "orders.us-east-1": there may be one of that name, and nobody knows before RDS was asked. */
static bool is_of_source(const Config *config, const char *endpoint)
{
    for (size_t i = 0; i < config->n_sources; i++) {
        const char *name = config->sources[i]->name;
        size_t length = strlen(endpoint), tail = name ? strlen(name) + 1 : length;
        if (length > tail && endpoint[length - tail] == '.' && strcmp(endpoint + length - tail + 1, name) == 0)
            return true;
    }
    return false;
}

/* A name that nobody has would silently leave a trust store unwatched. */
static void check_store_endpoints(const Config *config, char ***errors)
{
    for (size_t i = 0; i < config->n_trust_stores; i++) {
        const TrustStore *store = config->trust_stores[i];
        for (char **name = store->endpoints; name && *name; name++) {
            Nearest nearest = { .misspelt = *name };
            if (config_find_endpoint(config, *name) || is_of_source(config, *name))
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

/* They are compared with what is left of a Host without its port and brackets. */
static void check_socket_hosts(const Config *config, const char *path, char ***errors)
{
    for (char **host = config->socket_hosts; host && *host; host++) {
        Address address;
        bool name = text_is_name(*host) && !strchr("-.", (*host)[0]) && (*host)[strlen(*host) - 1] != '.';
        if (!name && address_parse(*host, 0, &address) < 0)
            strv_append(errors,
                        xasprintf("%s: socket_hosts: \"%s\": expected a host name or an address, without "
                                  "a port, such as bastion.example.com",
                                  path, *host));
    }
}

static void warn_of_literal(const Endpoint *e, const char *key, const char *literal, char ***warnings)
{
    Address address;
    _cleanup_free_ char *refusal =
        address_parse(literal, 0, &address) == 0 ? endpoint_refusal(e, &address) : NULL;
    if (refusal)
        strv_append(warnings, xasprintf("%s: %s: %s: %s", e->origin, e->name ? e->name : "", key, refusal));
}

/* A warning, since all others can be watched; the first probe finds out about names. */
static void warn_of_refusals(const Config *config, char ***warnings)
{
    for (size_t i = 0; i < config->n_endpoints; i++) {
        const Endpoint *e = config->endpoints[i];
        for (char **address = e->addresses; address && *address; address++)
            warn_of_literal(e, "addresses", *address, warnings);
        if (e->host && !e->addresses)
            warn_of_literal(e, "host", strcasecmp(e->host, "localhost") == 0 ? "127.0.0.1" : e->host, warnings);
    }
}

void config_complete(Config *config, const char *path, char ***errors, char ***warnings)
{
    check_socket_hosts(config, path, errors);
    inherit(config, path, errors);
    config_complete_urls(config, path, errors, warnings);
    warn_of_refusals(config, warnings);
    check_sources(config, errors);
    check_store_endpoints(config, errors);
}
