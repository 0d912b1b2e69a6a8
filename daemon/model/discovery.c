#include "model/discovery.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

#define FILE_PREFIX "credential:"

static const char *const kinds[] = {
    [RDS_INSTANCE] = "instance",
    [RDS_CLUSTER] = "cluster",
    [RDS_CLUSTER_READER] = "cluster-ro",
    [RDS_CLUSTER_CUSTOM] = "cluster-custom",
    [RDS_CLUSTER_V1] = "cluster-serverless-v1",
    [RDS_PROXY] = "proxy",
    [RDS_PROXY_ENDPOINT] = "proxy-endpoint",
};
DEFINE_STRING_TABLE(rds_kind, RdsKind, kinds);

void rds_source_free(RdsSource *source)
{
    free(source->name);
    free(source->region);
    free(source->credentials);
    free(source->role);
    free(source->external_id);
    strv_free(source->engines);
    strv_free(source->tags);
    strv_free(source->exclude);
    free(source->endpoint_url);
    free(source->sts_endpoint_url);
    free(source->origin);
    free(source);
}

const char *credential_source_file(const char *text)
{
    bool is_file = strncmp(text, FILE_PREFIX, strlen(FILE_PREFIX)) == 0;
    return is_file && text_is_name(text + strlen(FILE_PREFIX)) ? text + strlen(FILE_PREFIX) : NULL;
}

int credential_source_parse(const char *text)
{
    static const char *const words[] = {
        [CREDENTIALS_INSTANCE] = "instance",
        [CREDENTIALS_ENVIRONMENT] = "environment",
        [CREDENTIALS_CONTAINER] = "container",
    };
    return credential_source_file(text) ? (int)CREDENTIALS_FILE : text_find(text, words, ARRAY_SIZE(words));
}

#define TEXT(field)   { #field, offsetof(RdsEndpoint, field), true }
#define NUMBER(field) { #field, offsetof(RdsEndpoint, field), false }

const RdsField rds_fields[] = {
    TEXT(source),
    TEXT(identifier),
    TEXT(host),
    TEXT(problem),
    TEXT(engine),
    TEXT(engine_version),
    TEXT(status),
    TEXT(ca),
    TEXT(pending_ca),
    TEXT(window),
    TEXT(offered),
    TEXT(default_ca),
    NUMBER(kind),
    NUMBER(port),
    NUMBER(valid_till),
    NUMBER(since),
    NUMBER(settle_seconds),
    NUMBER(online),
    NUMBER(maintenance),
    NUMBER(auto_applied_after),
    NUMBER(forced_apply),
    NUMBER(current_apply),
    NUMBER(missing_since),
};
const size_t n_rds_fields = ARRAY_SIZE(rds_fields);

static const void *member(const RdsEndpoint *endpoint, const RdsField *field)
{
    return (const char *)endpoint + field->offset;
}

char **rds_field_text(RdsEndpoint *endpoint, const RdsField *field)
{
    return (char **)((char *)endpoint + field->offset);
}

int64_t *rds_field_number(RdsEndpoint *endpoint, const RdsField *field)
{
    return (int64_t *)((char *)endpoint + field->offset);
}

void credentials_wipe(Credentials *credentials)
{
    wiping_free(credentials->access_key_id);
    wiping_free(credentials->secret_access_key);
    wiping_free(credentials->session_token);
    *credentials = (Credentials) { .expires_at = INSTANT_NONE };
}

RdsEndpoint rds_endpoint_copy(const RdsEndpoint *endpoint)
{
    RdsEndpoint copy = *endpoint;
    for (size_t i = 0; i < n_rds_fields; i++)
        if (rds_fields[i].is_text)
            *rds_field_text(&copy, &rds_fields[i]) = xstrdup(*rds_field_text(&copy, &rds_fields[i]));
    return copy;
}

void rds_endpoint_deinit(RdsEndpoint *endpoint)
{
    for (size_t i = 0; i < n_rds_fields; i++)
        if (rds_fields[i].is_text)
            free(*rds_field_text(endpoint, &rds_fields[i]));
    *endpoint = (RdsEndpoint) { 0 };
}

int rds_endpoint_compare(const void *a, const void *b)
{
    const RdsEndpoint *x = a, *y = b;
    int order = x->kind < y->kind ? -1 : x->kind > y->kind;
    if (order == 0)
        order = strcmp(x->identifier, y->identifier);
    return order == 0 ? strcasecmp(x->host, y->host) : order;
}

bool rds_endpoint_same(const RdsEndpoint *a, const RdsEndpoint *b)
{
    for (size_t i = 0; i < n_rds_fields; i++) {
        const void *x = member(a, &rds_fields[i]), *y = member(b, &rds_fields[i]);
        if (rds_fields[i].is_text ? !text_same(*(char *const *)x, *(char *const *)y)
                                  : *(const int64_t *)x != *(const int64_t *)y)
            return false;
    }
    return true;
}

/* "Viewing Amazon RDS DB instance status" and the like for clusters and proxies. */
bool rds_endpoint_is_away(const RdsEndpoint *endpoint)
{
    static const char *const away[] = {
        "creating", "deleting", "inactive", "inaccessible-encryption-credentials",
        "starting", "stopped",  "stopping", "suspended",
    };
    return endpoint->missing_since != INSTANT_NONE ||
           (endpoint->status && text_find(endpoint->status, away, ARRAY_SIZE(away)) >= 0);
}

bool rds_endpoint_is_changing(const RdsEndpoint *endpoint)
{
    static const char *const changing[] = { "maintenance", "modifying", "rebooting", "upgrading" };
    return endpoint->status && text_find(endpoint->status, changing, ARRAY_SIZE(changing)) >= 0;
}

bool rds_endpoint_offers(const RdsEndpoint *endpoint, const char *ca)
{
    size_t length = strlen(ca);
    if (!endpoint->offered)
        return true;
    for (const char *at = endpoint->offered; *at; at += strcspn(at, ","), at += strspn(at, ", "))
        if (strncmp(at, ca, length) == 0 && (at[length] == ',' || at[length] == 0))
            return true;
    return false;
}

void rds_inventory_append(RdsInventory *inventory, RdsEndpoint endpoint)
{
    inventory->endpoints = xgrow(inventory->endpoints, inventory->n_endpoints, sizeof *inventory->endpoints);
    inventory->endpoints[inventory->n_endpoints++] = endpoint;
}

void rds_inventory_deinit(RdsInventory *inventory)
{
    for (size_t i = 0; i < inventory->n_endpoints; i++)
        rds_endpoint_deinit(&inventory->endpoints[i]);
    free(inventory->endpoints);
    for (size_t i = 0; i < inventory->n_certificates; i++) {
        free(inventory->certificates[i].ca);
        free(inventory->certificates[i].thumbprint);
    }
    free(inventory->certificates);
    *inventory = (RdsInventory) { 0 };
}

void rds_source_state_deinit(RdsSourceState *state)
{
    free(state->error);
    free(state->lacking);
    rds_inventory_deinit(&state->inventory);
    free(state->unwatched);
    finding_list_deinit(&state->findings);
}
