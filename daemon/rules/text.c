/* Every finding's text: what is so, with its dates and its rule, and what to type. */

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "rds/hostname.h"
#include "rules/case.h"

#define BUNDLE_URL "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"

typedef void (*Writer)(const Case *c, Buffer *text);

/* "certificate 0A1B (rds-ca-rsa2048-g1, 2026-01-01 to 2027-01-01)" */
static void write_certificate(const Case *c, Buffer *text)
{
    const Certificate *s = c->server;
    buffer_printf(text, "certificate %s (", s->serial);
    if (c->authority.id[0])
        buffer_printf(text, "%s", c->authority.id);
    else
        buffer_printf(text, "issuer \"%s\"", certificate_issuer_label(s));
    buffer_printf(text, ", valid %s to %s)", INSTANT_TEXT(s->not_before), INSTANT_TEXT(s->not_after));
}

static const char *class_words(const Case *c)
{
    return c->rotation.source == SOURCE_LIFETIME ? " (class inferred from its lifetime)" : "";
}

static void rotation_due(const Case *c, Buffer *text)
{
    const Rotation *r = &c->rotation;
    const Window *window = &c->state->endpoint->maintenance_window;
    write_certificate(c, text);
    if (r->class == CLASS_ONLINE) {
        buffer_printf(text,
                      " passed its half-life at %s and should be rotated by %s, in the maintenance window %s",
                      INSTANT_TEXT(r->half_life), INSTANT_TEXT(r->expected_by),
                      window->known ? WINDOW_TEXT(window) : "(not configured)");
        buffer_printf(text, "; overdue from %s", INSTANT_TEXT(r->overdue_after));
    } else if (r->class == CLASS_RESTART)
        buffer_printf(
            text,
            " ends in %s and is only replaced with a restart, which somebody has to schedule; overdue from %s",
            DURATION_TEXT(c->server->not_after - c->now), INSTANT_TEXT(r->overdue_after));
    else
        buffer_printf(text, " is in its renewal period since %s; overdue from %s", INSTANT_TEXT(r->due_at),
                      INSTANT_TEXT(r->overdue_after));
    buffer_printf(text, "%s", class_words(c));
}

static void rotation_overdue(const Case *c, Buffer *text)
{
    const Rotation *r = &c->rotation;
    const Window *window = &c->state->endpoint->maintenance_window;
    write_certificate(c, text);
    if (r->class == CLASS_ONLINE) {
        buffer_printf(text, " passed its half-life at %s, ", INSTANT_TEXT(r->half_life));
        if (window->known)
            buffer_printf(text, "the maintenance window %s that ended by %s brought no new one",
                          WINDOW_TEXT(window), INSTANT_TEXT(r->expected_by));
        else
            buffer_printf(text, "by %s there was no new one (its maintenance window is not configured)",
                          INSTANT_TEXT(r->expected_by));
        buffer_printf(text, ": the rotation has stalled");
    } else if (r->class == CLASS_RESTART)
        buffer_printf(text, " is only replaced with a restart, and that has not happened");
    else
        buffer_printf(text, " should have been renewed since %s and was not", INSTANT_TEXT(r->due_at));
    if (c->due < c->server->not_after)
        buffer_printf(text, "; critical from %s", INSTANT_TEXT(c->due));
    buffer_printf(text, "%s", class_words(c));
}

static void certificate_expiring(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text, " ends in %s", DURATION_TEXT(c->server->not_after - c->now));
}

static void certificate_expired(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text, " has expired; every client that verifies refuses it");
}

static void certificate_not_yet_valid(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text, " is not valid yet; every client that verifies refuses it until then");
}

static void ca_expired(const Case *c, Buffer *text)
{
    buffer_printf(text, "the %s above ", c->subject);
    write_certificate(c, text);
    buffer_printf(text, " expired at %s; every client that verifies refuses the chain",
                  INSTANT_TEXT(c->subject_not_after));
}

static void ca_mismatch(const Case *c, Buffer *text)
{
    buffer_printf(text, "configured is %s, but ", c->state->endpoint->ca);
    write_certificate(c, text);
    if (c->authority.preview)
        buffer_printf(text, " comes from a Beta or Preview authority of RDS");
    else if (!c->authority.id[0])
        buffer_printf(text, " comes from no authority of RDS");
    else
        buffer_printf(text, " is served");
}

static void chain_untrusted(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text, " does not verify against the trust bundle: %s", c->address->verification.reason);
}

static void chain_incomplete(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text,
                  " was sent without its intermediate \"%s\"; a client that has the root alone refuses it",
                  certificate_issuer_label(c->server));
}

static void name_mismatch(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text, " does not carry the name \"%s\"; it is for", endpoint_verify_name(c->state->endpoint));
    if (!c->server->names)
        buffer_printf(text, " \"%s\" (CN, no subjectAltName)",
                      c->server->subject_cn ? c->server->subject_cn : "");
    for (char **name = c->server->names; name && *name; name++)
        buffer_printf(text, "%s %s", name == c->server->names ? "" : ",", *name);
}

static void self_signed(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text,
                  " is self-signed: made by the server itself, and no client can tell it from anybody else's");
}

static void failure(const Case *c, Buffer *text)
{
    const Observation *o = c->address->latest;
    buffer_printf(text, "%s (stage %s", o->detail ? o->detail : outcome_to_string(o->outcome),
                  stage_to_string(o->stage));
    if (c->address->failures.n > 1)
        buffer_printf(text, ", %u probes in a row since %s", c->address->failures.n,
                      INSTANT_TEXT(c->address->failures.first_at));
    buffer_printf(text, ")");
    if (c->server)
        buffer_printf(text, "; last seen %s: certificate %s, valid to %s",
                      INSTANT_TEXT(c->address->seen->observed_at), c->server->serial,
                      INSTANT_TEXT(c->server->not_after));
    else
        buffer_printf(text, "; no certificate was ever seen there");
}

static void prober_blocked(const Case *c, Buffer *text)
{
    buffer_printf(
        text,
        "the server blocks this host (error 1129), and with it every client on it: %s; dbcertd does not probe "
        "it again until it is asked to",
        c->address->latest->detail);
}

static void name_unresolved(const Case *c, Buffer *text)
{
    const EndpointState *state = c->state;
    buffer_printf(text, "%s: %s (%u turns in a row since %s)", state->endpoint->host, state->unresolved_detail,
                  state->unresolved.n, INSTANT_TEXT(state->unresolved.first_at));
}

/* "aws rds VERB --db-instance-identifier orders ... --region us-east-1"; words for what the host name does not
 * tell. */
static void write_aws(const Case *c, Buffer *text, const char *verb, const char *options)
{
    RdsHostname host;
    const Endpoint *endpoint = c->state->endpoint;
    bool known = rds_hostname_parse(endpoint->host, &host);
    const char *region = endpoint->region ? endpoint->region : known ? host.region : NULL;
    buffer_printf(text, "aws rds %s --db-instance-identifier %s%s", verb,
                  known && !host.cluster ? host.id : "DB-INSTANCE-IDENTIFIER", options);
    if (region)
        buffer_printf(text, " --region %s", region);
}

static void write_modify(const Case *c, Buffer *text, const char *ca, const char *when)
{
    _cleanup_free_ char *options = xasprintf(" --ca-certificate-identifier %s --%s", ca, when);
    write_aws(c, text, "modify-db-instance", options);
}

/* The configured CA; else the one that signs now, if it still does; else the one RDS takes by default. */
static const char *wanted_ca(const Case *c)
{
    const char *configured = c->state->endpoint->ca;
    return configured ? configured : authority_rotates(&c->authority) ? c->authority.id : "rds-ca-rsa2048-g1";
}

/* Neither the name nor the certificate is RDS's: then no command of RDS's helps. */
static bool is_foreign(const Case *c)
{
    RdsHostname host;
    return !c->authority.id[0] && !rds_hostname_parse(c->state->endpoint->host, &host);
}

static void look_at_instance(const Case *c, Buffer *text)
{
    write_aws(c, text, "describe-db-instances",
              " --query 'DBInstances[].[CertificateDetails,PreferredMaintenanceWindow,PendingModifiedValues]'");
}

static void rotate_now(const Case *c, Buffer *text)
{
    if (is_foreign(c))
        buffer_printf(text, "install a new certificate on the server; then here: dbcertctl probe %s",
                      c->state->endpoint->name);
    else
        write_modify(c, text, wanted_ca(c), "apply-immediately");
}

static void rotate_if_due(const Case *c, Buffer *text)
{
    if (c->rotation.class == CLASS_RESTART)
        write_modify(c, text, wanted_ca(c), "no-apply-immediately");
    else
        look_at_instance(c, text);
}

static void correct_ca(const Case *c, Buffer *text)
{
    write_modify(c, text, c->state->endpoint->ca, "no-apply-immediately");
    if (c->authority.id[0] && !c->authority.preview)
        buffer_printf(text, "; or set ca = \"%s\" for %s and: systemctl reload dbcertd", c->authority.id,
                      c->state->endpoint->name);
}

static void refresh_bundle(const Case *c _unused_, Buffer *text)
{
    buffer_printf(text, "curl -fsSo /etc/dbcertd/bundles/global-bundle.pem " BUNDLE_URL
                        " && systemctl reload dbcertd");
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
                      c->state->endpoint->name);
    else
        buffer_printf(text, "set host to the endpoint's own name for %s and: ", c->state->endpoint->name);
    buffer_printf(text, "systemctl reload dbcertd");
}

static void replace_self_signed(const Case *c, Buffer *text)
{
    buffer_printf(text, "openssl s_client -connect %s:%lld -showcerts", c->address->address.text,
                  (long long)c->state->endpoint->port);
    if (c->state->endpoint->engine->family != FAMILY_TLS)
        buffer_printf(text, " -starttls %s",
                      c->state->endpoint->engine->family == FAMILY_MYSQL ? "mysql" : "postgres");
    buffer_printf(text, "; then configure a certificate of a CA on the server (ssl_cert, ssl_key)");
}

static void probe_again(const Case *c, Buffer *text)
{
    buffer_printf(text, "dbcertctl probe %s", c->state->endpoint->name);
}

static void reach(const Case *c, Buffer *text)
{
    buffer_printf(text, "nc -vz %s %lld; then: ", c->address->address.text,
                  (long long)c->state->endpoint->port);
    probe_again(c, text);
}

static void allow_tls(const Case *c, Buffer *text)
{
    switch (c->state->endpoint->engine->family) {
    case FAMILY_POSTGRES:
        buffer_printf(text, "on the server: ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf(); then here: ");
        break;
    case FAMILY_MYSQL:
        buffer_printf(
            text,
            "on the server: set ssl_cert and ssl_key, restart, SHOW VARIABLES LIKE 'have_ssl'; then here: ");
        break;
    case FAMILY_TLS:
        break;
    }
    probe_again(c, text);
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

static const struct {
    Writer message, remedy;
} texts[N_FINDINGS] = {
    [FINDING_ROTATION_DUE] = { rotation_due, rotate_if_due },
    [FINDING_ROTATION_OVERDUE] = { rotation_overdue, rotate_now },
    [FINDING_CERTIFICATE_EXPIRING] = { certificate_expiring, rotate_now },
    [FINDING_CERTIFICATE_EXPIRED] = { certificate_expired, rotate_now },
    [FINDING_CERTIFICATE_NOT_YET_VALID] = { certificate_not_yet_valid, look_at_instance },
    [FINDING_CA_EXPIRED] = { ca_expired, rotate_now },
    [FINDING_CA_MISMATCH] = { ca_mismatch, correct_ca },
    [FINDING_CHAIN_UNTRUSTED] = { chain_untrusted, refresh_bundle },
    [FINDING_CHAIN_INCOMPLETE] = { chain_incomplete, rotate_now },
    [FINDING_NAME_MISMATCH] = { name_mismatch, correct_name },
    [FINDING_SELF_SIGNED] = { self_signed, replace_self_signed },
    [FINDING_UNREACHABLE] = { failure, reach },
    [FINDING_TLS_REFUSED] = { failure, allow_tls },
    [FINDING_HANDSHAKE_FAILED] = { failure, probe_again },
    [FINDING_PROBER_BLOCKED] = { prober_blocked, unblock },
    [FINDING_NAME_UNRESOLVED] = { name_unresolved, look_up },
};

/* Names in certificates are foreign bytes, and a message ends on a terminal. */
static char *printable(Buffer *text)
{
    char *s = buffer_take_text(text);
    for (char *c = s; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return s;
}

char *text_message(const Case *c, FindingId id)
{
    Buffer text = { 0 };
    texts[id].message(c, &text);
    return printable(&text);
}

char *text_remedy(const Case *c, FindingId id)
{
    Buffer text = { 0 };
    texts[id].remedy(c, &text);
    return printable(&text);
}
