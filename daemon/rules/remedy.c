/*
 * What to do about each finding, as steps. Names out of certificates are foreign bytes: none of them is part of
 * a command or of its comment, except a subject alternative name that is a host name.
 */

#include "rules/remedy.h"

#include "base/value.h"
#include "rds/hostname.h"
#include "rules/command.h"

/* "The default CA is set to rds-ca-rsa2048-g1." */
#define DEFAULT_CA "rds-ca-rsa2048-g1"

/* Neither the name nor the certificate is RDS's: then no command of RDS's helps. */
static bool is_foreign(const Case *c)
{
    return !c->authority.id[0] && !case_is_rds(c);
}

/* AWS Certificate Manager renews by itself, and nobody else can. */
static void look_at_acm(const Case *c, StepList *steps)
{
    RdsHostname host;
    bool known = rds_hostname_parse(case_endpoint(c)->host, &host);
    const bool redshift = case_endpoint(c)->engine->acm;
    Step *step = steps_append(steps, STEP_LOOK, PLACE_AWS);
    if (redshift)
        step_words(step, "aws redshift describe-clusters");
    else
        step_words(step, "aws rds describe-db-proxies");
    if (known && redshift)
        step_words(step, "--cluster-identifier");
    else if (known)
        step_words(step, "--db-proxy-name");
    if (known)
        step_value(step, host.id);
    command_region(step, case_endpoint(c)->region);
    steps_by_hand(
        steps, STEP_CHANGE, PLACE_AWS,
        "AWS Certificate Manager renews the certificate; if it does not, open a case with AWS Support");
}

/* What the region gives to new instances, as far as the API was asked. */
static const char *default_ca(const Case *c)
{
    const RdsEndpoint *rds = case_endpoint(c)->rds;
    return rds && rds->default_ca && authority_id_rotates(rds->default_ca) ? rds->default_ca : DEFAULT_CA;
}

/* The one it is set to or is to be; else the one that signs now, if it still does; else RDS's default. */
static const char *wanted_ca(const Case *c)
{
    const char *set = endpoint_next_ca(case_endpoint(c));
    return set ? set : authority_rotates(&c->authority) ? c->authority.id : default_ca(c);
}

/* The one to move to: the wanted one if it still rotates, else RDS's default. */
static const char *next_ca(const Case *c)
{
    const char *wanted = wanted_ca(c);
    return authority_id_rotates(wanted) ? wanted : default_ca(c);
}

static const char *restart_words(const Case *c)
{
    switch (c->rotation.class) {
    case CLASS_ONLINE:
        return "does not restart the database";
    case CLASS_RESTART:
        return "restarts the database";
    default:
        return "may restart the database";
    }
}

static void modify(const Case *c, StepList *steps, const char *ca, bool at_once)
{
    Step *step = command_instance(steps, STEP_CHANGE, case_endpoint(c), "modify-db-instance");
    step_words(step, "--ca-certificate-identifier");
    step_value(step, ca);
    if (at_once)
        step_words(step, "--apply-immediately");
    else
        step_words(step, "--no-apply-immediately");
    command_region(step, case_endpoint(c)->region);
    step_effect(step, "%s, %s; refuses clients that do not trust %s",
                at_once ? "at once" : "in the maintenance window", restart_words(c), ca);
}

static void look_at_instance(const Case *c, StepList *steps)
{
    if (endpoint_is_acm(case_endpoint(c))) {
        look_at_acm(c, steps);
        return;
    }
    Step *step = command_instance(steps, STEP_LOOK, case_endpoint(c), "describe-db-instances");
    step_words(step,
               "--query 'DBInstances[].[CertificateDetails,PreferredMaintenanceWindow,PendingModifiedValues]'");
    command_region(step, case_endpoint(c)->region);
}

static void rotate_now(const Case *c, StepList *steps)
{
    if (endpoint_is_acm(case_endpoint(c))) {
        look_at_acm(c, steps);
        return;
    }
    if (is_foreign(c))
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER, "install a new certificate on the server");
    else
        modify(c, steps, next_ca(c), true);
    command_probe(steps, case_endpoint(c)->name);
}

static void rotate_if_due(const Case *c, StepList *steps)
{
    if (c->rotation.class == CLASS_RESTART)
        modify(c, steps, next_ca(c), false);
    else
        look_at_instance(c, steps);
}

/* Clients first, then instances: the plan has both. */
static void change_ca(const Case *c, StepList *steps)
{
    if (endpoint_is_acm(case_endpoint(c))) {
        look_at_acm(c, steps);
    } else if (is_foreign(c)) {
        steps_by_hand(steps, STEP_CHANGE, PLACE_CLIENT, "add another root to the trust stores of the clients");
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER, "install a certificate from that root on the server");
        command_probe(steps, case_endpoint(c)->name);
    } else {
        Step *step = steps_append(steps, STEP_LOOK, PLACE_HERE);
        step_words(step, "dbcertctl plan");
        step_value(step, next_ca(c));
    }
}

/* While clients cannot connect, the instance does not wait for its window: the guide's own advice. */
static void replace_ca(const Case *c, StepList *steps)
{
    change_ca(c, steps);
    if (!endpoint_is_acm(case_endpoint(c)) && !is_foreign(c))
        modify(c, steps, next_ca(c), true);
}

static void show_certificates(const Case *c, StepList *steps)
{
    Step *step = steps_append(steps, STEP_LOOK, PLACE_AWS);
    step_words(
        step,
        "aws rds describe-certificates --query 'Certificates[].[CertificateIdentifier,Thumbprint,ValidTill]'");
    command_region(step, case_endpoint(c)->region);
}

static void identify_ca(const Case *c, StepList *steps)
{
    if (c->authority.trust_services) {
        command_show(steps, case_endpoint(c)->name);
        command_configure(steps, "if %s is a proxy, set kind = \"proxy\" for it", case_endpoint(c)->name);
    } else if (!c->authority.id[0])
        look_at_instance(c, steps);
    else if (case_ca_is_known(c)) {
        command_show(steps, case_endpoint(c)->name);
        step_words(steps_append(steps, STEP_LOOK, PLACE_HERE), "dbcertctl authorities --json");
        steps_by_hand(steps, STEP_LOOK, PLACE_HERE,
                      "find out who answers at this address, and who put that root into the bundle");
    } else {
        show_certificates(c, steps);
        steps_by_hand(steps, STEP_CHANGE, PLACE_HERE,
                      "install a newer dbcertd, or a newer catalogue.tsv beside dbcertd.conf");
    }
}

static void look_up_region(const Case *c, StepList *steps)
{
    remedy_look_up(c, steps);
    command_configure(steps, "if that is the right instance, set region = \"%s\" for %s", c->authority.region,
                      case_endpoint(c)->name);
}

static void correct_ca(const Case *c, StepList *steps)
{
    if (c->authority.trust_services)
        identify_ca(c, steps);
    else if (case_is_elsewhere(c))
        look_up_region(c, steps);
    else if (!c->found.configured_differs && case_differs_from_rds(c))
        look_at_instance(c, steps);
    else {
        command_show(steps, case_endpoint(c)->name);
        if (case_endpoint(c)->ca && c->authority.id[0] && !c->authority.preview)
            command_configure(steps, "if %s is right, set ca = \"%s\" for %s", c->authority.id, c->authority.id,
                              case_endpoint(c)->name);
        modify(c, steps, next_ca(c), false);
    }
}

static void ask_for_offer(const Case *c, StepList *steps)
{
    const Endpoint *e = case_endpoint(c);
    bool asked = e->rds && e->rds->offered;
    if (asked)
        command_versions(steps, e);
    else
        command_offer(steps, e->region);
    if (asked && e->ca)
        command_configure(steps, "set ca to one of them for %s", e->name);
    else if (!asked)
        command_configure(steps, "if %s is not among them, set ca = \"%s\" for %s", endpoint_next_ca(e),
                          c->authority.id[0] ? c->authority.id : DEFAULT_CA, e->name);
}

static void refresh_bundle(const Case *c, StepList *steps)
{
    const Catalogue *catalogue = c->policy->catalogue;
    if (endpoint_is_acm(case_endpoint(c)))
        step_words(steps_append(steps, STEP_CHANGE, PLACE_HERE),
                   "apt-get install -y ca-certificates && systemctl reload dbcertd");
    else
        command_bundle(steps,
                       catalogue ? catalogue_bundle_url(catalogue, case_endpoint(c)->region) : BUNDLE_URL);
    command_probe(steps, case_endpoint(c)->name);
}

static void correct_name(const Case *c, StepList *steps)
{
    char **names = c->server->names;
    const char *name = case_endpoint(c)->name;
    command_show(steps, name);
    if (names && value_is_host(names[0]))
        command_configure(steps, "set host to the endpoint's own name, or verify_name = \"%s\", for %s",
                          names[0], name);
    else
        command_configure(steps, "set host to the endpoint's own name for %s", name);
}

static void compare(const Case *c, StepList *steps)
{
    command_show(steps, case_endpoint(c)->name);
    if (case_is_rds(c) && !endpoint_is_acm(case_endpoint(c)))
        look_at_instance(c, steps);
}

/* RDS has it ready; the database takes it when it starts. */
static void restart(const Case *c, StepList *steps)
{
    command_restart(steps, case_endpoint(c));
    command_probe(steps, case_endpoint(c)->name);
}

static void see_maintenance(const Case *c, StepList *steps)
{
    const RdsEndpoint *rds = case_endpoint(c)->rds;
    if (!rds->maintenance) {
        modify(c, steps, rds->pending_ca, true);
        return;
    }
    Step *step = steps_append(steps, STEP_LOOK, PLACE_AWS);
    step_words(step, "aws rds describe-pending-maintenance-actions --filters");
    if (rds->kind == RDS_INSTANCE)
        step_words(step, "Name=db-instance-id,Values=");
    else
        step_words(step, "Name=db-cluster-id,Values=");
    step_glue_value(step, rds->identifier);
    command_region(step, case_endpoint(c)->region);
}

static void probe_again(const Case *c, StepList *steps)
{
    command_probe(steps, case_endpoint(c)->name);
}

/* A certificate that was made new for each connection, or at each start, cannot be trusted. */
static void keep_certificate(const Case *c, StepList *steps)
{
    Step *step = steps_append(steps, STEP_LOOK, PLACE_HERE);
    step_words(step, "dbcertctl history");
    step_value(step, case_endpoint(c)->name);
    steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER, "give the server a certificate and a key that it keeps%s",
                  case_is_rds(c) ? "" : " (ssl_cert, ssl_key)");
    command_probe(steps, case_endpoint(c)->name);
}

static const Remedy remedies[N_FINDINGS] = {
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
    [FINDING_SELF_SIGNED] = remedy_self_signed,
    [FINDING_NO_SUBJECT_ALTERNATIVE_NAME] = rotate_now,
    [FINDING_WEAK_KEY] = rotate_now,
    [FINDING_WEAK_SIGNATURE] = rotate_now,
    [FINDING_LEGACY_TLS] = remedy_modernise,
    [FINDING_ADDRESSES_DISAGREE] = compare,
    [FINDING_CERTIFICATE_UNSTABLE] = keep_certificate,
    [FINDING_PLAINTEXT_ACCEPTED] = remedy_require_tls,
    [FINDING_UNREACHABLE] = remedy_reach,
    [FINDING_TLS_REFUSED] = remedy_allow_tls,
    [FINDING_HANDSHAKE_FAILED] = probe_again,
    [FINDING_PROBER_BLOCKED] = remedy_unblock,
    [FINDING_NAME_UNRESOLVED] = remedy_look_up,
};

StepList steps_of(const Case *c, FindingId id)
{
    StepList steps = { 0 };
    remedies[id](c, &steps);
    return steps;
}
