#include "rds/hostname.h"

#include <string.h>
#include <strings.h>

#include "base/macro.h"

#define LABELS_MAX 8

static bool starts_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
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

    const char *region;
    if (n == 6 && strcasecmp(label[3], "rds") == 0 && strcasecmp(label[4], "amazonaws") == 0 &&
        strcasecmp(label[5], "com") == 0)
        region = label[2];
    else if (n == 7 && strcasecmp(label[2], "rds") == 0 && strcasecmp(label[4], "amazonaws") == 0 &&
             strcasecmp(label[5], "com") == 0 && strcasecmp(label[6], "cn") == 0)
        region = label[3]; /* China has the region after "rds" */
    else
        return false;
    if (strlen(label[0]) >= sizeof ret->id || strlen(region) >= sizeof ret->region)
        return false;
    strcpy(ret->id, label[0]);
    strcpy(ret->region, region);
    ret->cluster = starts_with(label[1], "cluster-");
    ret->proxy = starts_with(label[1], "proxy-");
    return true;
}
