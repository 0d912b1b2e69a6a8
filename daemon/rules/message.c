/* Every finding's message: what is so, with its dates and its rule. What to type then is in remedy.c. */

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "base/text.h"
#include "rds/rotation.h"
#include "rules/case.h"

#define ADDRESSES_SAID_MAX 8 /* of a name's 64: a message is a line */
#define NAMES_SAID_MAX     3 /* of a certificate's, for the same reason */

static void write_certificate(const Case *c, Buffer *text)
{
    text_certificate(c->server, &c->authority, text);
}

static const char *class_words(const Case *c)
{
    static const char *const words[] = {
        [SOURCE_CONFIGURED] = "",
        [SOURCE_API] = " (class by the RDS API)",
        [SOURCE_LIFETIME] = " (class inferred from its lifetime)",
    };
    return words[c->rotation.source];
}

/* Three clocks run: where it is not the server's that ends first, the other one is said. */
static void write_first(const Case *c, Buffer *text)
{
    if (c->first)
        buffer_printf(text, "; its %s \"%s\" ends first, at %s", certificate_role_to_string(c->first->role),
                      certificate_label(c->first), INSTANT_TEXT(c->first->not_after));
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
    } else if (r->class == CLASS_RESTART) {
        buffer_printf(text, " ends in %s and is only replaced with a restart, which ",
                      DURATION_TEXT((c->first ? c->first : c->server)->not_after - c->now));
        if (case_is_scheduled(c))
            buffer_printf(text, "RDS does at %s", INSTANT_TEXT(c->state->endpoint->rds->current_apply));
        else
            buffer_printf(text, "somebody has to schedule");
        buffer_printf(text, "; overdue from %s", INSTANT_TEXT(r->overdue_after));
    } else
        buffer_printf(text, " is in its renewal period since %s; overdue from %s", INSTANT_TEXT(r->due_at),
                      INSTANT_TEXT(r->overdue_after));
    buffer_printf(text, "%s", class_words(c));
    write_first(c, text);
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
    if (c->found.due < c->server->not_after)
        buffer_printf(text, "; critical from %s", INSTANT_TEXT(c->found.due));
    buffer_printf(text, "%s", class_words(c));
    write_first(c, text);
}

static void certificate_expiring(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text, " ends in %s", DURATION_TEXT(c->server->not_after - c->now));
    write_first(c, text);
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

/* "the root "Amazon RDS ..." (the trust bundle's) above certificate 0A1B (...)" */
static void write_above(const Case *c, Buffer *text)
{
    const char *whose =
        c->found.about == case_root(c) && c->address->verification.anchored ? " of the trust bundle" : "";
    buffer_printf(text, "the %s \"%s\"%s above ", certificate_role_to_string(c->found.about->role),
                  certificate_label(c->found.about), whose);
    write_certificate(c, text);
}

static void above_expired(const Case *c, Buffer *text)
{
    write_above(c, text);
    buffer_printf(text, " expired at %s; every client that verifies refuses the chain",
                  INSTANT_TEXT(c->found.about->not_after));
}

static void above_expiring(const Case *c, Buffer *text)
{
    write_above(c, text);
    buffer_printf(text, " ends in %s, at %s", DURATION_TEXT(c->found.about->not_after - c->now),
                  INSTANT_TEXT(c->found.about->not_after));
    if (c->found.about->role == ROLE_INTERMEDIATE && c->found.about->not_after > c->server->not_after &&
        rotation_months(c->rotation.class) > 0)
        buffer_printf(text,
                      "; a next certificate of %d months would outlive it, so it has to come from another one",
                      rotation_months(c->rotation.class));
    else if (c->found.about->role == ROLE_ROOT)
        buffer_printf(text, "; clients need another root before that, and the instance a certificate from it");
}

static void ca_outlived(const Case *c, Buffer *text)
{
    write_above(c, text);
    buffer_printf(
        text,
        " ends at %s; a certificate of class %s is made for %d months, so the next one, due from %s on, "
        "would outlive it%s",
        INSTANT_TEXT(c->found.about->not_after), rotation_class_to_string(c->rotation.class),
        rotation_months(c->rotation.class), INSTANT_TEXT(c->rotation.due_at), class_words(c));
}

static void ca_mismatch(const Case *c, Buffer *text)
{
    const Endpoint *e = c->state->endpoint;
    if (c->found.configured_differs)
        buffer_printf(text, "configured is %s, but ", e->ca);
    else if (case_differs_from_rds(c))
        buffer_printf(text, "the RDS API says that its CA is %s, but ", e->rds->ca);
    write_certificate(c, text);
    if (c->authority.preview)
        buffer_printf(text, " comes from a Beta or Preview authority of RDS, which is for Amazon's own tests");
    else if (c->authority.trust_services)
        buffer_printf(text, " comes from Amazon Trust Services, as those of proxies do");
    else if (!c->authority.id[0])
        buffer_printf(text, " comes from no authority of RDS");
    else if (case_is_elsewhere(c))
        buffer_printf(text, " comes from the authority of %s, and the endpoint is in %s", c->authority.region,
                      e->region);
    else
        buffer_printf(text, " is served");
}

static void ca_retired(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text,
                  " comes from %s, whose certificates do not rotate by themselves: RDS does that for "
                  "rds-ca-rsa2048-g1, rds-ca-rsa4096-g1 and rds-ca-ecc384-g1 alone",
                  c->authority.id);
    write_first(c, text);
}

static void ca_unknown(const Case *c, Buffer *text)
{
    const Catalogue *catalogue = c->policy->catalogue;
    const Certificate *root = case_root(c);
    write_certificate(c, text);
    if (c->authority.trust_services)
        buffer_printf(text,
                      " comes from Amazon Trust Services, as those of RDS Proxy and Aurora Serverless v1 do, "
                      "but the endpoint is not configured as one");
    else if (!c->authority.id[0])
        buffer_printf(text, " comes from no authority of RDS, although the endpoint's name is RDS's");
    else if (root && case_ca_is_known(c))
        buffer_printf(
            text,
            " leads to a root named \"%s\" that is not the one which the catalogue (%s, %s) has under that "
            "name: its SHA-256 is %s",
            certificate_label(root), catalogue->version, catalogue->origin, root->sha256);
    else
        buffer_printf(text, " comes from %s%s%s, which the catalogue (%s, %s) does not know yet",
                      c->authority.id, c->authority.region[0] ? " of " : "", c->authority.region,
                      catalogue->version, catalogue->origin);
}

static void ca_not_offered(const Case *c, Buffer *text)
{
    const Endpoint *e = c->state->endpoint;
    const char *wanted = endpoint_next_ca(e),
               *which = e->ca && text_same(wanted, e->ca) ? "configured" : "to come";
    if (e->rds && e->rds->offered) {
        buffer_printf(text, "%s is %s, but the RDS API says that %s %s in %s can have %s alone; ", which,
                      wanted, e->rds->engine, e->rds->engine_version, e->region, e->rds->offered);
        write_certificate(c, text);
        buffer_printf(text, " is served");
        return;
    }
    buffer_printf(text,
                  "%s is %s, but the RDS user guide says \"certificates are not available in the following "
                  "Regions\", and %s (%s) is one of them; ",
                  which, wanted, catalogue_region(c->policy->catalogue, e->region)->title, e->region);
    write_certificate(c, text);
    buffer_printf(text, " is served; other sources contradict the guide, and the API has the last word");
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

/* " a.example, b.example, c.example and 997 more" */
static void write_names(const Certificate *c, Buffer *text)
{
    size_t n_kept = strv_length(c->names), n_said = MIN(n_kept, NAMES_SAID_MAX),
           n_more = n_kept - n_said + c->n_more_names;
    for (size_t i = 0; i < n_said; i++)
        buffer_printf(text, "%s %s", i ? "," : "", c->names[i]);
    if (n_more > 0)
        buffer_printf(text, "%s %zu %s", n_said ? " and" : "", n_more, n_said ? "more" : "names");
}

static void name_mismatch(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text, " does not carry the name \"%s\"; it is for", endpoint_verify_name(c->state->endpoint));
    if (!c->server->names && c->server->n_more_names == 0)
        buffer_printf(text, " \"%s\" (CN, no subjectAltName)",
                      c->server->subject_cn ? c->server->subject_cn : "");
    write_names(c->server, text);
}

static void no_names(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text,
                  " carries its name as CN alone and has no subjectAltName; clients that keep to RFC 9525 "
                  "refuse it");
}

/* "certificate 0A1B (...)", or "the intermediate "Amazon RDS ..." above certificate 0A1B (...)" */
static void write_weak(const Case *c, Buffer *text)
{
    if (c->found.about == c->server)
        write_certificate(c, text);
    else
        write_above(c, text);
}

static void weak_key(const Case *c, Buffer *text)
{
    write_weak(c, text);
    buffer_printf(text, " has a key of %s, which is under 112 bits of security; current clients refuse it",
                  c->found.about->key);
}

static void weak_signature(const Case *c, Buffer *text)
{
    write_weak(c, text);
    buffer_printf(text, " is signed with %s, whose hash can be forged; current clients refuse it",
                  c->found.about->signature);
}

static void self_signed(const Case *c, Buffer *text)
{
    write_certificate(c, text);
    buffer_printf(text,
                  " is self-signed: made by the server itself, and no client can tell it from anybody else's");
}

/* Then nobody is told, and who looks knows why. */
static void write_away(const Case *c, Buffer *text)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    if (!case_is_away(c))
        return;
    if (rds->missing_since != INSTANT_NONE)
        buffer_printf(text, "; RDS does not name it any more since %s", INSTANT_TEXT(rds->missing_since));
    else
        buffer_printf(text, "; RDS says that it is %s", rds->status);
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
    write_away(c, text);
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
    write_away(c, text);
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
    buffer_printf(text, "behind %s %s: ", c->state->endpoint->host, words[c->found.difference]);
    for (size_t i = 0; i < c->n_parts; i++) {
        const Case *part = &c->parts[i];
        if (!part->server || part->address->gone)
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

static void certificate_unstable(const Case *c, Buffer *text)
{
    const Shown *shown = c->address->shown;
    buffer_printf(text,
                  "the server has shown %u different certificates within %s; no client can pin one, and "
                  "dbcertd reports no single change: history keeps the first and the latest; now ",
                  shown->n_since, DURATION_TEXT(c->address->seen->observed_at - shown->since));
    write_certificate(c, text);
    buffer_printf(text, " is served");
}

static void plaintext_accepted(const Case *c, Buffer *text)
{
    buffer_printf(
        text,
        "the server takes connections without TLS (found out at %s); passwords and data may travel in "
        "the clear, and no certificate protects who does not ask for one",
        INSTANT_TEXT(c->address->plaintext_at));
}

static void restart_pending(const Case *c, Buffer *text)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    buffer_printf(text, "the RDS API says that it has a certificate");
    if (rds->ca)
        buffer_printf(text, " of %s", rds->ca);
    if (rds->valid_till != INSTANT_NONE)
        buffer_printf(text, " valid to %s", INSTANT_TEXT(rds->valid_till));
    buffer_printf(text, " (first said at %s), but ", INSTANT_TEXT(rds->since));
    write_certificate(c, text);
    buffer_printf(text, " is still served: the new one waits for a restart");
}

static void write_date(Buffer *text, const char *words, int64_t instant)
{
    if (instant != INSTANT_NONE)
        buffer_printf(text, "%s %s", words, INSTANT_TEXT(instant));
}

static void maintenance_scheduled(const Case *c, Buffer *text)
{
    const RdsEndpoint *rds = c->state->endpoint->rds;
    const Window *window = &c->state->endpoint->maintenance_window;
    if (rds->maintenance) {
        buffer_printf(text, "RDS has a pending ca-certificate-rotation");
        write_date(text, ", to be applied at", rds->current_apply);
        write_date(text, ", applied in the maintenance window after", rds->auto_applied_after);
        write_date(text, ", forced at", rds->forced_apply);
        if (rds->current_apply == INSTANT_NONE && rds->auto_applied_after == INSTANT_NONE &&
            rds->forced_apply == INSTANT_NONE)
            buffer_printf(text, ", without a date as yet");
    }
    if (rds->pending_ca) {
        buffer_printf(text, "%sits CA is to become %s in the next maintenance window",
                      rds->maintenance ? "; " : "", rds->pending_ca);
        if (window->known)
            buffer_printf(text, " %s, which ends at %s", WINDOW_TEXT(window),
                          INSTANT_TEXT(window_next_end(window, c->now)));
    }
}

static const Writer messages[N_FINDINGS] = {
    [FINDING_RESTART_PENDING] = restart_pending,
    [FINDING_MAINTENANCE_SCHEDULED] = maintenance_scheduled,
    [FINDING_ROTATION_DUE] = rotation_due,
    [FINDING_ROTATION_OVERDUE] = rotation_overdue,
    [FINDING_CERTIFICATE_EXPIRING] = certificate_expiring,
    [FINDING_CERTIFICATE_EXPIRED] = certificate_expired,
    [FINDING_CERTIFICATE_NOT_YET_VALID] = certificate_not_yet_valid,
    [FINDING_INTERMEDIATE_EXPIRING] = above_expiring,
    [FINDING_INTERMEDIATE_EXPIRED] = above_expired,
    [FINDING_CA_EXPIRING] = above_expiring,
    [FINDING_CA_EXPIRED] = above_expired,
    [FINDING_CA_OUTLIVED] = ca_outlived,
    [FINDING_CA_MISMATCH] = ca_mismatch,
    [FINDING_CA_RETIRED] = ca_retired,
    [FINDING_CA_UNKNOWN] = ca_unknown,
    [FINDING_CA_NOT_OFFERED] = ca_not_offered,
    [FINDING_CHAIN_UNTRUSTED] = chain_untrusted,
    [FINDING_CHAIN_INCOMPLETE] = chain_incomplete,
    [FINDING_NAME_MISMATCH] = name_mismatch,
    [FINDING_SELF_SIGNED] = self_signed,
    [FINDING_NO_SUBJECT_ALTERNATIVE_NAME] = no_names,
    [FINDING_WEAK_KEY] = weak_key,
    [FINDING_WEAK_SIGNATURE] = weak_signature,
    [FINDING_LEGACY_TLS] = legacy_tls,
    [FINDING_ADDRESSES_DISAGREE] = addresses_disagree,
    [FINDING_CERTIFICATE_UNSTABLE] = certificate_unstable,
    [FINDING_PLAINTEXT_ACCEPTED] = plaintext_accepted,
    [FINDING_UNREACHABLE] = failure,
    [FINDING_TLS_REFUSED] = failure,
    [FINDING_HANDSHAKE_FAILED] = failure,
    [FINDING_PROBER_BLOCKED] = prober_blocked,
    [FINDING_NAME_UNRESOLVED] = name_unresolved,
};

char *text_message(const Case *c, FindingId id)
{
    Buffer text = { 0 };
    messages[id](c, &text);
    return text_bounded(&text);
}
