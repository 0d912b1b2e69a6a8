#pragma once

/* The steps to another authority. Pure. */

#include "model/step.h"
#include "report/snapshot.h"

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

/*
 * The steps to a CA for the endpoints of the snapshot, in the order that the user guide prescribes: "make sure
 * that you have updated your client-side trust store beforehand". -ENOENT if the catalogue does not know the
 * CA.
 */
int plan_make(const Snapshot *snapshot, const char *ca, Plan *ret);
