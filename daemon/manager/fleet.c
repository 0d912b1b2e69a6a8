#include "manager/fleet.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"

void member_free(Member *member)
{
    if (!member)
        return;
    survey_free(member->survey);
    endpoint_state_free(member->state);
    free(member);
}

static void free_arrays(Fleet *fleet)
{
    free(fleet->members);
    free(fleet->states);
    free(fleet->slots);
}

void fleet_deinit(Fleet *fleet)
{
    for (size_t i = 0; i < fleet->n; i++)
        member_free(fleet->members[i]);
    for (size_t i = 0; i < fleet->n_retired; i++)
        member_free(fleet->retired[i]);
    free_arrays(fleet);
    free(fleet->retired);
    *fleet = (Fleet) { 0 };
}

void fleet_retire(Fleet *fleet, Member *member)
{
    member->retired = true;
    fleet->retired = xgrow(fleet->retired, fleet->n_retired, sizeof(Member *));
    fleet->retired[fleet->n_retired++] = member;
}

void fleet_drop_retired(Fleet *fleet, Member *member)
{
    for (size_t i = 0; i < fleet->n_retired; i++)
        if (fleet->retired[i] == member)
            fleet->retired[i--] = fleet->retired[--fleet->n_retired];
    member_free(member);
}

Member *fleet_find(const Fleet *fleet, const char *name)
{
    for (size_t i = 0; i < fleet->n; i++)
        if (strcmp(fleet->members[i]->state->endpoint->name, name) == 0)
            return fleet->members[i];
    return NULL;
}

static Member *member_new(Manager *manager, Endpoint *endpoint)
{
    Member *member = xcalloc(1, sizeof *member);
    member->manager = manager;
    member->state = endpoint_state_new(endpoint);
    member->wakes_at = INSTANT_NEVER;
    return member; /* slot.due_usec is 0: its first turn is at once */
}

/*
 * The member of the old fleet that goes on under that name; leaves a hole there. The search begins where the
 * last one ended, since both are in much the same order.
 */
static Member *take_same(Fleet *old, const Endpoint *endpoint, size_t *hint)
{
    for (size_t i = 0; i < old->n; i++) {
        size_t at = (*hint + i) % old->n;
        Member *member = old->members[at];
        if (!member || strcmp(member->state->endpoint->name, endpoint->name) != 0)
            continue;
        if (!endpoint_same_server(member->state->endpoint, endpoint))
            return NULL;
        old->members[at] = NULL;
        *hint = at + 1;
        return member;
    }
    return NULL;
}

static bool same_rds(const RdsEndpoint *a, const RdsEndpoint *b)
{
    return a && b ? rds_endpoint_same(a, b) : a == b;
}

static void go_on(Member *member, Endpoint *endpoint, bool due, const FleetEvents *events)
{
    Endpoint *before = member->state->endpoint;
    member->state->endpoint = endpoint_ref(endpoint);
    if (due)
        member->slot.due_usec = 0; /* the bundle may be another */
    if (!same_rds(before->rds, endpoint->rds))
        events->changed(member);
    endpoint_unref(before);
}

void fleet_replace(Fleet *fleet, Manager *manager, Endpoint *const *endpoints, size_t n, bool due,
                   const FleetEvents *events)
{
    Fleet old = *fleet;
    size_t hint = 0;
    *fleet = (Fleet) {
        .members = xcalloc(n, sizeof(Member *)),
        .n = n,
        .states = xcalloc(n, sizeof(EndpointState *)),
        .slots = xcalloc(n, sizeof(Slot *)),
        .retired = old.retired,
        .n_retired = old.n_retired,
    };
    for (size_t i = 0; i < n; i++) {
        Member *member = take_same(&old, endpoints[i], &hint);
        if (member)
            go_on(member, endpoints[i], due, events);
        else {
            member = member_new(manager, endpoints[i]);
            events->added(member);
        }
        fleet->members[i] = member;
        fleet->states[i] = member->state;
        fleet->slots[i] = &member->slot;
    }
    for (size_t i = 0; i < old.n; i++)
        if (old.members[i])
            events->removed(old.members[i]);
    free_arrays(&old);
}
