#pragma once

/* What the name of an RDS endpoint says: <id>.<hash>.<region>.rds.amazonaws.com and its relatives. */

#include <stdbool.h>

typedef struct RdsHostname {
    char id[64];     /* DB instance or cluster identifier */
    char region[32]; /* "us-east-1" */
    bool cluster;    /* a cluster's writer, reader or custom endpoint; id is the cluster's */
    bool proxy;
} RdsHostname;

/* False if the name is none of RDS's, which is nothing bad. */
bool rds_hostname_parse(const char *host, RdsHostname *ret);
