/* What several endpoints may have a finding from: then they are told of together. */

#include <string.h>

#include "base/instant.h"
#include "rules/case.h"

static void cause_of_above(const Case *c, Buffer *text)
{
    buffer_printf(text, "the %s \"%s\", valid to %s", certificate_role_to_string(c->found.about->role),
                  certificate_label(c->found.about), INSTANT_TEXT(c->found.about->not_after));
}

/* The CA, where the server's certificate ends with it or after it; else its end is its own. */
static void cause_of_end(const Case *c, Buffer *text)
{
    for (size_t i = 0; i < c->path->n; i++) {
        Case above = *c;
        above.found.about = c->path->certificates[i];
        if (above.found.about->not_after <= c->server->not_after) {
            cause_of_above(&above, text);
            return;
        }
    }
}

/* "rds-ca-2019 of us-east-1" */
static void cause_of_signer(const Case *c, Buffer *text)
{
    const Authority *a = &c->authority;
    if (a->id[0])
        buffer_printf(text, "%s%s%s signs them", a->id, a->region[0] ? " of " : "", a->region);
    else
        buffer_printf(text, "\"%s\" signs them", certificate_issuer_label(c->server));
}

static void cause_of_mismatch(const Case *c, Buffer *text)
{
    if (endpoint_ca(c->state->endpoint))
        buffer_printf(text, "%s is %s, and ", endpoint_ca(c->state->endpoint),
                      c->state->endpoint->ca ? "configured" : "what the RDS API says");
    cause_of_signer(c, text);
}

static void cause_of_maintenance(const Case *c _unused_, Buffer *text)
{
    buffer_printf(text, "RDS has them scheduled");
}

static void cause_of_network(const Case *c _unused_, Buffer *text)
{
    buffer_printf(text, "perhaps the network of this host");
}

static void cause_of_names(const Case *c _unused_, Buffer *text)
{
    buffer_printf(text, "perhaps the name server of this host");
}

/* All addresses of one endpoint. */
static void cause_of_instability(const Case *c, Buffer *text)
{
    buffer_printf(text, "%s shows one new certificate after the other", c->state->endpoint->host);
}

/* What has each certificate to itself, as its dates and its names, has none. */
static const Writer causes[N_FINDINGS] = {
    [FINDING_CERTIFICATE_EXPIRING] = cause_of_end,
    [FINDING_CERTIFICATE_EXPIRED] = cause_of_end,
    [FINDING_INTERMEDIATE_EXPIRING] = cause_of_above,
    [FINDING_INTERMEDIATE_EXPIRED] = cause_of_above,
    [FINDING_CA_EXPIRING] = cause_of_above,
    [FINDING_CA_EXPIRED] = cause_of_above,
    [FINDING_CA_OUTLIVED] = cause_of_above,
    [FINDING_CA_MISMATCH] = cause_of_mismatch,
    [FINDING_CA_RETIRED] = cause_of_signer,
    [FINDING_CA_UNKNOWN] = cause_of_signer,
    [FINDING_CA_NOT_OFFERED] = cause_of_mismatch,
    [FINDING_CHAIN_UNTRUSTED] = cause_of_signer,
    [FINDING_CHAIN_INCOMPLETE] = cause_of_signer,
    [FINDING_UNREACHABLE] = cause_of_network,
    [FINDING_CERTIFICATE_UNSTABLE] = cause_of_instability,
    [FINDING_NAME_UNRESOLVED] = cause_of_names,
    [FINDING_MAINTENANCE_SCHEDULED] = cause_of_maintenance,
};

char *text_cause(const Case *c, FindingId id)
{
    Buffer text = { 0 };
    if (!causes[id])
        return NULL;
    causes[id](c, &text);
    return text.size > 0 ? text_bounded(&text) : NULL;
}
