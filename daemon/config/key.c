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
    { "bundles", KEY_TEXT_LIST, IN_CONFIG(bundles), 1, 4096, CONFIG_DEFAULT_BUNDLES, "a list of file patterns",
      .help = "Files with the roots that chains are verified against: PEM, PKCS#7 or DER, told by their content. A certificate that does not parse is left out, with a warning that says where it stands. Amazon's is https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem." },
    { "fetch", KEY_TEXT_LIST, IN_CONFIG(fetch_texts), 1, 2048, NULL, "a list of URLs", "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
      "Bundles to fetch, and to tell what is new in them. They are kept in the state directory and used beside the files above. One that is no good is not adopted: see bundle-stale in dbcertd-findings(7). A reload asks at once. A password does not belong in a URL: see fetch_credentials." },
    { "fetch_credentials", KEY_TEXT_LIST, IN_CONFIG(fetch_credentials), 3, 512, NULL, "a list of HOST=NAME, with the name of a systemd credential for a host of fetch", "mirror.example.com=bundle-mirror",
      "What a host of fetch asks for (LoadCredential= in dbcertd.service): one line, user:password (HTTP Basic) or \"Bearer TOKEN\". It is sent to that host alone, and not to another one that it redirects to. Read at each start and reload." },
    { "fetch_interval", KEY_DURATION, IN_CONFIG(fetch_interval_seconds), 10 * MINUTE, 30 * DAY, "24h",
      .help = "Between two questions; a tenth of it is spread over hosts. The server is told what is there already (ETag, If-Modified-Since)." },
    { "fetch_http", KEY_BOOL, IN_CONFIG(fetch_http), 0, 0, "false",
      .help = "true: allow http:// too. Whoever stands on the way can then change what is trusted." },
    { 0 },
};

static const Key store_keys[] = {
    { "name", KEY_TEXT, IN_STORE(name), 1, 128, NULL, "a name of at most 128 letters, digits and . _ -", "billing-app",
      "Unique; what is found is said under it. Needed." },
    { "path", KEY_TEXT, IN_STORE(path), 1, 4095, NULL, "the path of a PEM, PKCS#7, PKCS#12 or Java key store file", "/opt/billing/rds.p12",
      "A key store may be JKS, JCEKS or PKCS#12, told by its content. The user dbcertd has to be able to read it; files under /home are hidden from the service. At most 16 MiB. Needed." },
    { "password_credential", KEY_TEXT, IN_STORE(password_credential), 1, 255, NULL, "the name of a systemd credential that holds the store's password", "billing-store",
      "What opens it (LoadCredential= in dbcertd.service). PKCS#12 needs one unless it was made without (if openssl made it, for Java it holds no trusted certificate at all, and dbcertd cannot see that); a Java key store is read without, and then not checked for changes by others." },
    { "endpoints", KEY_TEXT_LIST, IN_STORE(endpoints), 1, 128, NULL, "a list of the endpoints that its clients connect to", "orders",
      "By their names; those of discovered ones, too. Default: all." },
    { 0 },
};

static const Key alerts_keys[] = {
    { "alertmanager", KEY_TEXT, IN_CONFIG(alertmanager_text), 1, 2048, NULL, "the URL of an Alertmanager", "http://127.0.0.1:9093",
      "dbcertd sends it the alerts of the journal by API version 2, repeats active alerts every minute, and retries what it cannot deliver, also after a restart of dbcertd. A password does not belong in the URL: see alertmanager_credential. Default: none." },
    { "alertmanager_credential", KEY_TEXT, IN_CONFIG(alertmanager_credential), 1, 255, NULL, "the name of a systemd credential that the Alertmanager asks for", "alertmanager",
      "LoadCredential= in dbcertd.service: one line, user:password (HTTP Basic) or \"Bearer TOKEN\". Read at each start and reload." },
    { "remind", KEY_DURATION, IN_CONFIG(remind_seconds), MINUTE, 366 * DAY, "24h",
      .help = "Warnings and worse are said again after this time." },
    { "unreachable_after", KEY_INTEGER, IN_CONFIG(unreachable_after), 1, 100, "3", "a number of failed probes in a row, from 1 to 100",
      .help = "So many probes have to fail in a row before it is said; until then the finding is pending." },
    { "group_wait", KEY_DURATION, IN_CONFIG(group_wait_seconds), 0, HOUR, "10s",
      .help = "So long the first of one cause is kept waiting for others. What can have no cause in common with others is not." },
    { "group_interval", KEY_DURATION, IN_CONFIG(group_interval_seconds), 0, DAY, "5m",
      .help = "Once five or more were told of one cause, further ones are told together after this time." },
    { 0 },
};

/* The same names for all endpoints and for one; what is left out for one is as for all. */
#define THRESHOLD_KEYS(IN, DEFAULT) \
    { "expiring_warning", KEY_DURATION, IN(thresholds.expiring_warning), HOUR, 366 * DAY, DEFAULT("30d"), NULL, "30d", "Before the end of a server's certificate, and of the CA that signs it; scaled down for lives under 90 days." }, \
    { "expiring_critical", KEY_DURATION, IN(thresholds.expiring_critical), HOUR, 366 * DAY, DEFAULT("7d"), NULL, "7d", "The same, critical." }, \
    { "ca_notice", KEY_DURATION, IN(thresholds.ca_notice), DAY, 3650 * DAY, DEFAULT("730d"), NULL, "730d", "Before the end of a root, a notice; scaled down for lives under 5 years." }, \
    { "ca_warning", KEY_DURATION, IN(thresholds.ca_warning), DAY, 3650 * DAY, DEFAULT("365d"), NULL, "365d", "The same, a warning." }, \
    { "ca_critical", KEY_DURATION, IN(thresholds.ca_critical), DAY, 3650 * DAY, DEFAULT("90d"), NULL, "90d", "The same, critical." }, \
    { "online_grace", KEY_DURATION, IN(thresholds.online_grace), DAY, 90 * DAY, DEFAULT("8d"), NULL, "8d", "Class online: so long after the maintenance window that should have brought the rotation it is overdue. Without a known window, twice that after half-life." }, \
    { "restart_warning", KEY_DURATION, IN(thresholds.restart_warning), DAY, 366 * DAY, DEFAULT("90d"), NULL, "90d", "Class restart: so long before the end it is overdue." }, \
    { "restart_critical", KEY_DURATION, IN(thresholds.restart_critical), DAY, 366 * DAY, DEFAULT("30d"), NULL, "30d", "The same, critical." }, \
    { "acm_warning", KEY_DURATION, IN(thresholds.acm_warning), DAY, 180 * DAY, DEFAULT("30d"), NULL, "30d", "Class acm: so long before the end it is overdue." }, \
    { "acm_critical", KEY_DURATION, IN(thresholds.acm_critical), DAY, 180 * DAY, DEFAULT("14d"), NULL, "14d", "The same, critical." },
#define BY_DEFAULT(text) text
#define NO_DEFAULT(text) NULL

static const Key threshold_keys[] = { THRESHOLD_KEYS(IN_CONFIG, BY_DEFAULT) { 0 } };
static const Key endpoint_threshold_keys[] = { THRESHOLD_KEYS(IN_ENDPOINT, NO_DEFAULT) { 0 } };

static const Key source_keys[] = {
    { "region", KEY_TEXT, IN_SOURCE(region), 1, 32, NULL, "a region", "us-east-1",
      "The only key that every source needs." },
    { "name", KEY_TEXT, IN_SOURCE(name), 1, 48, NULL, "a name of at most 48 letters, digits and . _ -", "us-east-1",
      "The end of its endpoints' names: orders.NAME. Unique. Default: the region; with a role, the region and the role's account, with a dot between." },
    { "credentials", KEY_TEXT, IN_SOURCE(credentials), 1, 255, "instance", "instance, environment, container, or credential:NAME for a systemd credential",
      .help = "instance: the role of the EC2 instance, by IMDSv2. container: that of ECS and EKS. environment: AWS_ACCESS_KEY_ID and its like. credential:NAME: a systemd credential (LoadCredential= in dbcertd.service) with lines as in ~/.aws/credentials, read for each round." },
    { "role", KEY_TEXT, IN_SOURCE(role), 20, 2048, NULL, "the ARN of a role to assume", "arn:aws:iam::123456789012:role/dbcertd",
      "With these credentials, for another account." },
    { "external_id", KEY_TEXT, IN_SOURCE(external_id), 2, 1224, NULL, "the external ID that the role asks for", "dbcertd-bastion", "Needs role." },
    { "engines", KEY_TEXT_LIST, IN_SOURCE(engines), 1, 64, NULL, "a list of engines", "postgres",
      "Only these; an edition may be left out, as in oracle. A proxy counts as what its engine family is. Default: all." },
    { "tags", KEY_TEXT_LIST, IN_SOURCE(tags), 1, 385, NULL, "a list of tags that all have to be there", "stage=production",
      "KEY, or KEY=VALUE. Proxies have none in the API, and are not left out by this. Default: all." },
    { "exclude", KEY_TEXT_LIST, IN_SOURCE(exclude), 1, 255, NULL, "a list of patterns of identifiers", "test-*",
      "What is not to be watched; patterns are a shell's. Default: nothing is left out." },
    { "interval", KEY_DURATION, IN_SOURCE(interval_seconds), 10, DAY, "15m", .help = "Between two rounds." },
    { "endpoint_url", KEY_TEXT, IN_SOURCE(endpoint_url), 1, 2048, NULL, "the URL of the RDS API", "https://rds.us-east-1.amazonaws.com/",
      "https://, or http:// of this host itself. Default: the region's own." },
    { "sts_endpoint_url", KEY_TEXT, IN_SOURCE(sts_endpoint_url), 1, 2048, NULL, "the URL of STS", "https://sts.us-east-1.amazonaws.com/", "The same." },
    { 0 },
};

static const Key endpoint_keys[] = {
    { "name", KEY_TEXT, IN_ENDPOINT(name), 1, 128, NULL, "a name of at most 128 letters, digits and . _ -", "orders",
      "Unique over all files. Needed." },
    { "host", KEY_TEXT, IN_ENDPOINT(host), 1, 253, NULL, "a host name or an address", "orders.c9akciq32rgq.us-east-1.rds.amazonaws.com",
      "The endpoint's own name, as the certificate has it, or an address. Every address behind it is probed, up to 64. Needed." },
    { "port", KEY_INTEGER, IN_ENDPOINT(port), 1, 65535, NULL, "a port from 1 to 65535", "3306",
      "Default: the engine's." },
    { "engine", KEY_ENGINE, IN_ENDPOINT(engine_name), 0, 0, NULL, "one of " ENGINE_NAMES, "mysql",
      "As the RDS API calls it; redshift; or tls for anything that speaks TLS first. Where there are editions, as in oracle-se2-cdb, one may be given or left out. db2 and tls need a port. What each is sent, and what it costs the server, is in engines.md. Needed." },
    { "kind", KEY_WORD, IN_ENDPOINT(kind), 0, 0, "instance", "instance, or proxy for RDS Proxy and Aurora Serverless v1", NULL,
      "A proxy's certificate is from AWS Certificate Manager, is verified against the roots that the system trusts, and rotates in the class acm. A host name of RDS Proxy's says it by itself.", endpoint_kind_from_string, kind_word },
    { "direct_tls", KEY_BOOL, IN_ENDPOINT(direct_tls), 0, 0, "false", "true or false; true is for PostgreSQL 17 and later",
      .help = "true: TLS from the first byte." },
    { "strict", KEY_BOOL, IN_ENDPOINT(strict), 0, 0, "false", "true or false; true is for TDS 8.0 of SQL Server 2022 and later",
      .help = "true: TLS from the first byte, as Encrypt=Strict." },
    { "check_plaintext", KEY_BOOL, IN_ENDPOINT(check_plaintext), 0, 0, "false",
      .help = "true: find out, at most once a day, whether the server also does without TLS. PostgreSQL, SQL Server, and MySQL and MariaDB with farewell = \"login\"; what it costs them is in engines.md." },
    { "loopback", KEY_BOOL, IN_ENDPOINT(loopback), 0, 0, "false",
      .help = "true: dbcertd also connects to addresses of this host, its link and its metadata service: loopback, link-local, multicast, unspecified and reserved ones, wherever the address comes from (host, addresses, a name server, /etc/hosts). For a tunnel that ends here. Without it dbcertd never connects to them, and an endpoint that was discovered never has it." },
    { "ca", KEY_TEXT, IN_ENDPOINT(ca), 1, 64, NULL, "a CA identifier", "rds-ca-rsa2048-g1",
      "What the instance is set to. Default: the one that the RDS API says, where that is asked; else it is not compared." },
    { "region", KEY_TEXT, IN_ENDPOINT(region), 1, 32, NULL, "a region", "us-east-1", "Default: the one in the host name." },
    { "verify_name", KEY_TEXT, IN_ENDPOINT(verify_name), 1, 253, NULL, "the name that the certificate has to carry", "orders.c9akciq32rgq.us-east-1.rds.amazonaws.com",
      "It is also sent as SNI. Default: host." },
    { "addresses", KEY_TEXT_LIST, IN_ENDPOINT(addresses), 1, 64, NULL, "a list of addresses to probe instead of resolving host", "10.0.1.7",
      "Default: those behind host, asked for at each probe." },
    { "rotation", KEY_WORD, IN_ENDPOINT(rotation), 0, 0, "auto", "one of auto, online, restart, acm, external", NULL,
      "The class of rotation; see dbcertd(8). auto is what the RDS API says of the engine's version, where that is asked, else it is inferred from the lifetime.", rotation_class_from_string, rotation_word },
    { "maintenance_window", KEY_WINDOW, IN_ENDPOINT(maintenance_window), 0, 0, NULL, "a weekly window in UTC of at least 30 minutes", "sun:05:00-sun:06:00",
      "The preferred maintenance window as RDS writes it. Default: the one that the RDS API says, where that is asked." },
    { "thresholds", KEY_GROUP, 0, 0, 0, NULL, "a group { ... }", .help = "The same keys as thresholds above, for this endpoint alone.", .keys = endpoint_threshold_keys },
    { "farewell", KEY_WORD, IN_ENDPOINT(farewell), 0, 0, NULL, "one of refused, login, drop, close", "login",
      "How a probe leaves. PostgreSQL and what begins with TLS: close. MySQL and MariaDB count connections that end before login, and block a host after 100 of them, so they have three. refused logs in as a user that does not exist (dbcertd-nobody), is never counted, and leaves a line \"Access denied\" in the server's log. login logs in as a user without privileges, leaves no line and resets the count; a server whose certificate does not verify at that moment, with dates and name, gets the login of dbcertd-nobody instead. drop hangs up and is counted. Default: refused for MySQL and MariaDB, else close.", farewell_from_string, farewell_word },
    { "user", KEY_TEXT, IN_ENDPOINT(user), 1, 80, NULL, "the user without privileges that farewell = \"login\" logs in as", "dbcertd",
      "Made by: CREATE USER 'dbcertd'@'%' IDENTIFIED BY '...' REQUIRE SSL;" },
    { "password_credential", KEY_TEXT, IN_ENDPOINT(password_credential), 1, 255, NULL, "the name of a systemd credential that holds the user's password", "orders-db",
      "LoadCredential= in dbcertd.service." },
    { "interval", KEY_DURATION, IN_ENDPOINT(interval_seconds), 10, 30 * DAY, NULL, NULL, "6h", "Default: the global interval." },
    { 0 },
};

const Key config_keys[] = {
    { "interval", KEY_DURATION, IN_CONFIG(interval_seconds), 10, 30 * DAY, "1h",
      .help = "Between two probes of an endpoint. Endpoints are spread over it by their names. A probe comes sooner where a rotation is to be expected: within half an hour of the half-life, of the end of each maintenance window after it, and of the instants at which it is overdue and critical." },
    { "timeout", KEY_DURATION, IN_CONFIG(timeout_seconds), 1, 60, "10s",
      .help = "For one probe, from the question to the name server to the farewell; where a name has more than 8 addresses, again for each of the others." },
    { "concurrency", KEY_INTEGER, IN_CONFIG(concurrency), 1, 4096, "64", "a number of endpoints to probe at once, from 1 to 4096",
      .help = "How many are probed at a time; the others wait for their turn. Of one endpoint at most 8 addresses are probed at a time." },
    { "socket", KEY_TEXT, IN_CONFIG(socket), 1, 107, NULL, "a path of at most 107 characters", "/run/dbcertd/status.sock",
      "Where the status socket is made if systemd passes none. Default: status.sock in $RUNTIME_DIRECTORY, else in /run/dbcertd." },
    { "socket_hosts", KEY_TEXT_LIST, IN_CONFIG(socket_hosts), 1, 253, NULL, "a list of host names or addresses", "bastion.example.com",
      "The host names and addresses, without a port, that clients may use to reach the status socket: the name of a reverse proxy, or the one that Prometheus scrapes. dbcertd refuses requests with any other Host, since DNS can lead a web page to the socket by a name of the page's own. localhost, 127.0.0.1 and [::1] are always allowed. Default: none." },
    { "state", KEY_TEXT, IN_CONFIG(state), 1, 4000, NULL, "a directory", "/var/lib/dbcertd",
      "For what outlasts a restart. Default: $STATE_DIRECTORY, which comes first, else /var/lib/dbcertd." },
    { "retention", KEY_DURATION, IN_CONFIG(retention_seconds), 30 * DAY, INT64_C(36500) * DAY, "3650d",
      .help = "How long the history keeps a certificate that is not served any more. Nothing is forgotten by a clock that is not synchronised." },
    { "trust", KEY_GROUP, 0, 0, 0, NULL, "a group { ... }", .help = "What chains are verified against.", .keys = trust_keys },
    { "trust_stores", KEY_GROUP_LIST, IN_CONFIG(n_trust_stores), 0, CONFIG_STORES_MAX, NULL, "a list of groups ( { name = ...; path = ...; }, ... )",
      .help = "What clients on this host verify servers with, to be told before one of them refuses a new CA. Files are watched.", .keys = store_keys },
    { "rds", KEY_GROUP_LIST, IN_CONFIG(n_sources), 0, CONFIG_SOURCES_MAX, NULL, "a list of groups ( { region = ...; }, ... )",
      .help = "Regions and accounts in which the RDS API is asked for more endpoints, and for what each should serve. What is asked, how they are named, which permissions it needs and what follows is in rds.md.", .keys = source_keys },
    { "thresholds", KEY_GROUP, 0, 0, 0, NULL, "a group { ... }",
      .help = "From when on something is a finding. What follows from RDS's own law, half-lives and notices, is not to be changed.", .keys = threshold_keys },
    { "alerts", KEY_GROUP, 0, 0, 0, NULL, "a group { ... }", .help = "When and how often findings are told.", .keys = alerts_keys },
    { "endpoints", KEY_GROUP_LIST, IN_CONFIG(n_endpoints), 0, CONFIG_ENDPOINTS_MAX, NULL, "a list of groups ( { name = ...; host = ...; engine = ...; }, ... )",
      .help = "What is watched, beside what is discovered.", .keys = endpoint_keys },
    { 0 },
};
/* clang-format on */

char *key_example(const Key *key)
{
    const char *text = key->example ? key->example : key->fallback;
    switch (text ? key->type : KEY_GROUP) {
    case KEY_GROUP:
    case KEY_GROUP_LIST:
        return NULL;
    case KEY_TEXT_LIST:
        return xasprintf("[ \"%s\" ]", text);
    case KEY_INTEGER:
    case KEY_BOOL:
        return xstrdup(text);
    default:
        return xasprintf("\"%s\"", text);
    }
}

char *key_takes(const Key *key)
{
    if (key->expected)
        return xstrdup(key->expected);
    if (key->type == KEY_DURATION)
        return xasprintf("a duration from %s to %s", DURATION_TEXT(key->min), DURATION_TEXT(key->max));
    return xstrdup("true or false");
}

char *key_expected(const Key *key)
{
    _cleanup_free_ char *takes = key_takes(key), *example = key_example(key);
    switch (example ? key->type : KEY_GROUP) {
    case KEY_TEXT:
    case KEY_TEXT_LIST:
    case KEY_DURATION:
    case KEY_WINDOW:
        return xasprintf("%s, such as %s", takes, example);
    default: /* there is no better one than others */
        return TAKE(takes);
    }
}

static void for_each(const Key *keys, const char *prefix, void (*fn)(const char *, const Key *, void *),
                     void *userdata)
{
    for (const Key *key = keys; key->name; key++) {
        _cleanup_free_ char *name =
            xasprintf("%s%s%s", prefix, key->name, key->type == KEY_GROUP_LIST ? "[]" : "");
        fn(name, key, userdata);
        if (!key->keys)
            continue;
        _cleanup_free_ char *inner = xasprintf("%s.", name);
        for_each(key->keys, inner, fn, userdata);
    }
}

void key_for_each(void (*fn)(const char *name, const Key *key, void *userdata), void *userdata)
{
    for_each(config_keys, "", fn, userdata);
}
