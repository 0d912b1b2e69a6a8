#include "manager/roster.h"

#include <search.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "fetch/discovery.h"
#include "manager/manager-internal.h"
#include "rds/inventory.h"
#include "rules/discovery.h"
#include "sink/journal.h"

#define NAMES_SAID_MAX 20 /* of those that come or go, in one line */

struct Roster {
    Manager *manager;
    Discovery **discoveries;
    size_t n_discoveries;
    RdsSourceState **states; /* of the discoveries, for snapshots */
    Endpoint **endpoints;    /* references */
    size_t n_endpoints;
};

static void drop_endpoints(Roster *roster)
{
    for (size_t i = 0; i < roster->n_endpoints; i++)
        endpoint_unref(roster->endpoints[i]);
    free(TAKE(roster->endpoints));
    roster->n_endpoints = 0;
}

void roster_free(Roster *roster)
{
    if (!roster)
        return;
    drop_endpoints(roster);
    for (size_t i = 0; i < roster->n_discoveries; i++)
        discovery_free(roster->discoveries[i]);
    free(roster->discoveries);
    free(roster->states);
    free(roster);
}

Endpoint *const *roster_endpoints(const Roster *roster, size_t *ret_n)
{
    *ret_n = roster->n_endpoints;
    return roster->endpoints;
}

static int compare_hosts(const void *a, const void *b)
{
    return strcasecmp(((const RdsEndpoint *)a)->host, ((const RdsEndpoint *)b)->host);
}

static int compare_servers(const void *a, const void *b)
{
    const Endpoint *x = a, *y = b;
    int order = strcasecmp(x->host, y->host);
    return order != 0 ? order : (x->port > y->port) - (x->port < y->port);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const Endpoint *)a)->name, ((const Endpoint *)b)->name);
}

static void keep_node(void *node _unused_)
{
}

/* The roster while it is made; the trees borrow what they hold. */
typedef struct Making {
    Roster *roster;
    void *facts;    /* RdsEndpoint by host; of several sources, the first one's */
    void *explicit; /* RdsEndpoint by host: those that an endpoint of the configuration has */
    void *servers;  /* Endpoint by host and port */
    void *names;    /* Endpoint by name */
} Making;

static void making_deinit(Making *making)
{
    tdestroy(making->facts, keep_node);
    tdestroy(making->explicit, keep_node);
    tdestroy(making->servers, keep_node);
    tdestroy(making->names, keep_node);
}

static void *find(const void *key, void *tree, int (*order)(const void *, const void *))
{
    void *node = tfind(key, &tree, order);
    return node ? *(void **)node : NULL;
}

/* Takes the reference. */
static void watch(Making *m, Endpoint *endpoint)
{
    Roster *roster = m->roster;
    (void)tsearch(endpoint, &m->servers, compare_servers);
    (void)tsearch(endpoint, &m->names, compare_names);
    roster->endpoints = xgrow(roster->endpoints, roster->n_endpoints, sizeof(Endpoint *));
    roster->endpoints[roster->n_endpoints++] = endpoint;
}

/* What the API says of its host holds for it, whatever the port; what the configuration says of it wins. */
static void watch_configured(Making *m, Endpoint *endpoint)
{
    const RdsEndpoint like = { .host = endpoint->host };
    RdsEndpoint *facts = find(&like, m->facts, compare_hosts);
    if (!facts) {
        watch(m, endpoint_ref(endpoint));
        return;
    }
    Endpoint *copy = endpoint_copy(endpoint);
    endpoint_take_rds(copy, facts);
    (void)tsearch(facts, &m->explicit, compare_hosts);
    watch(m, copy);
}

static void leave_out(RdsSourceState *state, const RdsEndpoint *rds)
{
    state->unwatched = xgrow(state->unwatched, state->n_unwatched, sizeof *state->unwatched);
    state->unwatched[state->n_unwatched++] = rds;
}

static void watch_discovered(Making *m, RdsSourceState *state, const RdsEndpoint *rds)
{
    const Config *config = m->roster->manager->loaded->config;
    const Endpoint like = { .host = rds->host, .port = rds->port };
    if (rds->problem) {
        if (!find(rds, m->explicit, compare_hosts) && rds->missing_since == INSTANT_NONE)
            leave_out(state, rds);
        return;
    }
    if (find(&like, m->servers, compare_servers))
        return; /* it is watched as the configuration says, or another source has it, too */
    if (m->roster->n_endpoints >= CONFIG_ENDPOINTS_MAX) {
        leave_out(state, rds);
        return;
    }
    _cleanup_free_ char *name = inventory_name(state->source, rds);
    const Endpoint named = { .name = name };
    Endpoint *e =
        inventory_endpoint(state->source, rds, find(&named, m->names, compare_names) ? rds->host : name);
    e->interval_seconds = config->interval_seconds;
    e->thresholds = config->thresholds;
    state->n_watched++;
    watch(m, e);
}

static void make(Roster *roster)
{
    const Config *config = roster->manager->loaded->config;
    _cleanup_(making_deinit) Making m = { .roster = roster };
    drop_endpoints(roster);
    for (size_t i = 0; i < roster->n_discoveries; i++) {
        RdsInventory *inventory = &roster->states[i]->inventory;
        roster->states[i]->n_unwatched = roster->states[i]->n_watched = 0;
        for (size_t j = 0; j < inventory->n_endpoints; j++)
            (void)tsearch(&inventory->endpoints[j], &m.facts, compare_hosts);
    }
    for (size_t i = 0; i < config->n_endpoints; i++)
        watch_configured(&m, config->endpoints[i]);
    for (size_t i = 0; i < roster->n_discoveries; i++)
        for (size_t j = 0; j < roster->states[i]->inventory.n_endpoints; j++)
            watch_discovered(&m, roster->states[i], &roster->states[i]->inventory.endpoints[j]);
}

/* What was said before a restart is so until a round goes well: it is not waited for again. */
static void keep_standing(const AlertList *standing, FindingList *findings)
{
    for (size_t i = 0; i < standing->n; i++)
        for (size_t j = 0; j < findings->n; j++)
            if (standing->items[i].state == ALERT_FIRING &&
                finding_same(&standing->items[i].finding, &findings->items[j]))
                findings->items[j].pending = false;
}

static void judge_source(Roster *roster, RdsSourceState *state)
{
    Manager *manager = roster->manager;
    if (manager->self.clock_waits || state->awaited)
        return;
    judge_rds_source(state, clock_now());
    keep_standing(store_alerts(manager->store, SUBJECT_RDS, state->source->name), &state->findings);
    int64_t reminder = publisher_tell(manager->publisher, SUBJECT_RDS, state->source->name, &state->findings);
    state->changes_at = instant_earlier(state->changes_at, reminder);
}

static RdsSourceState *find_state(const Roster *roster, const char *source)
{
    for (size_t i = 0; i < roster->n_discoveries; i++)
        if (strcmp(roster->states[i]->source->name, source) == 0)
            return roster->states[i];
    return NULL;
}

int64_t roster_answered_at(const Roster *roster, const RdsEndpoint *rds)
{
    const RdsSourceState *state = find_state(roster, rds->source);
    return state ? state->answered_at : INSTANT_NONE;
}

void roster_wake(Roster *roster, int64_t now)
{
    for (size_t i = 0; i < roster->n_discoveries; i++)
        if (roster->states[i]->changes_at <= now)
            judge_source(roster, roster->states[i]);
}

int64_t roster_wakes_at(const Roster *roster)
{
    int64_t at = INSTANT_NEVER;
    for (size_t i = 0; i < roster->n_discoveries; i++)
        at = instant_earlier(at, roster->states[i]->changes_at);
    return at;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the endpoints of a source, sorted; the caller's. */
static char **names_of(const Roster *roster, const RdsSource *source, size_t *ret_n)
{
    char **names = NULL;
    *ret_n = 0;
    for (size_t i = 0; i < roster->n_endpoints; i++) {
        const Endpoint *e = roster->endpoints[i];
        if (!e->discovered || strcmp(e->rds->source, source->name) != 0)
            continue;
        names = xgrow(names, *ret_n + 1, sizeof *names);
        names[(*ret_n)++] = xstrdup(e->name);
        names[*ret_n] = NULL;
    }
    if (names)
        qsort(names, *ret_n, sizeof *names, compare_texts);
    return names;
}

/* Says which names are in the one list and not in the other. */
static void say_difference(DaemonEvent event, const RdsSource *source, const char *words, char **names,
                           size_t n, char **others, size_t n_others)
{
    Buffer text = { 0 };
    size_t n_new = 0;
    for (size_t i = 0; i < n; i++) {
        if (others && bsearch(&names[i], others, n_others, sizeof *others, compare_texts))
            continue;
        if (n_new++ < NAMES_SAID_MAX)
            buffer_printf(&text, "%s%s", n_new > 1 ? ", " : "", names[i]);
    }
    if (n_new > NAMES_SAID_MAX)
        buffer_printf(&text, " and %zu more", n_new - NAMES_SAID_MAX);
    if (n_new > 0)
        journal_event(event, "rds %s: %zu endpoint%s %s: %s", source->name, n_new, PLURAL(n_new), words,
                      (char *)text.data);
    buffer_deinit(&text);
}

static void on_answered(const RdsSource *source, bool news, void *userdata)
{
    Roster *roster = userdata;
    Manager *manager = roster->manager;
    RdsSourceState *state = find_state(roster, source->name);
    size_t n_before, n_now;
    if (news) {
        _cleanup_(strv_freep) char **before = names_of(roster, source, &n_before);
        make(roster);
        _cleanup_(strv_freep) char **now = names_of(roster, source, &n_now);
        store_keep_discovered(manager->store, source->name, &state->inventory);
        say_difference(EVENT_DISCOVERED, source, "discovered", now, n_now, before, n_before);
        say_difference(EVENT_RETIRED, source, "not watched any more, since RDS does not name them any more",
                       before, n_before, now, n_now);
        manager_take_endpoints(manager, false);
    }
    judge_source(roster, state);
    manager_judged(manager);
}

static const DiscoveryEvents discovery_events = { .answered = on_answered };

/* A reload forgets nothing, a restart no more than the store does. */
static void recall(const Roster *roster, const RdsSource *source, Roster *old, RdsInventory *ret)
{
    RdsSourceState *state = old ? find_state(old, source->name) : NULL;
    if (state && strcmp(state->source->region, source->region) == 0) {
        state->n_unwatched = 0;
        *ret = state->inventory;
        state->inventory = (RdsInventory) { 0 };
        return;
    }
    store_recall_discovered(roster->manager->store, source->name, ret);
}

/* What was kept of sources that are not asked any more. */
static void forget_others(const Roster *roster)
{
    const RdsInventory nothing = { 0 };
    _cleanup_(strv_freep) char **kept = store_discovered_sources(roster->manager->store);
    for (char **name = kept; name && *name; name++)
        if (!roster_has(roster, *name))
            store_keep_discovered(roster->manager->store, *name, &nothing);
}

int roster_new(Roster **ret, Manager *manager, Roster *old)
{
    const Config *config = manager->loaded->config;
    _cleanup_(roster_freep) Roster *roster = xcalloc(1, sizeof *roster);
    int r = 0;
    roster->manager = manager;
    roster->discoveries = xcalloc(config->n_sources + 1, sizeof *roster->discoveries);
    roster->states = xcalloc(config->n_sources + 1, sizeof *roster->states);
    for (size_t i = 0; i < config->n_sources && r >= 0; i++) {
        RdsInventory known;
        recall(roster, config->sources[i], old, &known);
        inventory_filter(config->sources[i], &known);
        r = discovery_new(&roster->discoveries[i], manager->event, manager->http, config->sources[i], known,
                          !manager->self.clock_waits, &discovery_events, roster);
        if (r < 0)
            break;
        roster->states[i] = discovery_state(roster->discoveries[i]);
        roster->n_discoveries++;
    }
    if (r < 0)
        return r;
    forget_others(roster);
    make(roster);
    *ret = TAKE(roster);
    return 0;
}

void roster_show(const Roster *roster, Snapshot *snapshot)
{
    snapshot->rds_sources = roster->states;
    snapshot->n_rds_sources = roster->n_discoveries;
}

bool roster_has(const Roster *roster, const char *source)
{
    return find_state(roster, source) != NULL;
}

void roster_leave(const Roster *roster, const Roster *successor)
{
    for (size_t i = 0; i < roster->n_discoveries; i++)
        if (!roster_has(successor, roster->states[i]->source->name))
            publisher_resolve(roster->manager->publisher, SUBJECT_RDS, roster->states[i]->source->name);
}
