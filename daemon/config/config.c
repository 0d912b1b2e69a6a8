#include "config/config.h"

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "base/url.h"
#include "config/complete.h"
#include "config/key.h"
#include "config/urls.h"
#include "rds/value.h"

typedef struct Parser {
    const char *path; /* of the source that is being read */
    Config *config;
    char ***errors;
} Parser;

CLEANUP_OF(config_t, config_destroy);

void config_free(Config *config)
{
    if (!config)
        return;
    free(config->socket);
    strv_free(config->socket_hosts);
    free(config->state);
    url_free(config->alertmanager);
    free(config->alertmanager_credential);
    config_forget_texts(config);
    strv_free(config->bundles);
    for (Url **url = config->fetch; url && *url; url++)
        url_free(*url);
    free(config->fetch);
    strv_free(config->fetch_credentials);
    for (size_t i = 0; i < config->n_trust_stores; i++)
        trust_store_free(config->trust_stores[i]);
    free(config->trust_stores);
    for (size_t i = 0; i < config->n_endpoints; i++)
        endpoint_unref(config->endpoints[i]);
    free(config->endpoints);
    for (size_t i = 0; i < config->n_sources; i++)
        rds_source_free(config->sources[i]);
    free(config->sources);
    free(config);
}

static const char *type_name(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        return "a text";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "a number";
    case CONFIG_TYPE_FLOAT:
        return "a fraction";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    case CONFIG_TYPE_GROUP:
        return "a group";
    default:
        return "a list";
    }
}

/* "FILE:LINE: key: ..." */
_printf_(4, 5) static void complain(Parser *parser, const config_setting_t *setting, const char *name,
                                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *what = xvasprintf(format, args);
    va_end(args);
    strv_append(parser->errors,
                xasprintf("%s:%u: %s: %s", parser->path, config_setting_source_line(setting), name, what));
}

static void complain_type(Parser *parser, const config_setting_t *setting, const char *name, const Key *key)
{
    _cleanup_free_ char *expected = key_expected(key);
    complain(parser, setting, name, "is %s; expected %s", type_name(setting), expected);
}

static void complain_text(Parser *parser, const config_setting_t *setting, const char *name, const Key *key,
                          const char *text, const char *suggestion)
{
    _cleanup_free_ char *expected = key_expected(key);
    if (suggestion)
        complain(parser, setting, name, "\"%s\": did you mean \"%s\"? Expected %s", text, suggestion, expected);
    else
        complain(parser, setting, name, "\"%s\": expected %s", text, expected);
}

static const char *nearest_word(const Key *key, const char *text)
{
    Nearest nearest = { .misspelt = text };
    if (key->type == KEY_ENGINE)
        engines_offer(&nearest);
    for (int i = 0; key->word && key->word(i); i++)
        nearest_offer(&nearest, key->word(i));
    return nearest.word;
}

static void *field_of(const Key *key, void *target)
{
    return (char *)target + key->offset;
}

/* Writes the value of a key that is given as text. False if the text does not fit. */
static bool set_from_text(const Key *key, const char *text, void *target)
{
    void *field = field_of(key, target);
    int64_t seconds;
    int word;
    switch (key->type) {
    case KEY_TEXT:
        if (strlen(text) < (size_t)key->min || strlen(text) > (size_t)key->max)
            return false;
        free(*(char **)field);
        *(char **)field = xstrdup(text);
        return true;
    case KEY_INTEGER: /* only from the table's own defaults, like the next two */
        *(int64_t *)field = atoll(text);
        return true;
    case KEY_BOOL:
        *(bool *)field = strcmp(text, "true") == 0;
        return true;
    case KEY_TEXT_LIST:
        strv_append(field, xstrdup(text));
        return true;
    case KEY_DURATION:
        if (duration_parse(text, &seconds) < 0 || seconds < key->min || seconds > key->max)
            return false;
        *(int64_t *)field = seconds;
        return true;
    case KEY_WORD:
        word = key->from_string(text);
        if (word < 0)
            return false;
        *(int *)field = word;
        return true;
    case KEY_ENGINE:
        if (!engine_find(text))
            return false;
        free(*(char **)field);
        *(char **)field = xstrdup(text);
        return true;
    case KEY_WINDOW:
        return window_parse(text, field) == 0;
    default:
        return false;
    }
}

static void read_integer(Parser *parser, const Key *key, config_setting_t *setting, const char *name,
                         void *target)
{
    int type = config_setting_type(setting);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        complain_type(parser, setting, name, key);
        return;
    }
    int64_t value = config_setting_get_int64(setting);
    if (value >= key->min && value <= key->max) {
        *(int64_t *)field_of(key, target) = value;
        return;
    }
    _cleanup_free_ char *expected = key_expected(key);
    complain(parser, setting, name, "%lld: expected %s", (long long)value, expected);
}

static void read_bool(Parser *parser, const Key *key, config_setting_t *setting, const char *name, void *target)
{
    if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
        *(bool *)field_of(key, target) = config_setting_get_bool(setting);
    else
        complain_type(parser, setting, name, key);
}

static void read_text_list(Parser *parser, const Key *key, config_setting_t *setting, const char *name,
                           void *target)
{
    char ***field = field_of(key, target);
    if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
        complain_type(parser, setting, name, key);
        return;
    }
    *field = strv_free(*field);
    for (int i = 0; i < config_setting_length(setting); i++) {
        const char *text = config_setting_get_string_elem(setting, i);
        size_t length = text ? strlen(text) : 0;
        if (length >= (size_t)key->min && length <= (size_t)key->max) {
            strv_append(field, xstrdup(text));
            continue;
        }
        _cleanup_free_ char *expected = key_expected(key);
        complain(parser, config_setting_get_elem(setting, (unsigned)i), name, "element %d: expected %s", i + 1,
                 expected);
    }
}

static void read_group(Parser *parser, const Key *keys, config_setting_t *group, const char *prefix,
                       void *target);

static void read_group_list(Parser *parser, const Key *key, config_setting_t *list);

static void read_value(Parser *parser, const Key *key, config_setting_t *setting, const char *name,
                       void *target)
{
    const char *text = config_setting_get_string(setting);
    switch (key->type) {
    case KEY_INTEGER:
        read_integer(parser, key, setting, name, target);
        break;
    case KEY_BOOL:
        read_bool(parser, key, setting, name, target);
        break;
    case KEY_TEXT_LIST:
        read_text_list(parser, key, setting, name, target);
        break;
    case KEY_GROUP:
        if (config_setting_is_group(setting)) {
            _cleanup_free_ char *prefix = xasprintf("%s.", name);
            read_group(parser, key->keys, setting, prefix, target);
        } else
            complain_type(parser, setting, name, key);
        break;
    case KEY_GROUP_LIST:
        read_group_list(parser, key, setting);
        break;
    default:
        if (!text)
            complain_type(parser, setting, name, key);
        else if (!set_from_text(key, text, target))
            complain_text(parser, setting, name, key, text, nearest_word(key, text));
    }
}

static void read_group(Parser *parser, const Key *keys, config_setting_t *group, const char *prefix,
                       void *target)
{
    for (int i = 0; i < config_setting_length(group); i++) {
        config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *word = config_setting_name(setting);
        _cleanup_free_ char *name = xasprintf("%s%s", prefix, word);
        Nearest nearest = { .misspelt = word };
        const Key *key;
        for (key = keys; key->name && strcmp(key->name, word) != 0; key++)
            nearest_offer(&nearest, key->name);
        if (key->name)
            read_value(parser, key, setting, name, target);
        else if (nearest.word)
            complain(parser, setting, name, "unknown key; did you mean \"%s\"?", nearest.word);
        else
            complain(parser, setting, name, "unknown key; dbcertd.conf(5) lists the known ones");
    }
}

static void set_defaults(const Key *keys, void *target)
{
    for (const Key *key = keys; key->name; key++) {
        if (key->type == KEY_GROUP)
            set_defaults(key->keys, target);
        else if (key->fallback)
            (void)set_from_text(key, key->fallback, target); /* a unit test sets every default */
    }
}

/* What comes after is in a log line, in SNI and in a remedy that somebody pastes. */
static bool is_host(const char *text)
{
    Address address;
    return address_parse(text, 0, &address) == 0 || value_is_host(text);
}

/* How a probe leaves, and as whom. */
static void check_farewell(Parser *parser, config_setting_t *group, const char *name, Endpoint *endpoint)
{
    bool mysql = endpoint->engine->family == FAMILY_MYSQL;
    if (!config_setting_get_member(group, "farewell"))
        endpoint->farewell = (int)farewell_default(endpoint->engine);
    else if (mysql && endpoint->farewell == FAREWELL_CLOSE)
        complain(parser, group, name,
                 "farewell \"close\" would count as a failed connection on MySQL and MariaDB; expected "
                 "refused, login, "
                 "or drop if it has to be");
    else if (!mysql && endpoint->farewell != FAREWELL_CLOSE)
        complain(parser, group, name, "farewell \"%s\" is for MySQL and MariaDB; leave it out for %s",
                 farewell_to_string((Farewell)endpoint->farewell), endpoint->engine_name);
    if (mysql && endpoint->farewell == FAREWELL_LOGIN && (!endpoint->user || !endpoint->password_credential))
        complain(parser, group, name, "farewell \"login\" needs user and password_credential");
    if (endpoint->farewell != FAREWELL_LOGIN && (endpoint->user || endpoint->password_credential))
        complain(parser, group, name, "user and password_credential are for farewell = \"login\" alone");
}

/* Keys that are for some engines alone. */
static void check_engine(Parser *parser, config_setting_t *group, const char *name, Endpoint *endpoint)
{
    _cleanup_(strv_freep) char **contradictions = endpoint_contradictions(endpoint);
    for (size_t i = 0; contradictions && contradictions[i]; i++)
        complain(parser, group, name, "%s", contradictions[i]);
    if (endpoint->port == 0)
        endpoint->port = endpoint->engine->port;
    if (endpoint->port == 0 && !config_setting_get_member(group, "port"))
        complain(parser, group, name, "port is missing; engine \"%s\" has no default", endpoint->engine_name);
}

/* What one key alone does not tell. */
static void check_endpoint(Parser *parser, config_setting_t *group, const char *name, Endpoint *endpoint)
{
    const struct {
        const char *name;
        bool missing;
    } required[] = { { "name", !endpoint->name },
                     { "host", !endpoint->host },
                     { "engine", !endpoint->engine_name } };

    for (size_t i = 0; i < ARRAY_SIZE(required); i++)
        if (required[i].missing && !config_setting_get_member(group, required[i].name))
            complain(parser, group, name, "%s is missing; every endpoint has name, host and engine",
                     required[i].name);
    if (endpoint->name && !value_is_name(endpoint->name))
        complain(parser, group, name, "name \"%s\": expected letters, digits and . _ - only", endpoint->name);
    if (endpoint->host && !is_host(endpoint->host))
        complain(parser, group, name, "host \"%s\": expected a host name or an address", endpoint->host);
    if (endpoint->verify_name && !is_host(endpoint->verify_name))
        complain(parser, group, name, "verify_name \"%s\": expected a host name", endpoint->verify_name);
    if (endpoint->region && !value_is_region(endpoint->region))
        complain(parser, group, name, "region \"%s\": expected a region such as us-east-1", endpoint->region);
    if (endpoint->ca && !value_is_name(endpoint->ca)) /* one that the CA directory lacks is a warning */
        complain(parser, group, name, "ca \"%s\": expected a CA identifier such as rds-ca-rsa2048-g1",
                 endpoint->ca);
    for (size_t i = 0; endpoint->addresses && endpoint->addresses[i]; i++) {
        Address address;
        if (address_parse(endpoint->addresses[i], 0, &address) < 0)
            complain(parser, group, name, "addresses: \"%s\" is not an IPv4 or IPv6 address",
                     endpoint->addresses[i]);
    }
    if (endpoint->engine_name) {
        endpoint->engine = engine_find(endpoint->engine_name);
        check_farewell(parser, group, name, endpoint);
        check_engine(parser, group, name, endpoint);
    }
}

static void read_endpoint(Parser *parser, const Key *keys, config_setting_t *group, const char *name)
{
    Config *config = parser->config;
    _cleanup_(endpoint_unrefp) Endpoint *endpoint = endpoint_new();
    endpoint->origin = xasprintf("%s:%u", parser->path, config_setting_source_line(group));
    _cleanup_free_ char *prefix = xasprintf("%s.", name);
    endpoint->thresholds = (Thresholds) { 0 }; /* not given: inherited */
    set_defaults(keys, endpoint);
    read_group(parser, keys, group, prefix, endpoint);
    check_endpoint(parser, group, name, endpoint);

    const Endpoint *twin = endpoint->name ? config_find_endpoint(config, endpoint->name) : NULL;
    if (twin)
        complain(parser, group, name, "name \"%s\" is taken by the endpoint at %s", endpoint->name,
                 twin->origin);
    config->endpoints = xgrow(config->endpoints, config->n_endpoints, sizeof *config->endpoints);
    config->endpoints[config->n_endpoints++] = TAKE(endpoint);
}

static void check_store(Parser *parser, config_setting_t *group, const char *name, const TrustStore *store)
{
    if (!store->name || !store->path)
        complain(parser, group, name, "%s is missing; every trust store has name and path",
                 store->name ? "path" : "name");
    if (store->name && !value_is_name(store->name))
        complain(parser, group, name, "name \"%s\": expected letters, digits and . _ - only", store->name);
    if (store->path && !value_is_path(store->path))
        complain(parser, group, name, "path \"%s\": expected an absolute path without control characters",
                 store->path);
    if (store->password_credential && !value_is_name(store->password_credential))
        complain(parser, group, name, "password_credential \"%s\": expected letters, digits and . _ - only",
                 store->password_credential);
    for (size_t i = 0; i < parser->config->n_trust_stores && store->name; i++) {
        const TrustStore *twin = parser->config->trust_stores[i];
        if (twin->name && strcmp(twin->name, store->name) == 0)
            complain(parser, group, name, "name \"%s\" is taken by the trust store at %s", store->name,
                     twin->origin);
    }
}

static void read_store(Parser *parser, const Key *keys, config_setting_t *group, const char *name)
{
    Config *config = parser->config;
    TrustStore *store = xcalloc(1, sizeof *store);
    store->origin = xasprintf("%s:%u", parser->path, config_setting_source_line(group));
    _cleanup_free_ char *prefix = xasprintf("%s.", name);
    read_group(parser, keys, group, prefix, store);
    check_store(parser, group, name, store);
    config->trust_stores = xgrow(config->trust_stores, config->n_trust_stores, sizeof *config->trust_stores);
    config->trust_stores[config->n_trust_stores++] = store;
}

static void read_source(Parser *parser, const Key *keys, config_setting_t *group, const char *name)
{
    Config *config = parser->config;
    RdsSource *source = xcalloc(1, sizeof *source);
    source->origin = xasprintf("%s:%u", parser->path, config_setting_source_line(group));
    _cleanup_free_ char *prefix = xasprintf("%s.", name);
    set_defaults(keys, source);
    read_group(parser, keys, group, prefix, source);
    if (!source->region && !config_setting_get_member(group, "region"))
        complain(parser, group, name, "region is missing; every source has one");
    config->sources = xgrow(config->sources, config->n_sources, sizeof *config->sources);
    config->sources[config->n_sources++] = source;
}

static const struct {
    const char *name;
    void (*read)(Parser *parser, const Key *keys, config_setting_t *group, const char *name);
} groups[] = {
    { "endpoints", read_endpoint },
    { "trust_stores", read_store },
    { "rds", read_source },
};

/* The key's offset is that of how many elements there are. */
static void read_group_list(Parser *parser, const Key *key, config_setting_t *list)
{
    const size_t *n = field_of(key, parser->config);
    size_t which = 0;
    while (strcmp(groups[which].name, key->name) != 0)
        which++; /* a unit test reads every key */
    if (!config_setting_is_list(list)) {
        complain_type(parser, list, key->name, key);
        return;
    }
    for (int i = 0; i < config_setting_length(list); i++) {
        config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        _cleanup_free_ char *name = xasprintf("%s[%d]", key->name, i);
        if (!config_setting_is_group(group))
            complain(parser, group, key->name, "element %d is %s; expected %s", i + 1, type_name(group),
                     key->expected);
        else if (*n >= (size_t)key->max) {
            complain(parser, group, key->name, "more than %lld; one bastion's daemon watches at most that many",
                     (long long)key->max);
            return;
        } else
            groups[which].read(parser, key->keys, group, name);
    }
}

static void read_text(Parser *parser, const char *text)
{
    config_t file;
    config_init(&file);
    _cleanup_(config_destroyp) config_t *destroyed = &file;
    if (config_read_string(destroyed, text) != CONFIG_TRUE)
        strv_append(parser->errors,
                    xasprintf("%s:%d: %s; expected libconfig's syntax: key = value;", parser->path,
                              config_error_line(destroyed), config_error_text(destroyed)));
    else
        read_group(parser, config_keys, config_root_setting(destroyed), "", parser->config);
}

/* A URL with a password may have been pasted anywhere, and most messages quote what they are about. */
static void redact(char **messages, size_t from)
{
    for (size_t i = from; messages && messages[i]; i++)
        url_redact_within(messages[i]);
}

int config_parse(const ConfigSource *sources, size_t n_sources, Config **ret, char ***errors, char ***warnings)
{
    _cleanup_(config_freep) Config *config = xcalloc(1, sizeof *config);
    Parser parser = { .config = config, .errors = errors };
    size_t errors_before = strv_length(*errors), warnings_before = strv_length(*warnings);

    set_defaults(config_keys, config);
    for (size_t i = 0; i < n_sources; i++) {
        parser.path = sources[i].path;
        read_text(&parser, sources[i].text);
    }
    config_complete(config, parser.path, errors, warnings);
    redact(*errors, errors_before);
    redact(*warnings, warnings_before);

    if (strv_length(*errors) > errors_before)
        return -EINVAL;
    if (config->n_endpoints == 0 && config->n_sources == 0)
        strv_append(warnings, xasprintf("%s: endpoints: none; there is nothing to watch", sources[0].path));
    *ret = TAKE(config);
    return 0;
}
