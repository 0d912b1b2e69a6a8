/*
 * Every finding's remedy: something to type. Names out of certificates are foreign bytes; only what looks like
 * a name gets into a line that is to be copied.
 */

#include <string.h>

#include "base/alloc.h"
#include "rds/hostname.h"
#include "rules/case.h"

#define DEFAULT_CA "rds-ca-rsa2048-g1" /* "The default CA is set to rds-ca-rsa2048-g1." */

/* Where there is no catalogue. */
#define BUNDLE_URL "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"

static const char *name_of(const Case *c)
{
    return c->state->endpoint->name;
}

static EngineFamily family_of(const Case *c)
{
    return c->state->endpoint->engine->family;
}

static void probe_again(const Case *c, Buffer *text)
{
    buffer_printf(text, "dbcertctl probe %s", name_of(c));
}

static void write_region(const Case *c, Buffer *text)
{
    const char *region = c->state->endpoint->region; /* rds_hostname_complete() has been there */
    if (region)
        buffer_printf(text, " --region %s", region);
}

/* "aws rds VERB --db-instance-identifier orders ... --region us-east-1"; words for what the host name does not
 * tell. */
static void write_aws(const Case *c, Buffer *text, const char *verb, const char *options)
{
    RdsHostname host;
    bool known = rds_hostname_parse(c->state->endpoint->host, &host);
    const char *id = rds_instance_identifier(c->state->endpoint, &host);
    buffer_printf(text, "aws %s %s --db-instance-identifier %s%s", known ? host.service : "rds", verb,
                  id ? id : "DB-INSTANCE-IDENTIFIER", options);
    write_region(c, text);
}

static bool is_aurora(const Case *c)
{
    return strncmp(c->state->endpoint->engine_name, "aurora-", strlen("aurora-")) == 0;
}

/* "aws rds modify-db-parameter-group ..."; Aurora has such parameters in the cluster's group. */
static void write_parameter(const Case *c, Buffer *text, const char *parameter, const char *value,
                            const char *when)
{
    const char *cluster = is_aurora(c) || family_of(c) == FAMILY_DOCDB ? "cluster-" : "";
    buffer_printf(
        text,
        "aws %s modify-db-%sparameter-group --db-%sparameter-group-name DB-PARAMETER-GROUP --parameters "
        "ParameterName=%s,ParameterValue=%s,ApplyMethod=%s",
        family_of(c) == FAMILY_DOCDB ? "docdb" : "rds", cluster, cluster, parameter, value, when);
    write_region(c, text);
}

/* What the host name calls it; else words that stand for it. */
static void write_identifier(const Case *c, Buffer *text, const char *words)
{
    RdsHostname host;
    bool known = rds_hostname_parse(c->state->endpoint->host, &host);
    buffer_printf(text, "%s", known ? host.id : words);
    write_region(c, text);
}

/* AWS Certificate Manager renews by itself, and nobody else can. */
static void write_acm(const Case *c, Buffer *text)
{
    if (c->state->endpoint->engine->acm) {
        buffer_printf(text, "aws redshift describe-clusters --cluster-identifier ");
        write_identifier(c, text, "CLUSTER-IDENTIFIER");
    } else {
        buffer_printf(text, "aws rds describe-db-proxies --db-proxy-name ");
        write_identifier(c, text, "DB-PROXY-NAME");
    }
    buffer_printf(text, "; AWS Certificate Manager renews it: if it does not, open a case with AWS Support");
}

static void write_modify(const Case *c, Buffer *text, const char *ca, const char *when)
{
    _cleanup_free_ char *options = xasprintf(" --ca-certificate-identifier %s --%s", ca, when);
    write_aws(c, text, "modify-db-instance", options);
}

/* What the region gives to new instances, as far as the API was asked. */
static const char *default_ca(const Case *c)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    return rds && rds->default_ca && authority_id_rotates(rds->default_ca) ? rds->default_ca : DEFAULT_CA;
}

/* The one it is set to or is to be; else the one that signs now, if it still does; else RDS's default. */
static const char *wanted_ca(const Case *c)
{
    const char *set = endpoint_next_ca(c->state->endpoint);
    return set ? set : authority_rotates(&c->authority) ? c->authority.id : default_ca(c);
}

/* The one to move to: the wanted one if it still rotates, else RDS's default. */
static const char *next_ca(const Case *c)
{
    const char *wanted = wanted_ca(c);
    return authority_id_rotates(wanted) ? wanted : default_ca(c);
}

static bool is_rds(const Case *c)
{
    RdsHostname host;
    return rds_hostname_parse(c->state->endpoint->host, &host);
}

/* Neither the name nor the certificate is RDS's: then no command of RDS's helps. */
static bool is_foreign(const Case *c)
{
    return !c->authority.id[0] && !is_rds(c);
}

static void look_at_instance(const Case *c, Buffer *text)
{
    if (endpoint_is_acm(c->state->endpoint))
        write_acm(c, text);
    else
        write_aws(
            c, text, "describe-db-instances",
            " --query 'DBInstances[].[CertificateDetails,PreferredMaintenanceWindow,PendingModifiedValues]'");
}

static void rotate_now(const Case *c, Buffer *text)
{
    if (endpoint_is_acm(c->state->endpoint))
        write_acm(c, text);
    else if (is_foreign(c))
        buffer_printf(text, "install a new certificate on the server; then here: dbcertctl probe %s",
                      name_of(c));
    else
        write_modify(c, text, next_ca(c), "apply-immediately");
}

static void rotate_if_due(const Case *c, Buffer *text)
{
    if (c->rotation.class == CLASS_RESTART)
        write_modify(c, text, next_ca(c), "no-apply-immediately");
    else
        look_at_instance(c, text);
}

/* Clients first, then instances: the plan has both. */
static void change_ca(const Case *c, Buffer *text)
{
    if (endpoint_is_acm(c->state->endpoint))
        write_acm(c, text);
    else if (is_foreign(c))
        buffer_printf(text,
                      "give the clients another root, then the server a certificate from it; then here: "
                      "dbcertctl probe %s",
                      name_of(c));
    else
        buffer_printf(text, "dbcertctl plan %s", next_ca(c));
}

/* While clients cannot connect, the instance does not wait for its window: the guide's own advice. */
static void replace_ca(const Case *c, Buffer *text)
{
    change_ca(c, text);
    if (endpoint_is_acm(c->state->endpoint) || is_foreign(c))
        return;
    buffer_printf(text, "; the instance itself: ");
    write_modify(c, text, next_ca(c), "apply-immediately");
}

static void identify_ca(const Case *c, Buffer *text)
{
    if (c->authority.trust_services)
        buffer_printf(text, "set kind = \"proxy\" for %s if it is one, and: systemctl reload dbcertd",
                      name_of(c));
    else if (!c->authority.id[0])
        look_at_instance(c, text);
    else if (case_ca_is_known(c))
        buffer_printf(
            text,
            "dbcertctl show %s; dbcertctl authorities --json; then find out who answers there, and who put "
            "that root into the bundle",
            name_of(c));
    else {
        buffer_printf(text, "aws rds describe-certificates --query "
                            "'Certificates[].[CertificateIdentifier,Thumbprint,ValidTill]'");
        write_region(c, text);
        buffer_printf(text, "; then install a newer dbcertd, or catalogue.tsv beside dbcertd.conf");
    }
}

static void correct_ca(const Case *c, Buffer *text)
{
    if (c->authority.trust_services)
        identify_ca(c, text);
    else if (case_is_elsewhere(c))
        buffer_printf(
            text,
            "getent ahosts %s; if that is the right instance, set region = \"%s\" for %s and: systemctl "
            "reload dbcertd",
            c->state->endpoint->host, c->authority.region, name_of(c));
    else if (!c->configured_differs && case_differs_from_rds(c))
        look_at_instance(c, text);
    else {
        write_modify(c, text, next_ca(c), "no-apply-immediately");
        if (c->state->endpoint->ca && c->authority.id[0] && !c->authority.preview)
            buffer_printf(text, "; or set ca = \"%s\" for %s and: systemctl reload dbcertd", c->authority.id,
                          name_of(c));
    }
}

static void ask_for_offer(const Case *c, Buffer *text)
{
    const Endpoint *e = c->state->endpoint;
    if (e->rds && e->rds->offered) {
        buffer_printf(
            text,
            "aws rds describe-db-engine-versions --engine %s --engine-version %s --include-all --query "
            "'DBEngineVersions[].SupportedCACertificateIdentifiers'",
            e->rds->engine, e->rds->engine_version ? e->rds->engine_version : "VERSION");
        write_region(c, text);
        if (e->ca)
            buffer_printf(text, "; then set ca to one of them for %s and: systemctl reload dbcertd", e->name);
        return;
    }
    buffer_printf(text, "aws rds describe-certificates --query 'Certificates[].CertificateIdentifier'");
    write_region(c, text);
    buffer_printf(text, "; if %s is not in it, set ca = \"%s\" for %s and: systemctl reload dbcertd",
                  endpoint_next_ca(e), c->authority.id[0] ? c->authority.id : DEFAULT_CA, name_of(c));
}

static void refresh_bundle(const Case *c, Buffer *text)
{
    const Catalogue *catalogue = c->policy->catalogue;
    const char *url = catalogue ? catalogue_bundle_url(catalogue, c->state->endpoint->region) : BUNDLE_URL;
    if (endpoint_is_acm(c->state->endpoint))
        buffer_printf(text, "apt-get install ca-certificates && systemctl reload dbcertd");
    else
        buffer_printf(text, "curl -fsSo /etc/dbcertd/bundles/%s %s && systemctl reload dbcertd",
                      strrchr(url, '/') + 1, url);
}

/* Whoever made the certificate chose its names; only one that is a host name goes into a line to be copied. */
static bool is_host_name(const char *name)
{
    return text_is_name(name) && !strchr(name, '_');
}

static void correct_name(const Case *c, Buffer *text)
{
    char **names = c->server->names;
    if (names && is_host_name(names[0]))
        buffer_printf(text,
                      "set host to the endpoint's own name, or verify_name = \"%s\", for %s and: ", names[0],
                      name_of(c));
    else
        buffer_printf(text, "set host to the endpoint's own name for %s and: ", name_of(c));
    buffer_printf(text, "systemctl reload dbcertd");
}

/* What openssl s_client -starttls can say; it knows no TDS. */
static void replace_self_signed(const Case *c, Buffer *text)
{
    static const char *const starttls[N_FAMILIES] = {
        [FAMILY_POSTGRES] = " -starttls postgres",
        [FAMILY_MYSQL] = " -starttls mysql",
    };
    const Endpoint *e = c->state->endpoint;
    if (family_of(c) == FAMILY_SQLSERVER)
        buffer_printf(
            text, "dbcertctl show %s; then choose a certificate of a CA in SQL Server Configuration Manager",
            e->name);
    else
        buffer_printf(text,
                      "openssl s_client -connect %s:%lld -showcerts%s; then configure a certificate of a CA on "
                      "the server "
                      "(ssl_cert, ssl_key)",
                      c->address->address.text, (long long)e->port,
                      starttls[family_of(c)] && !e->direct_tls ? starttls[family_of(c)] : "");
}

static void reach(const Case *c, Buffer *text)
{
    const Observation *latest = c->address->latest;
    if (latest->server_error == ER_CON_COUNT_ERROR)
        buffer_printf(
            text, "on the server: SHOW STATUS LIKE 'Threads_connected'; SHOW VARIABLES LIKE 'max_connections'");
    else if (latest->server_error == ER_HOST_NOT_PRIVILEGED)
        buffer_printf(text,
                      "on the server: SELECT user, host FROM mysql.user; CREATE USER 'dbcertd'@'HOST OF THE "
                      "BASTION' IDENTIFIED BY '...'");
    else
        buffer_printf(text, "nc -vz %s %lld", c->address->address.text, (long long)c->state->endpoint->port);
    buffer_printf(text, "; then: ");
    probe_again(c, text);
}

static void write_allow_tls(const Case *c, Buffer *text)
{
    const Endpoint *e = c->state->endpoint;
    if (e->direct_tls || e->strict) {
        buffer_printf(text, "leave %s out for %s and: systemctl reload dbcertd",
                      e->strict ? "strict" : "direct_tls", e->name);
        return;
    }
    switch (e->engine->family) {
    case FAMILY_POSTGRES:
        buffer_printf(text, "on the server: ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf()");
        break;
    case FAMILY_MYSQL:
        buffer_printf(text, "on the server: set ssl_cert and ssl_key, restart, SHOW VARIABLES LIKE 'have_ssl'");
        break;
    case FAMILY_SQLSERVER:
        buffer_printf(text, "on the server: choose a certificate in SQL Server Configuration Manager, restart");
        break;
    case FAMILY_ORACLE:
        buffer_printf(
            text,
            "set port to the SSL option's for %s and: systemctl reload dbcertd; if there is no such option: "
            "aws rds add-option-to-option-group --option-group-name OPTION-GROUP --apply-immediately "
            "--options OptionName=SSL,Port=2484,VpcSecurityGroupMemberships=SECURITY-GROUP",
            e->name);
        write_region(c, text);
        break;
    case FAMILY_DB2:
        buffer_printf(
            text,
            "set port to the one that the parameter ssl_svcename names for %s and: systemctl reload dbcertd",
            e->name);
        break;
    case FAMILY_DOCDB:
        write_parameter(c, text, "tls", "enabled", "pending-reboot");
        break;
    case FAMILY_TLS:
        buffer_printf(text, "set engine or port for %s and: systemctl reload dbcertd", e->name);
        break;
    }
}

static void allow_tls(const Case *c, Buffer *text)
{
    write_allow_tls(c, text);
    buffer_printf(text, "; then here: ");
    probe_again(c, text);
}

static void write_require_tls_at_rds(const Case *c, Buffer *text)
{
    const Endpoint *e = c->state->endpoint;
    if (e->kind == KIND_PROXY) {
        buffer_printf(text, "aws rds modify-db-proxy --require-tls --db-proxy-name ");
        write_identifier(c, text, "DB-PROXY-NAME");
    } else if (e->engine->acm) {
        buffer_printf(text,
                      "aws redshift modify-cluster-parameter-group --parameter-group-name PARAMETER-GROUP "
                      "--parameters ParameterName=require_ssl,ParameterValue=true");
        write_region(c, text);
    } else if (family_of(c) == FAMILY_MYSQL)
        write_parameter(c, text, "require_secure_transport", is_aurora(c) ? "ON" : "1", "immediate");
    else
        write_parameter(c, text, "rds.force_ssl", "1",
                        family_of(c) == FAMILY_SQLSERVER ? "pending-reboot" : "immediate");
}

static void require_tls(const Case *c, Buffer *text)
{
    if (is_rds(c))
        write_require_tls_at_rds(c, text);
    else if (family_of(c) == FAMILY_MYSQL)
        buffer_printf(text, "on the server: SET GLOBAL require_secure_transport = ON");
    else if (family_of(c) == FAMILY_SQLSERVER)
        buffer_printf(text, "on the server: set Force Encryption in SQL Server Configuration Manager, restart");
    else
        buffer_printf(text, "on the server: hostssl in place of host in pg_hba.conf, SELECT pg_reload_conf()");
    buffer_printf(text, "; clients that do without TLS are then refused");
}

static void modernise(const Case *c, Buffer *text)
{
    if (is_rds(c) && family_of(c) == FAMILY_SQLSERVER)
        write_parameter(c, text, "rds.tls12", "enabled", "pending-reboot");
    else if (is_rds(c) && family_of(c) == FAMILY_ORACLE) {
        buffer_printf(
            text, "set SQLNET.SSL_VERSION to 1.2 and SQLNET.CIPHER_SUITE to one with ECDHE in the SSL option: "
                  "aws rds describe-option-groups --option-group-name OPTION-GROUP");
        write_region(c, text);
    } else
        buffer_printf(text, "allow TLS 1.2 with ECDHE on the server");
    buffer_printf(text, "; then here: ");
    probe_again(c, text);
}

static void compare(const Case *c, Buffer *text)
{
    buffer_printf(text, "dbcertctl show %s", name_of(c));
    if (is_rds(c) && !endpoint_is_acm(c->state->endpoint)) {
        buffer_printf(text, "; ");
        look_at_instance(c, text);
    }
}

static void keep_certificate(const Case *c, Buffer *text)
{
    buffer_printf(text, "dbcertctl history %s; then give the server a certificate and a key that it keeps%s",
                  name_of(c), is_rds(c) ? "" : " (ssl_cert, ssl_key)");
}

static void unblock(const Case *c, Buffer *text)
{
    buffer_printf(text,
                  "on the server: FLUSH HOSTS, or TRUNCATE TABLE performance_schema.host_cache; then here: ");
    probe_again(c, text);
    if (c->state->endpoint->farewell == FAREWELL_DROP)
        buffer_printf(text,
                      "; and set farewell = \"refused\" or \"login\": \"drop\" is what the server counts");
}

static void look_up(const Case *c, Buffer *text)
{
    buffer_printf(text, "getent ahosts %s", c->state->endpoint->host);
}

/* RDS has it ready; the database takes it when it starts. */
static void restart(const Case *c, Buffer *text)
{
    write_aws(c, text, "reboot-db-instance", "");
    buffer_printf(text, "; then here: ");
    probe_again(c, text);
}

static void see_maintenance(const Case *c, Buffer *text)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    if (rds->maintenance) {
        buffer_printf(text, "aws rds describe-pending-maintenance-actions --filters Name=db-%s-id,Values=%s",
                      rds->kind == RDS_INSTANCE ? "instance" : "cluster", rds->identifier);
        write_region(c, text);
    } else {
        buffer_printf(text, "to have it at once: ");
        write_modify(c, text, rds->pending_ca, "apply-immediately");
    }
}

static const Writer remedies[N_FINDINGS] = {
    [FINDING_RESTART_PENDING] = restart,
    [FINDING_MAINTENANCE_SCHEDULED] = see_maintenance,
    [FINDING_ROTATION_DUE] = rotate_if_due,
    [FINDING_ROTATION_OVERDUE] = rotate_now,
    [FINDING_CERTIFICATE_EXPIRING] = rotate_now,
    [FINDING_CERTIFICATE_EXPIRED] = rotate_now,
    [FINDING_CERTIFICATE_NOT_YET_VALID] = look_at_instance,
    [FINDING_INTERMEDIATE_EXPIRING] = look_at_instance,
    [FINDING_INTERMEDIATE_EXPIRED] = rotate_now,
    [FINDING_CA_EXPIRING] = change_ca,
    [FINDING_CA_EXPIRED] = replace_ca,
    [FINDING_CA_OUTLIVED] = change_ca,
    [FINDING_CA_MISMATCH] = correct_ca,
    [FINDING_CA_RETIRED] = change_ca,
    [FINDING_CA_UNKNOWN] = identify_ca,
    [FINDING_CA_NOT_OFFERED] = ask_for_offer,
    [FINDING_CHAIN_UNTRUSTED] = refresh_bundle,
    [FINDING_CHAIN_INCOMPLETE] = rotate_now,
    [FINDING_NAME_MISMATCH] = correct_name,
    [FINDING_SELF_SIGNED] = replace_self_signed,
    [FINDING_NO_SUBJECT_ALTERNATIVE_NAME] = rotate_now,
    [FINDING_WEAK_KEY] = rotate_now,
    [FINDING_WEAK_SIGNATURE] = rotate_now,
    [FINDING_LEGACY_TLS] = modernise,
    [FINDING_ADDRESSES_DISAGREE] = compare,
    [FINDING_CERTIFICATE_UNSTABLE] = keep_certificate,
    [FINDING_PLAINTEXT_ACCEPTED] = require_tls,
    [FINDING_UNREACHABLE] = reach,
    [FINDING_TLS_REFUSED] = allow_tls,
    [FINDING_HANDSHAKE_FAILED] = probe_again,
    [FINDING_PROBER_BLOCKED] = unblock,
    [FINDING_NAME_UNRESOLVED] = look_up,
};

char *text_remedy(const Case *c, FindingId id)
{
    Buffer text = { 0 };
    remedies[id](c, &text);
    return text_printable(&text);
}
