#include "manager/fleet.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"

void member_free(Member *member)
{
    if (!member)
        return;
    survey_free(member->survey);
    transition_list_deinit(&member->events);
    endpoint_state_free(member->state);
    free(member);
}

static void free_arrays(Fleet *fleet)
{
    free(fleet->members);
    free(fleet->states);
    free(fleet->by_name);
}

void fleet_deinit(Fleet *fleet)
{
    for (size_t i = 0; i < fleet->n; i++)
        member_free(fleet->members[i]);
    for (size_t i = 0; i < fleet->n_retired; i++)
        member_free(fleet->retired[i]);
    free_arrays(fleet);
    schedule_deinit(&fleet->schedule);
    heap_deinit(&fleet->wakes);
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

size_t fleet_more_addresses_max(const Fleet *fleet)
{
    size_t by_average = FLEET_MORE_ADDRESSES_AVERAGE * fleet->n;
    return by_average > FLEET_MORE_ADDRESSES_MAX ? by_average : FLEET_MORE_ADDRESSES_MAX;
}

size_t fleet_admit(Fleet *fleet, Member *member, size_t n)
{
    size_t wanted = n > 1 && !member->retired ? n - 1 : 0;
    fleet->n_more_addresses -= member->n_more_addresses;
    size_t max = fleet_more_addresses_max(fleet), used = fleet->n_more_addresses;
    size_t room = used < max ? max - used : 0;
    member->n_more_addresses = wanted < room ? wanted : room;
    fleet->n_more_addresses += member->n_more_addresses;
    return 1 + member->n_more_addresses;
}

static Member *member_of_wake(HeapItem *wake)
{
    return (Member *)((char *)wake - offsetof(Member, wake));
}

Member *member_of_slot(Slot *slot)
{
    return (Member *)((char *)slot - offsetof(Member, slot));
}

static void show_due(Slot *slot)
{
    uint64_t now_usec = clock_boottime_usec();
    int64_t wait = slot->due_usec > now_usec ? (int64_t)((slot->due_usec - now_usec) / USEC_PER_SEC) : 0;
    member_of_slot(slot)->state->next_probe_at = slot->running ? INSTANT_NONE : clock_now() + wait;
}

void fleet_show_due(const Fleet *fleet)
{
    for (size_t i = 0; i < fleet->n; i++)
        show_due(&fleet->members[i]->slot);
}

void fleet_wake_at(Fleet *fleet, Member *member, int64_t at)
{
    if (at == INSTANT_NEVER)
        heap_remove(&fleet->wakes, &member->wake);
    else
        heap_put(&fleet->wakes, &member->wake, at);
}

int64_t fleet_wakes_at(const Fleet *fleet)
{
    const HeapItem *first = heap_first(&fleet->wakes);
    return first ? first->key : INSTANT_NEVER;
}

Member *fleet_take_woken(Fleet *fleet, int64_t now)
{
    HeapItem *first = heap_first(&fleet->wakes);
    if (!first || first->key > now)
        return NULL;
    heap_remove(&fleet->wakes, first);
    return member_of_wake(first);
}

static int compare_names(const void *a, const void *b)
{
    const Member *const *left = a, *const *right = b;
    return strcmp((*left)->state->endpoint->name, (*right)->state->endpoint->name);
}

static int compare_with_name(const void *name, const void *member)
{
    return strcmp(name, (*(const Member *const *)member)->state->endpoint->name);
}

Member *fleet_find(const Fleet *fleet, const char *name)
{
    Member **found =
        fleet->n == 0 ? NULL : bsearch(name, fleet->by_name, fleet->n, sizeof(Member *), compare_with_name);
    return found ? *found : NULL;
}

static bool same_rds(const RdsEndpoint *a, const RdsEndpoint *b)
{
    return a && b ? rds_endpoint_same(a, b) : a == b;
}

/* due: the bundle may be another. */
static void go_on(Fleet *fleet, Member *member, Endpoint *endpoint, bool due, const FleetEvents *events)
{
    Endpoint *before = member->state->endpoint;
    member->state->endpoint = endpoint_ref(endpoint);
    if (due && !member->slot.running)
        schedule_put(&fleet->schedule, &member->slot, 0);
    if (!same_rds(before->rds, endpoint->rds))
        events->changed(member);
    endpoint_unref(before);
}

static Member *member_new(Fleet *fleet, Manager *manager, Endpoint *endpoint)
{
    Member *member = xcalloc(1, sizeof *member);
    member->manager = manager;
    member->state = endpoint_state_new(endpoint);
    schedule_put(&fleet->schedule, &member->slot, 0); /* its first turn is at once */
    return member;
}

static void sort_names(Fleet *fleet)
{
    memcpy(fleet->by_name, fleet->members, fleet->n * sizeof(Member *));
    qsort(fleet->by_name, fleet->n, sizeof(Member *), compare_names);
}

static void remove_member(Fleet *fleet, Member *member, const FleetEvents *events)
{
    schedule_remove(&fleet->schedule, &member->slot);
    heap_remove(&fleet->wakes, &member->wake);
    (void)fleet_admit(fleet, member, 1);
    events->removed(member);
}

void fleet_replace(Fleet *fleet, Manager *manager, Endpoint *const *endpoints, size_t n, bool due,
                   const FleetEvents *events)
{
    Fleet old = *fleet;
    fleet->members = xcalloc(n + 1, sizeof(Member *));
    fleet->states = xcalloc(n + 1, sizeof(EndpointState *));
    fleet->by_name = xcalloc(n + 1, sizeof(Member *));
    fleet->n = n;
    fleet->schedule.moved = show_due;
    for (size_t i = 0; i < n; i++) {
        Member *member = fleet_find(&old, endpoints[i]->name);
        if (member && endpoint_same_server(member->state->endpoint, endpoints[i]))
            go_on(fleet, member, endpoints[i], due, events);
        else {
            member = member_new(fleet, manager, endpoints[i]);
            events->added(member);
        }
        fleet->members[i] = member;
        fleet->states[i] = member->state;
    }
    sort_names(fleet);
    for (size_t i = 0; i < old.n; i++)
        if (fleet_find(fleet, old.members[i]->state->endpoint->name) != old.members[i])
            remove_member(fleet, old.members[i], events);
    free_arrays(&old);
}
