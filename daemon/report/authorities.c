#include "report/authorities.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "rds/authority.h"

void authority_uses_deinit(AuthorityUses *uses)
{
    for (size_t i = 0; i < uses->n; i++) {
        free(uses->items[i].served_by);
        free(uses->items[i].configured_by);
    }
    free(uses->items);
    *uses = (AuthorityUses) { 0 };
}

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

const RdsInventory *authorities_inventory(const Snapshot *snapshot, const char *region)
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

bool authorities_offers(const Snapshot *snapshot, const Region *region, const char *ca)
{
    const RdsInventory *inventory = region ? authorities_inventory(snapshot, region->name) : NULL;
    if (inventory)
        return find_certificate(inventory, ca) != NULL;
    return !region || region_offers(region, ca);
}

static AuthorityUse use_of(const KnownCertificate *root, const Snapshot *snapshot, const Catalogue *catalogue)
{
    const Region *region = catalogue_region(catalogue, root->region);
    const RdsInventory *inventory = authorities_inventory(snapshot, root->region);
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
        .offered = authorities_offers(snapshot, region, root->ca),
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

void authorities_list(const Snapshot *snapshot, AuthorityUses *ret)
{
    const Catalogue *catalogue = snapshot->catalogue;
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
