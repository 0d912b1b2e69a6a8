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

/* The member of the old fleet that goes on under the new configuration; leaves a hole there. */
static Member *take_same(Fleet *old, const Endpoint *endpoint)
{
    for (size_t i = 0; i < old->n; i++) {
        Member *member = old->members[i];
        if (!member || strcmp(member->state->endpoint->name, endpoint->name) != 0)
            continue;
        if (!endpoint_same_server(member->state->endpoint, endpoint))
            return NULL;
        old->members[i] = NULL;
        return member;
    }
    return NULL;
}

void fleet_replace(Fleet *fleet, Manager *manager, const Config *config, const FleetEvents *events)
{
    Fleet old = *fleet;
    size_t n = config->n_endpoints;
    *fleet = (Fleet) {
        .members = xcalloc(n, sizeof(Member *)),
        .n = n,
        .states = xcalloc(n, sizeof(EndpointState *)),
        .slots = xcalloc(n, sizeof(Slot *)),
        .retired = old.retired,
        .n_retired = old.n_retired,
    };
    for (size_t i = 0; i < n; i++) {
        Endpoint *endpoint = config->endpoints[i];
        Member *member = take_same(&old, endpoint);
        if (member) {
            endpoint_unref(member->state->endpoint);
            member->state->endpoint = endpoint_ref(endpoint);
            member->slot.due_usec = 0; /* the bundle may be another */
        } else {
            member = member_new(manager, endpoint);
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
