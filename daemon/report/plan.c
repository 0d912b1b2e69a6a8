#include "report/plan.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "rds/authority.h"
#include "rds/hostname.h"
#include "report/authorities.h"
#include "rules/command.h"
#include "rules/rule-trust.h"

static const char *const step_kinds[] = {
    [PLAN_TRUST_STORE] = "trust-store", [PLAN_BUNDLE] = "bundle",   [PLAN_INSTANCE] = "instance",
    [PLAN_CONFIGURE] = "configure",     [PLAN_NOTHING] = "nothing",
};
DEFINE_STRING_TABLE(plan_step, PlanStepKind, step_kinds);

PlanStep *plan_append(Plan *plan, PlanStepKind kind, const char *subject)
{
    plan->steps = xgrow(plan->steps, plan->n, sizeof *plan->steps);
    plan->steps[plan->n] = (PlanStep) { .kind = kind, .subject = xstrdup(subject) };
    return &plan->steps[plan->n++];
}

void plan_deinit(Plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        free(plan->steps[i].subject);
        free(plan->steps[i].text);
        steps_deinit(&plan->steps[i].steps);
        free(plan->steps[i].restart);
        free(plan->steps[i].blocked);
    }
    free(plan->steps);
    free(plan->ca);
    *plan = (Plan) { 0 };
}

/* One endpoint on its way to a CA. */
typedef struct Move {
    const EndpointState *state;
    const Endpoint *endpoint;
    const KnownCertificate *root; /* NULL: the catalogue has none for its region */
    const Region *region;         /* NULL: not known */
    const char *nothing;          /* why nothing is to be done; NULL: something is */
} Move;

static bool is_of_instances(const Endpoint *e)
{
    return e->discovered && e->rds->kind != RDS_INSTANCE;
}

/* It has that CA already, by the API, and serves another one. */
static bool awaits_restart(const Move *m, const char *ca)
{
    return m->endpoint->rds && text_same(m->endpoint->rds->ca, ca) && m->state->served_ca &&
           strcmp(m->state->served_ca, ca) != 0;
}

static const char *nothing_to_do(const Endpoint *e, const char *served, const char *ca)
{
    RdsHostname host;
    if (e->rds && text_same(e->rds->pending_ca, ca))
        return "RDS changes it in its next maintenance window";
    if (is_of_instances(e) && !endpoint_is_acm(e))
        return "it serves its instances' certificates, and they have steps of their own";
    if (endpoint_is_acm(e))
        return "its certificate comes from AWS Certificate Manager, which renews it";
    if (served && strcmp(served, ca) == 0)
        return "it serves this CA already";
    return rds_hostname_parse(e->host, &host) || e->region || served || e->ca
               ? NULL
               : "neither its name nor its certificate is RDS's";
}

static Move move_of(const EndpointState *state, const Catalogue *catalogue, const char *ca)
{
    const Endpoint *e = state->endpoint;
    return (Move) {
        .state = state,
        .endpoint = e,
        .root = e->region ? catalogue_root(catalogue, ca, e->region) : NULL,
        .region = catalogue_region(catalogue, e->region),
        .nothing = nothing_to_do(e, state->served_ca, ca),
    };
}

/* Whether one before it asks for the same root, in this store (NULL: at all): a region's endpoints share it. */
static bool is_said(const Move *moves, size_t i, const TrustStore *store)
{
    for (size_t j = 0; j < i; j++)
        if (!moves[j].nothing && moves[j].root == moves[i].root &&
            (!store || trust_store_concerns(store, moves[j].endpoint->name)))
            return true;
    return false;
}

/* Clients first: "update your applications to use the new SSL/TLS certificate". */
static void plan_trust(const Snapshot *snapshot, const Catalogue *catalogue, const Move *moves, size_t n,
                       Plan *plan)
{
    for (size_t s = 0; s < snapshot->n_trust_stores; s++) {
        const TrustStoreState *store = snapshot->trust_stores[s];
        for (size_t i = 0; i < n; i++) {
            const Move *m = &moves[i];
            if (m->nothing || !m->root || !trust_store_concerns(store->store, m->endpoint->name) ||
                strv_contains(store->fingerprints, m->root->sha256) || is_said(moves, i, store->store))
                continue;
            PlanStep *step = plan_append(plan, PLAN_TRUST_STORE, store->store->name);
            step->text = xasprintf("add \"%s\" to %s, for the clients of %s and others in %s", m->root->cn,
                                   store->store->path, m->endpoint->name, m->endpoint->region);
            trust_store_steps(store, catalogue, m->endpoint->region, &step->steps);
            step->blocked = store->error ? xasprintf("the store cannot be read: %s", store->error)
                                         : xstrdup("clients with this store would refuse the new certificate");
        }
    }
    for (size_t i = 0; i < n; i++) {
        const Move *m = &moves[i];
        if (m->nothing || !m->root || is_said(moves, i, NULL) ||
            strv_contains(snapshot->trusted, m->root->sha256))
            continue;
        PlanStep *step = plan_append(plan, PLAN_BUNDLE, NULL);
        step->text = xasprintf("add \"%s\" to what dbcertd itself trusts", m->root->cn);
        command_bundle(&step->steps, catalogue_bundle_url(catalogue, m->endpoint->region));
    }
}

/* "SupportsCertificateRotationWithoutRestart" says whether the change restarts the database. */
static char *restart_of(const Move *m, const char *ca)
{
    const Rotation *r = &m->state->rotation;
    const char *source = m->state->oldest ? rotation_source_to_string(r->source) : NULL;
    if (awaits_restart(m, ca))
        return xstrdup("yes: that is what it waits for");
    switch (m->state->oldest ? r->class : CLASS_AUTO) {
    case CLASS_ONLINE:
        return xasprintf("no (class online, by %s)", source);
    case CLASS_RESTART:
        return xasprintf(
            "yes (class restart, by %s); with --no-certificate-rotation-restart the old certificate is "
            "served until the next one",
            source);
    default:
        return xstrdup("not known; see SupportsCertificateRotationWithoutRestart of its engine version");
    }
}

/* A cluster's endpoints name no instance: the API lists its members, and each of them is changed. */
static void modify_members(const Move *m, const RdsHostname *host, const char *ca, StepList *steps)
{
    Step *step = steps_append(steps, STEP_CHANGE, PLACE_AWS);
    command_members(step, host);
    step_words(step, "--output text");
    command_region(step, m->endpoint->region);
    step_words(step, "| xargs -r -n 1 aws");
    step_value(step, host->service);
    step_words(step, "modify-db-instance --ca-certificate-identifier");
    step_value(step, ca);
    command_region(step, m->endpoint->region);
    step_words(step, "--db-instance-identifier");
    step_effect(step, "changes every instance of the cluster, each in its maintenance window");
}

/* The database's own commands, after looks at what is not known. */
static void write_steps(const Move *m, const Snapshot *snapshot, const char *ca, StepList *steps)
{
    RdsHostname host;
    bool known = rds_hostname_parse(m->endpoint->host, &host);
    if (!m->state->served_ca)
        command_show(steps, m->endpoint->name);
    if (m->region && !authorities_offers(snapshot, m->region, ca))
        command_offer(steps, m->region->name);
    if (known && rds_hostname_is_cluster(&host)) {
        modify_members(m, &host, ca, steps);
        return;
    }
    if (awaits_restart(m, ca)) {
        command_restart(steps, m->endpoint);
        return;
    }
    if (!m->state->oldest ||
        (m->state->rotation.class != CLASS_ONLINE && m->state->rotation.class != CLASS_RESTART))
        command_versions(steps, m->endpoint);
    Step *step = command_instance(steps, STEP_CHANGE, m->endpoint, "modify-db-instance");
    step_words(step, "--ca-certificate-identifier");
    step_value(step, ca);
    command_region(step, m->endpoint->region);
    step_effect(step, "in the maintenance window; refuses clients that do not trust %s", ca);
}

static char *obstacle(const Move *m, const Snapshot *snapshot, const char *ca)
{
    Buffer text = { 0 };
    const RdsEndpoint *rds = m->endpoint->rds;
    if (rds && !rds_endpoint_offers(rds, ca))
        buffer_printf(&text, "the RDS API says that %s %s can have %s alone", rds->engine, rds->engine_version,
                      rds->offered);
    else if (m->region && !authorities_offers(snapshot, m->region, ca))
        buffer_printf(&text, "the RDS %s says that %s does not offer it",
                      authorities_inventory(snapshot, m->region->name) ? "API" : "user guide",
                      m->region->title);
    else if (m->endpoint->region && !m->root)
        buffer_printf(&text, "the catalogue has no such CA in %s", m->endpoint->region);
    for (size_t i = 0; m->root && i < snapshot->n_trust_stores; i++) {
        const TrustStoreState *store = snapshot->trust_stores[i];
        if (trust_store_concerns(store->store, m->endpoint->name) &&
            !strv_contains(store->fingerprints, m->root->sha256))
            buffer_printf(&text, "%strust store %s lacks the root", text.size ? "; " : "", store->store->name);
    }
    if (!m->state->served_ca)
        buffer_printf(&text, "%sno probe has seen what it serves now", text.size ? "; " : "");
    return text.size ? buffer_take_text(&text) : NULL;
}

static void plan_instance(const Move *m, const Snapshot *snapshot, const char *ca, Plan *plan)
{
    PlanStep *step = plan_append(plan, PLAN_INSTANCE, m->endpoint->name);
    const Window *window = &m->endpoint->maintenance_window;
    if (awaits_restart(m, ca))
        step->text = xasprintf("restart %s: by the RDS API it has %s already, and serves %s until then",
                               m->endpoint->host, ca, m->state->served_ca);
    else
        step->text = xasprintf(
            "change %s from %s to %s; RDS does it in the next maintenance window%s%s, or at once with "
            "--apply-immediately",
            m->endpoint->host, m->state->served_ca ? m->state->served_ca : "what it serves now", ca,
            window->known ? " " : "", window->known ? WINDOW_TEXT(window) : "");
    if (strcmp(m->endpoint->engine_name, "aurora-postgresql") == 0) {
        _cleanup_free_ char *text = TAKE(step->text);
        step->text = xasprintf("%s; a Babelfish cluster has to be rebooted afterwards", text);
    }
    write_steps(m, snapshot, ca, &step->steps);
    step->restart = restart_of(m, ca);
    step->blocked = obstacle(m, snapshot, ca);
}

static void plan_configuration(const Move *m, const char *ca, Plan *plan)
{
    if (m->endpoint->discovered || text_same(m->endpoint->ca, ca))
        return; /* what is discovered is expected as the API says */
    PlanStep *step = plan_append(plan, PLAN_CONFIGURE, m->endpoint->name);
    step->text = xasprintf("set ca = \"%s\" for %s (%s)", ca, m->endpoint->name, m->endpoint->origin);
    step_words(steps_append(&step->steps, STEP_CHANGE, PLACE_HERE), "systemctl reload dbcertd");
    command_probe(&step->steps, m->endpoint->name);
}

int plan_make(const Snapshot *snapshot, const char *ca, Plan *ret)
{
    const Catalogue *catalogue = snapshot->catalogue;
    size_t n = snapshot->n_endpoints;
    *ret = (Plan) { 0 };
    if (!catalogue_has_ca(catalogue, ca) || !authority_id_rotates(ca))
        return -ENOENT;
    ret->ca = xstrdup(ca);
    _cleanup_free_ Move *moves = xcalloc(n + 1, sizeof *moves);
    for (size_t i = 0; i < n; i++)
        moves[i] = move_of(snapshot->endpoints[i], catalogue, ca);
    plan_trust(snapshot, catalogue, moves, n, ret);
    for (size_t i = 0; i < n; i++)
        if (!moves[i].nothing)
            plan_instance(&moves[i], snapshot, ca, ret);
    for (size_t i = 0; i < n; i++)
        if (!moves[i].nothing)
            plan_configuration(&moves[i], ca, ret);
    for (size_t i = 0; i < n; i++)
        if (moves[i].nothing)
            plan_append(ret, PLAN_NOTHING, moves[i].endpoint->name)->text = xstrdup(moves[i].nothing);
    return 0;
}
