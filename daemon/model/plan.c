#include "model/plan.h"

#include "base/alloc.h"

static const char *const step_kinds[] = {
    [PLAN_TRUST_STORE] = "trust-store", [PLAN_BUNDLE] = "bundle",   [PLAN_INSTANCE] = "instance",
    [PLAN_CONFIGURE] = "configure",     [PLAN_NOTHING] = "nothing",
};
DEFINE_STRING_TABLE(plan_step, PlanStepKind, step_kinds);

void authority_uses_deinit(AuthorityUses *uses)
{
    for (size_t i = 0; i < uses->n; i++) {
        free(uses->items[i].served_by);
        free(uses->items[i].configured_by);
    }
    free(uses->items);
    *uses = (AuthorityUses) { 0 };
}

PlanStep *plan_append(Plan *plan, PlanStepKind kind, const char *subject)
{
    plan->steps = xgrow(plan->steps, plan->n, sizeof *plan->steps);
    plan->steps[plan->n] = (PlanStep) { .kind = kind, .subject = xstrdup(subject) };
    return &plan->steps[plan->n++];
}

void plan_deinit(Plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        free(plan->steps[i].subject);
        free(plan->steps[i].text);
        steps_deinit(&plan->steps[i].steps);
        free(plan->steps[i].restart);
        free(plan->steps[i].blocked);
    }
    free(plan->steps);
    free(plan->ca);
    *plan = (Plan) { 0 };
}
