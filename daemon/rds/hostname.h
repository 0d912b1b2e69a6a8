#pragma once

/*
 * What the name of an endpoint says: <id>.<hash>.<region>.rds.amazonaws.com and its relatives at DocumentDB,
 * Neptune and Redshift.
 */

#include "model/endpoint.h"
#include "rds/value.h"

typedef enum RdsHostKind {
    RDS_HOST_INSTANCE,
    RDS_HOST_CLUSTER, /* its writer; the id is the cluster's, with the reader's too */
    RDS_HOST_READER,
    RDS_HOST_CUSTOM, /* a custom endpoint: its own id */
    RDS_HOST_PROXY,
} RdsHostKind;

typedef struct RdsHostname {
    char id[IDENTIFIER_BYTES_MAX +
            1]; /* identifier of the DB instance, the cluster, the custom endpoint or the proxy */
    char region[REGION_BYTES_MAX]; /* "us-east-1" */
    const char *service; /* "rds", "docdb", "neptune", "redshift", "redshift-serverless"; as aws(1) calls it */
    const char *partition; /* "aws", "aws-us-gov", "aws-cn" */
    RdsHostKind kind;
} RdsHostname;

static inline bool rds_hostname_is_cluster(const RdsHostname *host)
{
    return host->kind == RDS_HOST_CLUSTER || host->kind == RDS_HOST_READER;
}

/* False if the name is none of theirs, which is nothing bad. */
bool rds_hostname_parse(const char *host, RdsHostname *ret);

/* The DB instance's identifier, by the API, else by the host's name; borrowed from either. NULL: it is no
 * instance, or nobody knows. */
const char *rds_instance_identifier(const Endpoint *endpoint, const RdsHostname *host);

/*
 * Fills in what the endpoint's name says and its configuration does not: the region, and that it is a proxy.
 * True if it became one by that; then it has no `ca` any more.
 */
bool rds_hostname_complete(Endpoint *endpoint);
