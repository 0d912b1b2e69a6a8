/* Every finding's message: what is so, with its dates and its rule. What to type then is in remedy.c. */

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "rules/case.h"

#define ADDRESSES_SAID_MAX 8 /* of a name's 64: a message is a line */

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
    buffer_printf(text, " does not verify against %s: %s",
                  endpoint_is_acm(c->state->endpoint) ? "the system's bundle of roots" : "the trust bundle",
                  c->address->verification.reason);
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

static void legacy_tls(const Case *c, Buffer *text)
{
    const Observation *seen = c->address->seen;
    buffer_printf(text, "the server chose %s with %s", seen->tls_version, seen->tls_cipher);
    if (seen->tls_age == TLS_AGE_OLD_VERSION)
        buffer_printf(text, ", although it was offered TLS 1.2; clients that keep to RFC 8996 refuse it");
    else
        buffer_printf(text,
                      ", although it was offered forward secrecy and current ciphers; clients that keep to RFC "
                      "9325 refuse it");
}

static void addresses_disagree(const Case *c, Buffer *text)
{
    static const char *const words[] = {
        [DIFFERENCE_AGE] = "instances differ in age: one is past the time to rotate, another is not",
        [DIFFERENCE_SERIAL] = "some addresses serve an older certificate of the same instance",
        [DIFFERENCE_CA] = "the certificates come from different CAs",
    };
    size_t n_said = 0, n = 0;
    buffer_printf(text, "behind %s %s: ", c->state->endpoint->host, words[c->difference]);
    for (size_t i = 0; i < c->n_parts; i++) {
        const Case *part = &c->parts[i];
        if (!case_is_current(part))
            continue;
        n++;
        if (n_said == ADDRESSES_SAID_MAX)
            continue;
        buffer_printf(text, "%s%s has ", n_said++ ? "; " : "", part->address->address.text);
        write_certificate(part, text);
    }
    if (n > n_said)
        buffer_printf(text, "; and %zu more", n - n_said);
}

static void plaintext_accepted(const Case *c, Buffer *text)
{
    buffer_printf(
        text,
        "the server takes connections without TLS (found out at %s); passwords and data may travel in "
        "the clear, and no certificate protects who does not ask for one",
        INSTANT_TEXT(c->address->plaintext_at));
}

static const Writer messages[N_FINDINGS] = {
    [FINDING_ROTATION_DUE] = rotation_due,
    [FINDING_ROTATION_OVERDUE] = rotation_overdue,
    [FINDING_CERTIFICATE_EXPIRING] = certificate_expiring,
    [FINDING_CERTIFICATE_EXPIRED] = certificate_expired,
    [FINDING_CERTIFICATE_NOT_YET_VALID] = certificate_not_yet_valid,
    [FINDING_CA_EXPIRED] = ca_expired,
    [FINDING_CA_MISMATCH] = ca_mismatch,
    [FINDING_CHAIN_UNTRUSTED] = chain_untrusted,
    [FINDING_CHAIN_INCOMPLETE] = chain_incomplete,
    [FINDING_NAME_MISMATCH] = name_mismatch,
    [FINDING_SELF_SIGNED] = self_signed,
    [FINDING_LEGACY_TLS] = legacy_tls,
    [FINDING_ADDRESSES_DISAGREE] = addresses_disagree,
    [FINDING_PLAINTEXT_ACCEPTED] = plaintext_accepted,
    [FINDING_UNREACHABLE] = failure,
    [FINDING_TLS_REFUSED] = failure,
    [FINDING_HANDSHAKE_FAILED] = failure,
    [FINDING_PROBER_BLOCKED] = prober_blocked,
    [FINDING_NAME_UNRESOLVED] = name_unresolved,
};

char *text_printable(Buffer *text)
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
    messages[id](c, &text);
    return text_printable(&text);
}
