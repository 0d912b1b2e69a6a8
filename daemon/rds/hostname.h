#pragma once

/*
 * What the name of an endpoint says: <id>.<hash>.<region>.rds.amazonaws.com and its relatives at DocumentDB,
 * Neptune and Redshift.
 */

#include "model/endpoint.h"

typedef struct RdsHostname {
    char id[64];         /* DB instance or cluster identifier */
    char region[32];     /* "us-east-1" */
    const char *service; /* "rds", "docdb", "neptune", "redshift", "redshift-serverless"; as aws(1) calls it */
    bool cluster;        /* a cluster's writer, reader or custom endpoint; id is the cluster's */
    bool proxy;
} RdsHostname;

/* False if the name is none of theirs, which is nothing bad. */
bool rds_hostname_parse(const char *host, RdsHostname *ret);

/*
 * Fills in what the endpoint's name says and its configuration does not: the region, and that it is a proxy.
 * True if it became one by that; then it has no `ca` any more.
 */
bool rds_hostname_complete(Endpoint *endpoint);
