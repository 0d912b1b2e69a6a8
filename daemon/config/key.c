#include "config/key.h"

#include "base/alloc.h"
#include "base/instant.h"
#include "config/config.h"

static const char *farewell_word(int value)
{
    return farewell_to_string((Farewell)value);
}

static const char *rotation_word(int value)
{
    return rotation_class_to_string((RotationClass)value);
}

static const char *kind_word(int value)
{
    return endpoint_kind_to_string((EndpointKind)value);
}

#define IN_CONFIG(field)   offsetof(Config, field)
#define IN_ENDPOINT(field) offsetof(Endpoint, field)
#define IN_STORE(field)    offsetof(TrustStore, field)
#define IN_SOURCE(field)   offsetof(RdsSource, field)

/* clang-format off */
static const Key trust_keys[] = {
    { "bundles", KEY_TEXT_LIST, IN_CONFIG(bundles), 1, 4096, NULL, "a list of file patterns such as [ \"/etc/dbcertd/bundles/*.pem\" ]" },
    { "fetch", KEY_TEXT_LIST, IN_CONFIG(fetch), 1, 2048, NULL, "a list of URLs such as [ \"https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem\" ]" },
    { "fetch_interval", KEY_DURATION, IN_CONFIG(fetch_interval_seconds), 10 * MINUTE, 30 * DAY, "24h", "a duration from 10m to 30d, such as \"24h\"" },
    { "fetch_http", KEY_BOOL, IN_CONFIG(fetch_http), 0, 0, NULL, "true or false; true allows http:// too, where anybody on the way can change what is trusted" },
    { 0 },
};

static const Key store_keys[] = {
    { "name", KEY_TEXT, IN_STORE(name), 1, 128, NULL, "a name of at most 128 letters, digits and . _ -" },
    { "path", KEY_TEXT, IN_STORE(path), 1, 4095, NULL, "the path of a PEM, PKCS#7, PKCS#12 or Java key store file" },
    { "password_credential", KEY_TEXT, IN_STORE(password_credential), 1, 255, NULL, "the name of a systemd credential that holds the store's password" },
    { "endpoints", KEY_TEXT_LIST, IN_STORE(endpoints), 1, 128, NULL, "a list of the endpoints that its clients connect to, such as [ \"orders\" ] (default: all)" },
    { 0 },
};

static const Key alerts_keys[] = {
    { "remind", KEY_DURATION, IN_CONFIG(remind_seconds), MINUTE, 366 * DAY, "24h", "a duration from 1m to 366d, such as \"24h\"" },
    { "unreachable_after", KEY_INTEGER, IN_CONFIG(unreachable_after), 1, 100, "3", "a number of failed probes in a row, from 1 to 100" },
    { "group_wait", KEY_DURATION, IN_CONFIG(group_wait_seconds), 0, HOUR, "10s", "a duration from 0s to 1h, such as \"10s\"" },
    { "group_interval", KEY_DURATION, IN_CONFIG(group_interval_seconds), 0, DAY, "5m", "a duration from 0s to 1d, such as \"5m\"" },
    { 0 },
};

/* The same names for all endpoints and for one; what is left out for one is as for all. */
#define THRESHOLD_KEYS(IN, DEFAULT) \
    { "expiring_warning", KEY_DURATION, IN(thresholds.expiring_warning), HOUR, 366 * DAY, DEFAULT("30d"), "a duration from 1h to 366d, such as \"30d\"" }, \
    { "expiring_critical", KEY_DURATION, IN(thresholds.expiring_critical), HOUR, 366 * DAY, DEFAULT("7d"), "a duration from 1h to 366d, such as \"7d\"" }, \
    { "ca_notice", KEY_DURATION, IN(thresholds.ca_notice), DAY, 3650 * DAY, DEFAULT("730d"), "a duration from 1d to 3650d, such as \"730d\"" }, \
    { "ca_warning", KEY_DURATION, IN(thresholds.ca_warning), DAY, 3650 * DAY, DEFAULT("365d"), "a duration from 1d to 3650d, such as \"365d\"" }, \
    { "ca_critical", KEY_DURATION, IN(thresholds.ca_critical), DAY, 3650 * DAY, DEFAULT("90d"), "a duration from 1d to 3650d, such as \"90d\"" }, \
    { "online_grace", KEY_DURATION, IN(thresholds.online_grace), DAY, 90 * DAY, DEFAULT("8d"), "a duration from 1d to 90d, such as \"8d\"" }, \
    { "restart_warning", KEY_DURATION, IN(thresholds.restart_warning), DAY, 366 * DAY, DEFAULT("90d"), "a duration from 1d to 366d, such as \"90d\"" }, \
    { "restart_critical", KEY_DURATION, IN(thresholds.restart_critical), DAY, 366 * DAY, DEFAULT("30d"), "a duration from 1d to 366d, such as \"30d\"" }, \
    { "acm_warning", KEY_DURATION, IN(thresholds.acm_warning), DAY, 180 * DAY, DEFAULT("30d"), "a duration from 1d to 180d, such as \"30d\"" }, \
    { "acm_critical", KEY_DURATION, IN(thresholds.acm_critical), DAY, 180 * DAY, DEFAULT("14d"), "a duration from 1d to 180d, such as \"14d\"" },
#define BY_DEFAULT(text) text
#define NO_DEFAULT(text) NULL

static const Key threshold_keys[] = { THRESHOLD_KEYS(IN_CONFIG, BY_DEFAULT) { 0 } };
static const Key endpoint_threshold_keys[] = { THRESHOLD_KEYS(IN_ENDPOINT, NO_DEFAULT) { 0 } };

static const Key source_keys[] = {
    { "region", KEY_TEXT, IN_SOURCE(region), 1, 32, NULL, "a region such as \"us-east-1\"" },
    { "name", KEY_TEXT, IN_SOURCE(name), 1, 48, NULL, "a name of at most 48 letters, digits and . _ - (default: the region, and with a role its account)" },
    { "credentials", KEY_TEXT, IN_SOURCE(credentials), 1, 255, "instance", "instance, environment, container, or credential:NAME for a systemd credential" },
    { "role", KEY_TEXT, IN_SOURCE(role), 20, 2048, NULL, "the ARN of a role to assume, such as \"arn:aws:iam::123456789012:role/dbcertd\"" },
    { "external_id", KEY_TEXT, IN_SOURCE(external_id), 2, 1224, NULL, "the external ID that the role asks for" },
    { "engines", KEY_TEXT_LIST, IN_SOURCE(engines), 1, 64, NULL, "a list of engines, such as [ \"postgres\", \"oracle\" ] (default: all)" },
    { "tags", KEY_TEXT_LIST, IN_SOURCE(tags), 1, 385, NULL, "a list of tags that all have to be there, such as [ \"watch\", \"stage=production\" ]" },
    { "exclude", KEY_TEXT_LIST, IN_SOURCE(exclude), 1, 255, NULL, "a list of patterns of identifiers, such as [ \"test-*\" ]" },
    { "interval", KEY_DURATION, IN_SOURCE(interval_seconds), 10, DAY, "15m", "a duration from 10s to 1d, such as \"15m\"" },
    { "endpoint_url", KEY_TEXT, IN_SOURCE(endpoint_url), 1, 2048, NULL, "the URL of the RDS API (default: the region's own)" },
    { "sts_endpoint_url", KEY_TEXT, IN_SOURCE(sts_endpoint_url), 1, 2048, NULL, "the URL of STS (default: the region's own)" },
    { 0 },
};

static const Key endpoint_keys[] = {
    { "name", KEY_TEXT, IN_ENDPOINT(name), 1, 128, NULL, "a name of at most 128 letters, digits and . _ -" },
    { "host", KEY_TEXT, IN_ENDPOINT(host), 1, 253, NULL, "a host name or an address, such as \"orders.c9akciq32rgq.us-east-1.rds.amazonaws.com\"" },
    { "port", KEY_INTEGER, IN_ENDPOINT(port), 1, 65535, NULL, "a port from 1 to 65535 (default: the engine's)" },
    { "engine", KEY_ENGINE, IN_ENDPOINT(engine_name), 0, 0, NULL, "one of " ENGINE_NAMES },
    { "kind", KEY_WORD, IN_ENDPOINT(kind), 0, 0, "instance", "instance, or proxy for RDS Proxy and Aurora Serverless v1", endpoint_kind_from_string, kind_word },
    { "direct_tls", KEY_BOOL, IN_ENDPOINT(direct_tls), 0, 0, NULL, "true or false; true is for PostgreSQL 17 and later" },
    { "strict", KEY_BOOL, IN_ENDPOINT(strict), 0, 0, NULL, "true or false; true is for TDS 8.0 of SQL Server 2022 and later" },
    { "check_plaintext", KEY_BOOL, IN_ENDPOINT(check_plaintext), 0, 0, NULL, "true or false; true finds out once a day whether the server also does without TLS" },
    { "ca", KEY_TEXT, IN_ENDPOINT(ca), 1, 64, NULL, "a CA identifier such as \"rds-ca-rsa2048-g1\"" },
    { "region", KEY_TEXT, IN_ENDPOINT(region), 1, 32, NULL, "a region such as \"us-east-1\" (default: the host name's)" },
    { "verify_name", KEY_TEXT, IN_ENDPOINT(verify_name), 1, 253, NULL, "the name that the certificate has to carry (default: host)" },
    { "addresses", KEY_TEXT_LIST, IN_ENDPOINT(addresses), 1, 64, NULL, "a list of addresses to probe instead of resolving host, such as [ \"10.0.1.7\" ]" },
    { "rotation", KEY_WORD, IN_ENDPOINT(rotation), 0, 0, "auto", "one of auto, online, restart, acm, external", rotation_class_from_string, rotation_word },
    { "maintenance_window", KEY_WINDOW, IN_ENDPOINT(maintenance_window), 0, 0, NULL, "a weekly window in UTC of at least 30 minutes, such as \"sun:05:00-sun:06:00\"" },
    { "thresholds", KEY_GROUP, 0, 0, 0, NULL, "a group { ... }", .keys = endpoint_threshold_keys },
    { "farewell", KEY_WORD, IN_ENDPOINT(farewell), 0, 0, NULL, "one of refused, login, drop, close (default: refused for MySQL and MariaDB, else close)", farewell_from_string, farewell_word },
    { "user", KEY_TEXT, IN_ENDPOINT(user), 1, 80, NULL, "the user without privileges that farewell = \"login\" logs in as" },
    { "password_credential", KEY_TEXT, IN_ENDPOINT(password_credential), 1, 255, NULL, "the name of a systemd credential that holds the user's password" },
    { "interval", KEY_DURATION, IN_ENDPOINT(interval_seconds), 10, 30 * DAY, NULL, "a duration from 10s to 30d, such as \"6h\" (default: the global interval)" },
    { 0 },
};

const Key config_keys[] = {
    { "interval", KEY_DURATION, IN_CONFIG(interval_seconds), 10, 30 * DAY, "1h", "a duration from 10s to 30d, such as \"1h\"" },
    { "timeout", KEY_DURATION, IN_CONFIG(timeout_seconds), 1, 60, "10s", "a duration from 1s to 60s, such as \"10s\"" },
    { "concurrency", KEY_INTEGER, IN_CONFIG(concurrency), 1, 4096, "64", "a number of endpoints to probe at once, from 1 to 4096" },
    { "socket", KEY_TEXT, IN_CONFIG(socket), 1, 107, NULL, "a path of at most 107 characters (default: status.sock in $RUNTIME_DIRECTORY, else in /run/dbcertd)" },
    { "state", KEY_TEXT, IN_CONFIG(state), 1, 4000, NULL, "a directory (default: $STATE_DIRECTORY, else /var/lib/dbcertd)" },
    { "retention", KEY_DURATION, IN_CONFIG(retention_seconds), 30 * DAY, INT64_C(36500) * DAY, "3650d", "a duration from 30d to 36500d, such as \"3650d\"" },
    { "trust", KEY_GROUP, 0, 0, 0, NULL, "a group { ... }", .keys = trust_keys },
    { "alerts", KEY_GROUP, 0, 0, 0, NULL, "a group { ... }", .keys = alerts_keys },
    { "thresholds", KEY_GROUP, 0, 0, 0, NULL, "a group { ... }", .keys = threshold_keys },
    { "trust_stores", KEY_GROUP_LIST, IN_CONFIG(n_trust_stores), 0, CONFIG_STORES_MAX, NULL, "a list of groups ( { name = ...; path = ...; }, ... )", .keys = store_keys },
    { "rds", KEY_GROUP_LIST, IN_CONFIG(n_sources), 0, CONFIG_SOURCES_MAX, NULL, "a list of groups ( { region = ...; }, ... )", .keys = source_keys },
    { "endpoints", KEY_GROUP_LIST, IN_CONFIG(n_endpoints), 0, CONFIG_ENDPOINTS_MAX, NULL, "a list of groups ( { name = ...; host = ...; engine = ...; }, ... )", .keys = endpoint_keys },
    { 0 },
};
/* clang-format on */

static void for_each(const Key *keys, const char *prefix, void (*fn)(const char *, const Key *, void *),
                     void *userdata)
{
    for (const Key *key = keys; key->name; key++) {
        _cleanup_free_ char *name = xasprintf("%s%s", prefix, key->name);
        fn(name, key, userdata);
        if (!key->keys)
            continue;
        _cleanup_free_ char *inner = xasprintf("%s%s.", name, key->type == KEY_GROUP_LIST ? "[]" : "");
        for_each(key->keys, inner, fn, userdata);
    }
}

void key_for_each(void (*fn)(const char *name, const Key *key, void *userdata), void *userdata)
{
    for_each(config_keys, "", fn, userdata);
}
