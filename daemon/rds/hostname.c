#include "rds/hostname.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "rds/value.h"

#define LABELS_MAX 8

static bool starts_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static const char *service_of(const char *label)
{
    static const char *const services[] = { "rds", "docdb", "neptune", "redshift", "redshift-serverless" };
    for (size_t i = 0; i < ARRAY_SIZE(services); i++)
        if (strcasecmp(label, services[i]) == 0)
            return services[i];
    return NULL;
}

static RdsHostKind kind_of(const char *label)
{
    static const struct {
        const char *beginning;
        RdsHostKind kind;
    } kinds[] = {
        { "cluster-ro-", RDS_HOST_READER },
        { "cluster-custom-", RDS_HOST_CUSTOM },
        { "cluster-", RDS_HOST_CLUSTER },
        { "proxy-", RDS_HOST_PROXY },
    };
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (starts_with(label, kinds[i].beginning))
            return kinds[i].kind;
    return RDS_HOST_INSTANCE;
}

bool rds_hostname_parse(const char *host, RdsHostname *ret)
{
    char text[254], *label[LABELS_MAX] = { 0 }, *rest = NULL;
    size_t n = 0;
    *ret = (RdsHostname) { 0 };
    if (strlen(host) >= sizeof text)
        return false;
    strcpy(text, host);
    for (char *l = strtok_r(text, ".", &rest); l; l = strtok_r(NULL, ".", &rest)) {
        if (n == LABELS_MAX)
            return false;
        label[n++] = l;
    }

    if (n == 7 && strcasecmp(label[1], "endpoint") == 0) /* of a proxy, beside its default one */
        memmove(label + 1, label + 2, --n * sizeof *label);
    const char *region = NULL, *service = NULL;
    if (n == 6 && strcasecmp(label[4], "amazonaws") == 0 && strcasecmp(label[5], "com") == 0) {
        region = label[2];
        service = service_of(label[3]);
    } else if (n == 7 && strcasecmp(label[4], "amazonaws") == 0 && strcasecmp(label[5], "com") == 0 &&
               strcasecmp(label[6], "cn") == 0) {
        region = label[3]; /* China has the region after "rds" */
        service = service_of(label[2]);
    }
    if (!service || !value_is_identifier(label[0]) || !value_is_region(region))
        return false;
    strcpy(ret->id, label[0]);
    strcpy(ret->region, region);
    ret->service = service;
    ret->kind = kind_of(label[1]);
    ret->partition = n == 7 ? "aws-cn" : starts_with(region, "us-gov-") ? "aws-us-gov" : "aws";
    return true;
}

const char *rds_instance_identifier(const Endpoint *endpoint, const RdsHostname *host)
{
    if (endpoint->rds && endpoint->rds->kind == RDS_INSTANCE)
        return endpoint->rds->identifier;
    return host->service && host->kind == RDS_HOST_INSTANCE ? host->id : NULL;
}

bool rds_hostname_complete(Endpoint *endpoint)
{
    RdsHostname host;
    if (!rds_hostname_parse(endpoint->host, &host))
        return false;
    if (!endpoint->region)
        endpoint->region = xstrdup(host.region);
    if (host.kind != RDS_HOST_PROXY || endpoint->kind == KIND_PROXY)
        return false;
    endpoint->kind = KIND_PROXY;
    free(TAKE(endpoint->ca));
    return true;
}
