/* Endpoints come, go, and are another thing than before; what stood of them goes with them. */

#include "alert/alert.h"
#include "base/clock.h"
#include "manager/manager-internal.h"
#include "manager/turn.h"

static void on_removed(Member *member)
{
    Manager *manager = member->manager;
    const char *name = member->state->endpoint->name;
    bool replaced = fleet_find(&manager->fleet, name) !=
                    NULL; /* another server under the same name goes on with its alerts */
    if (!replaced) {
        _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
        alert_resolve_all(store_alerts(manager->store, SUBJECT_ENDPOINT, name), clock_now(), &transitions);
        alert_of_endpoint(&transitions, member->state);
        store_remember(manager->store, member->state,
                       clock_now()); /* for when it comes back, and for history */
        publisher_commit(manager->publisher,
                         &(Change) { .about = SUBJECT_ENDPOINT, .subject = name, .transitions = &transitions });
    }
    control_given_up(manager->control, name);
    if (member->slot.running)
        fleet_retire(&manager->fleet, member); /* it leaves its server politely first */
    else
        member_free(member);
}

/* It is watched for the first time, or again: what was seen of it before goes on. */
static void on_added(Member *member)
{
    Store *store = member->manager->store;
    EndpointState *state = member->state;
    const char *name = state->endpoint->name;
    store_recall(store, state);
    member->recalled = state->n_addresses > 0 || state->unresolved.n > 0;
    if (!member->recalled)
        return;
    alert_recall_endpoint(store_alerts(store, SUBJECT_ENDPOINT, name), state);
    silence_list_apply(store_silences(store), name, &state->findings, clock_now());
}

static void on_rds_changed(Member *member)
{
    if (member->state->judged_at != INSTANT_NONE)
        fleet_wake_at(&member->manager->fleet, member, clock_now()); /* from the loop, as many as there are */
}

static const FleetEvents fleet_events = {
    .added = on_added,
    .removed = on_removed,
    .changed = on_rds_changed,
};

void manager_take_endpoints(Manager *manager, bool due)
{
    size_t n;
    Endpoint *const *endpoints = roster_endpoints(manager->roster, &n);
    fleet_replace(&manager->fleet, manager, endpoints, n, due, &fleet_events);
    trust_touch(manager->trust);
    manager_dispatch_soon(manager); /* some may be new */
    manager_arm_wake(manager);
}

void manager_judge_again(Manager *manager, const char *name)
{
    Member *one = name ? fleet_find(&manager->fleet, name) : NULL;
    int64_t now = clock_now();
    if (one && one->state->judged_at != INSTANT_NONE)
        turn_judge(one);
    for (size_t i = 0; !name && i < manager->fleet.n; i++)
        if (manager->fleet.states[i]->judged_at != INSTANT_NONE)
            fleet_wake_at(&manager->fleet, manager->fleet.members[i], now);
    manager_arm_wake(manager);
}

void manager_verify_again(Manager *manager)
{
    for (size_t i = 0; i < manager->fleet.n; i++)
        for (size_t j = 0; j < manager->fleet.states[i]->n_addresses; j++)
            manager->fleet.states[i]->addresses[j].verification.made = false;
    manager_judge_again(manager, NULL);
}

static bool is_watched(const Manager *manager, SubjectKind about, const char *subject)
{
    if (about == SUBJECT_ENDPOINT)
        return fleet_find(&manager->fleet, subject) != NULL;
    if (about == SUBJECT_RDS)
        return roster_has(manager->roster, subject);
    return about == SUBJECT_DAEMON || trust_has(manager->trust, about, subject);
}

static void resolve_unwatched(SubjectKind about, const char *subject, void *userdata)
{
    Manager *manager = userdata;
    if (!is_watched(manager, about, subject))
        publisher_resolve(manager->publisher, about, subject);
}

void manager_resolve_unwatched(Manager *manager)
{
    store_each_subject(manager->store, resolve_unwatched, manager);
}
