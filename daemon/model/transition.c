#include "model/transition.h"

#include "base/alloc.h"

static const char *const kinds[] = {
    [TRANSITION_RAISED] = "raised",     [TRANSITION_ESCALATED] = "escalated", [TRANSITION_EASED] = "eased",
    [TRANSITION_REMINDED] = "reminded", [TRANSITION_RESOLVED] = "resolved",
};
DEFINE_STRING_TABLE(transition, TransitionKind, kinds);

void transition_deinit(Transition *transition)
{
    finding_deinit(&transition->finding);
    free(transition->subject);
    free(transition->engine);
    free(transition->ca);
    free(transition->configured_ca);
    free(transition->fingerprint);
    *transition = (Transition) { 0 };
}

Transition transition_copy(const Transition *transition)
{
    Transition copy = *transition;
    copy.finding = finding_copy(&transition->finding);
    copy.subject = xstrdup(transition->subject);
    copy.engine = xstrdup(transition->engine);
    copy.ca = xstrdup(transition->ca);
    copy.configured_ca = xstrdup(transition->configured_ca);
    copy.fingerprint = xstrdup(transition->fingerprint);
    return copy;
}

void transition_list_append(TransitionList *list, Transition transition)
{
    list->items = xgrow(list->items, list->n, sizeof *list->items);
    list->items[list->n++] = transition;
}

void transition_list_deinit(TransitionList *list)
{
    for (size_t i = 0; i < list->n; i++)
        transition_deinit(&list->items[i]);
    free(list->items);
    *list = (TransitionList) { 0 };
}
