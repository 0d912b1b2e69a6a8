#pragma once

/* What the fleet has to do with Amazon's authorities: who uses which, and the steps to another one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/step.h"

/* A CA in a region, as the status socket lists it: of the catalogue, or one that the RDS API alone knows: then
 * cn and sha256 are NULL. Texts are borrowed. */
typedef struct AuthorityUse {
    const char *ca, *region, *region_title, *cn, *sha1, *sha256;
    int64_t not_before, not_after;
    bool rotates;           /* its server certificates are replaced by themselves */
    bool asked;             /* the RDS API was, in this region; else it is the user guide's word: */
    bool offered;           /* it can be had there */
    bool is_default;        /* the API gives it to new instances */
    bool trusted;           /* its root is in the bundle */
    const char **served_by; /* endpoints, NULL-terminated; the arrays are owned */
    const char **configured_by;
} AuthorityUse;

typedef struct AuthorityUses {
    AuthorityUse *items;
    size_t n;
    const char *catalogue_version, *catalogue_origin;
} AuthorityUses;

void authority_uses_deinit(AuthorityUses *uses);

/* One step of a move to another CA. Texts are owned; NULL where there is none. */
typedef enum PlanStepKind {
    PLAN_TRUST_STORE, /* a client's store gets the root first */
    PLAN_BUNDLE,      /* and dbcertd's own bundle */
    PLAN_INSTANCE,    /* then the instance is changed */
    PLAN_CONFIGURE,   /* and what dbcertd expects */
    PLAN_NOTHING,     /* nothing is to be done for an endpoint, and why */
} PlanStepKind;
DECLARE_STRING_TABLE(plan_step, PlanStepKind);

typedef struct PlanStep {
    PlanStepKind kind;
    char *subject; /* of a trust store or an endpoint, its name */
    char *text;
    StepList steps;
    char *restart; /* instances: "no", "yes", "not known", with the source */
    char *blocked; /* what stands in the way as yet */
} PlanStep;

typedef struct Plan {
    char *ca;
    PlanStep *steps;
    size_t n;
} Plan;

PlanStep *plan_append(Plan *plan, PlanStepKind kind, const char *subject); /* borrowed until the next one */
void plan_deinit(Plan *plan);
