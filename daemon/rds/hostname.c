#include "rds/hostname.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"

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
    if (!service || strlen(label[0]) >= sizeof ret->id || strlen(region) >= sizeof ret->region)
        return false;
    strcpy(ret->id, label[0]);
    strcpy(ret->region, region);
    ret->service = service;
    ret->cluster = starts_with(label[1], "cluster-");
    ret->proxy = starts_with(label[1], "proxy-");
    return true;
}

bool rds_hostname_complete(Endpoint *endpoint)
{
    RdsHostname host;
    if (!rds_hostname_parse(endpoint->host, &host))
        return false;
    if (!endpoint->region)
        endpoint->region = xstrdup(host.region);
    if (!host.proxy || endpoint->kind == KIND_PROXY)
        return false;
    endpoint->kind = KIND_PROXY;
    free(TAKE(endpoint->ca));
    return true;
}
