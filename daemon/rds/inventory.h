#pragma once

/* What the API's answers of one round come to: endpoints, and what each should serve. Pure. */

#include "model/endpoint.h"
#include "rds/api.h"

/* One round of questions to a region. */
typedef struct RdsAnswers {
    ApiRecords of[N_API_ACTIONS];
    bool refused[N_API_ACTIONS]; /* the account may not ask that: what was known of it stays */
} RdsAnswers;

void rds_answers_deinit(RdsAnswers *answers);

/* Whether the source's filters let it through; tags aside. */
bool rds_source_wants(const RdsSource *source, RdsKind kind, const char *identifier, const char *engine);

/*
 * The inventory after that round. `before` is the one before it: an endpoint that is missing stays, with
 * missing_since, for twice the source's interval.
 */
void inventory_make(const RdsSource *source, const RdsAnswers *answers, const RdsInventory *before, int64_t now,
                    RdsInventory *ret);

/* Leaves out what the source's filters do not let through any more, tags aside; and what has not the form that
 * an answer gives. */
void inventory_filter(const RdsSource *source, RdsInventory *inventory);

/* Calls fn for the engine and version of each instance and cluster, as DescribeDBEngineVersions asks for them.
 */
void inventory_versions(const RdsAnswers *answers,
                        void (*fn)(const char *engine, const char *version, void *userdata), void *userdata);

/* The name that it has as an endpoint: "orders.us-east-1", "shop.cluster-ro.us-east-1". The caller's. */
char *inventory_name(const RdsSource *source, const RdsEndpoint *rds);

/*
 * The endpoint, with what the API says of it and neither interval nor thresholds; a reference, the caller's.
 * Its problem has to be NULL.
 */
Endpoint *inventory_endpoint(const RdsSource *source, const RdsEndpoint *rds, const char *name);
