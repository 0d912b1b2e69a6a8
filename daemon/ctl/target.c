#include "ctl/target.h"

#include <string.h>

#include "base/alloc.h"
#include "base/url.h"
#include "base/value.h"
#include "rds/hostname.h"

static bool take_text(char **field, const char *value)
{
    free(*field);
    *field = xstrdup(value);
    return *value != 0;
}

static bool set_ca(Endpoint *e, const char *value)
{
    return take_text(&e->ca, value);
}

static bool set_verify_name(Endpoint *e, const char *value)
{
    return take_text(&e->verify_name, value);
}

static bool set_region(Endpoint *e, const char *value)
{
    return take_text(&e->region, value);
}

static bool set_rotation(Endpoint *e, const char *value)
{
    e->rotation = rotation_class_from_string(value);
    return e->rotation >= 0;
}

static bool set_window(Endpoint *e, const char *value)
{
    return window_parse(value, &e->maintenance_window) == 0;
}

static bool set_farewell(Endpoint *e, const char *value)
{
    e->farewell = farewell_from_string(value);
    return e->engine->family == FAMILY_MYSQL &&
           (e->farewell == FAREWELL_REFUSED || e->farewell == FAREWELL_DROP);
}

static bool set_kind(Endpoint *e, const char *value)
{
    e->kind = endpoint_kind_from_string(value);
    return e->kind >= 0;
}

static bool set_bool(bool *field, const char *value)
{
    *field = strcmp(value, "true") == 0;
    return *field || strcmp(value, "false") == 0;
}

static bool set_strict(Endpoint *e, const char *value)
{
    return set_bool(&e->strict, value);
}

static bool set_direct_tls(Endpoint *e, const char *value)
{
    return set_bool(&e->direct_tls, value);
}

static bool set_check_plaintext(Endpoint *e, const char *value)
{
    return set_bool(&e->check_plaintext, value);
}

static const struct {
    const char *name;
    bool (*set)(Endpoint *e, const char *value);
    const char *expected;
} keys[] = {
    { "ca", set_ca, "a CA identifier" },
    { "verify_name", set_verify_name, "a host name" },
    { "region", set_region, "a region" },
    { "rotation", set_rotation, "one of auto, online, restart, acm, external" },
    { "maintenance_window", set_window, "a window such as sun:05:00-sun:06:00" },
    { "farewell", set_farewell, "refused or drop, for MySQL and MariaDB" },
    { "kind", set_kind, "instance or proxy" },
    { "strict", set_strict, "true or false" },
    { "direct_tls", set_direct_tls, "true or false" },
    { "check_plaintext", set_check_plaintext, "true or false" },
};

static char *set_key(Endpoint *endpoint, const char *name, const char *value)
{
    Nearest nearest = { .misspelt = name };
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        nearest_offer(&nearest, keys[i].name);
        if (strcmp(keys[i].name, name) == 0)
            return keys[i].set(endpoint, value)
                       ? NULL
                       : xasprintf("%s=\"%s\": expected %s", name, value, keys[i].expected);
    }
    return nearest.word ? xasprintf("unknown key \"%s\"; did you mean \"%s\"?", name, nearest.word)
                        : xasprintf("unknown key \"%s\"; expected ca, verify_name, region, rotation, "
                                    "maintenance_window, farewell, kind, strict, direct_tls or "
                                    "check_plaintext",
                                    name);
}

static char *set_query(Endpoint *endpoint, char *query)
{
    char *rest = NULL;
    for (char *pair = strtok_r(query, "&", &rest); pair; pair = strtok_r(NULL, "&", &rest)) {
        char *equals = strchr(pair, '=');
        if (equals)
            *equals = 0;
        char *error = set_key(endpoint, pair, equals ? equals + 1 : "true");
        if (error)
            return error;
    }
    return NULL;
}

/* "host", "host:port", "[::1]:port" */
static char *set_authority(Endpoint *endpoint, char *authority)
{
    char *port = NULL;
    if (authority[0] == '[') {
        char *bracket = strchr(authority, ']');
        if (!bracket || (bracket[1] && bracket[1] != ':'))
            return xstrdup("expected [IPv6 ADDRESS]:PORT");
        port = bracket[1] ? bracket + 2 : NULL;
        *bracket = 0;
        authority++;
    } else if ((port = strchr(authority, ':')))
        *port++ = 0;

    Address literal;
    bool is_host = text_is_name(authority) || address_parse(authority, 0, &literal) == 0;
    if (strlen(authority) > HOST_NAME_BYTES_MAX || !is_host)
        return xasprintf("\"%s\" is no host name", authority);
    endpoint->host = xstrdup(authority);
    endpoint->port = endpoint->engine->port;
    if (port) {
        char *end;
        endpoint->port = strtol(port, &end, 10);
        if (*end || end == port || endpoint->port < 1 || endpoint->port > 65535)
            return xasprintf("\"%s\" is no port; expected 1 to 65535", port);
    }
    return endpoint->port == 0 ? xasprintf("engine \"%s\" has no default port; expected %s://HOST:PORT",
                                           endpoint->engine_name, endpoint->engine_name)
                               : NULL;
}

static char *set_engine(Endpoint *endpoint, const char *name)
{
    Nearest nearest = { .misspelt = name };
    engines_offer(&nearest);
    endpoint->engine = engine_find(name);
    endpoint->engine_name = xstrdup(name);
    if (endpoint->engine)
        return NULL;
    return nearest.word ? xasprintf("\"%s\" is not an engine; did you mean \"%s\"?", name, nearest.word)
                        : xasprintf("\"%s\" is not an engine; expected one of " ENGINE_NAMES, name);
}

/* "ENGINE://" if it is there; *authority is what follows. */
static char *take_engine(Endpoint *endpoint, char *text, const char *engine, char **authority)
{
    char *scheme_end = strstr(text, "://");
    *authority = scheme_end ? scheme_end + 3 : text;
    if (scheme_end)
        *scheme_end = 0;
    else if (!engine)
        return xstrdup("expected ENGINE://HOST[:PORT], or --engine for HOST[:PORT]");
    return set_engine(endpoint, scheme_end ? text : engine);
}

static char *parse(Endpoint *endpoint, char *text, const char *engine)
{
    char *authority, *error = take_engine(endpoint, text, engine, &authority);
    if (error)
        return error;
    char *query = strchr(authority, '?');
    if (query)
        *query++ = 0;
    authority[strcspn(authority, "/")] = 0;
    if (strchr(authority, '@'))
        return xstrdup("expected no user and no password"); /* a connection string was pasted */

    endpoint->farewell = endpoint->engine->family == FAMILY_MYSQL ? FAREWELL_REFUSED : FAREWELL_CLOSE;
    error = set_authority(endpoint, authority);
    if (!error && query)
        error = set_query(endpoint, query);
    if (error)
        return error;
    _cleanup_(strv_freep) char **contradictions = endpoint_contradictions(endpoint);
    return contradictions ? xstrdup(contradictions[0]) : NULL;
}

Endpoint *target_parse(const char *text, const char *engine, char **ret_error)
{
    _cleanup_(endpoint_unrefp) Endpoint *endpoint = endpoint_new();
    endpoint->loopback = true; /* who types a name looks at what answers */
    _cleanup_free_ char *copy = xstrdup(text), *error = parse(endpoint, copy, engine);
    if (error) {
        *ret_error = xasprintf("%s: %s", text, error);
        url_redact_within(*ret_error);
        return NULL;
    }
    endpoint->name = xasprintf(strchr(endpoint->host, ':') ? "[%s]:%lld" : "%s:%lld", endpoint->host,
                               (long long)endpoint->port);
    (void)rds_hostname_complete(endpoint);
    return TAKE(endpoint);
}
