#include "rules/plan.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "rds/authority.h"
#include "rds/hostname.h"
#include "rules/command.h"
#include "rules/trust.h"

static void add_name(const char ***list, size_t *n, const char *name)
{
    *list = xgrow(*list, *n, sizeof **list);
    (*list)[(*n)++] = name;
}

static const char **end_names(const char **list, size_t n)
{
    list = xgrow(list, n, sizeof *list);
    list[n] = NULL;
    return list;
}

/* A root of one region (NULL: of a partition, with all of its regions). */
static bool is_here(const KnownCertificate *root, const Region *region, const Endpoint *endpoint,
                    const Catalogue *catalogue)
{
    if (!endpoint->region || region)
        return endpoint->region && strcmp(endpoint->region, region->name) == 0;
    const Region *here = catalogue_region(catalogue, endpoint->region);
    return here && strcmp(here->partition, root->region) == 0;
}

/* What the API said of a region; NULL: it was not asked there. */
static const RdsInventory *inventory_of(const Snapshot *snapshot, const char *region)
{
    for (size_t i = 0; i < snapshot->n_rds_sources; i++)
        if (snapshot->rds_sources[i]->inventory.n_certificates > 0 &&
            strcmp(snapshot->rds_sources[i]->source->region, region) == 0)
            return &snapshot->rds_sources[i]->inventory;
    return NULL;
}

static const RdsCertificate *find_certificate(const RdsInventory *inventory, const char *ca)
{
    for (size_t i = 0; i < inventory->n_certificates; i++)
        if (strcmp(inventory->certificates[i].ca, ca) == 0)
            return &inventory->certificates[i];
    return NULL;
}

/* The API's word where it was asked, else the user guide's. */
static bool is_offered(const Snapshot *snapshot, const Region *region, const char *ca)
{
    const RdsInventory *inventory = region ? inventory_of(snapshot, region->name) : NULL;
    if (inventory)
        return find_certificate(inventory, ca) != NULL;
    return !region || region_offers(region, ca);
}

static AuthorityUse use_of(const KnownCertificate *root, const Snapshot *snapshot, const Catalogue *catalogue)
{
    const Region *region = catalogue_region(catalogue, root->region);
    const RdsInventory *inventory = inventory_of(snapshot, root->region);
    const RdsCertificate *said = inventory ? find_certificate(inventory, root->ca) : NULL;
    size_t n_served = 0, n_configured = 0;
    AuthorityUse use = {
        .ca = root->ca,
        .region = root->region,
        .region_title = region ? region->title : NULL,
        .cn = root->cn,
        .sha1 = root->sha1,
        .sha256 = root->sha256,
        .not_before = root->not_before,
        .not_after = root->not_after,
        .rotates = authority_id_rotates(root->ca),
        .trusted = root->sha256 && strv_contains(snapshot->trusted, root->sha256),
        .asked = inventory != NULL,
        .offered = is_offered(snapshot, region, root->ca),
        .is_default = said && said->is_default,
    };
    for (size_t i = 0; i < snapshot->n_endpoints; i++) {
        const EndpointState *state = snapshot->endpoints[i];
        if (!is_here(root, region, state->endpoint, catalogue))
            continue;
        if (state->served_ca && strcmp(state->served_ca, root->ca) == 0)
            add_name(&use.served_by, &n_served, state->endpoint->name);
        if (text_same(endpoint_ca(state->endpoint), root->ca))
            add_name(&use.configured_by, &n_configured, state->endpoint->name);
    }
    use.served_by = end_names(use.served_by, n_served);
    use.configured_by = end_names(use.configured_by, n_configured);
    return use;
}

static void append(AuthorityUses *uses, AuthorityUse use)
{
    uses->items = xgrow(uses->items, uses->n, sizeof *uses->items);
    uses->items[uses->n++] = use;
}

/* What the catalogue does not know yet, the API does. */
static void list_news(const Snapshot *snapshot, const RdsSourceState *state, const Catalogue *catalogue,
                      AuthorityUses *ret)
{
    const char *region = state->source->region;
    for (size_t i = 0; i < state->inventory.n_certificates; i++) {
        const RdsCertificate *c = &state->inventory.certificates[i];
        const KnownCertificate root = {
            .ca = c->ca,
            .region = state->source->region,
            .sha1 = c->thumbprint,
            .not_before = INSTANT_NONE,
            .not_after = c->valid_till,
        };
        bool listed = catalogue_root(catalogue, c->ca, region) != NULL;
        for (size_t j = 0; j < ret->n && !listed; j++) /* by another account's word */
            listed = strcmp(ret->items[j].ca, c->ca) == 0 && text_same(ret->items[j].region, region);
        if (!listed)
            append(ret, use_of(&root, snapshot, catalogue));
    }
}

void authorities_list(const Snapshot *snapshot, const Catalogue *catalogue, AuthorityUses *ret)
{
    *ret = (AuthorityUses) { .catalogue_version = catalogue->version, .catalogue_origin = catalogue->origin };
    for (size_t i = 0; i < catalogue->n_certificates; i++) {
        const KnownCertificate *root = &catalogue->certificates[i];
        if (root->role != ROLE_ROOT || root->environment != ENVIRONMENT_PRODUCTION ||
            strcmp(root->ca, TRUST_SERVICES) == 0)
            continue;
        append(ret, use_of(root, snapshot, catalogue));
    }
    for (size_t i = 0; i < snapshot->n_rds_sources; i++)
        list_news(snapshot, snapshot->rds_sources[i], catalogue, ret);
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
    if (m->region && !is_offered(snapshot, m->region, ca))
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
    else if (m->region && !is_offered(snapshot, m->region, ca))
        buffer_printf(&text, "the RDS %s says that %s does not offer it",
                      inventory_of(snapshot, m->region->name) ? "API" : "user guide", m->region->title);
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

int plan_make(const Snapshot *snapshot, const Catalogue *catalogue, const char *ca, Plan *ret)
{
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
