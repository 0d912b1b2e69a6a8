#include "monitor/targets.h"

#include <search.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "fetch/discovery.h"
#include "rds/inventory.h"
#include "rules/rule-rds.h"
#include "sink/journal.h"

#define NAMES_SAID_MAX 20 /* of those that come or go, in one line */

typedef struct SourceMonitor {
    Subject subject;
    Discovery *discovery;
    const Targets *targets;
} SourceMonitor;

struct Targets {
    const Context *context;
    const TargetsEvents *events;
    void *userdata;
    SourceMonitor *monitors;
    RdsSourceState **states; /* of these */
    size_t n;
    Endpoint **endpoints; /* references */
    size_t n_endpoints;
};

static void drop_endpoints(Targets *targets)
{
    for (size_t i = 0; i < targets->n_endpoints; i++)
        endpoint_unref(targets->endpoints[i]);
    free(TAKE(targets->endpoints));
    targets->n_endpoints = 0;
}

void targets_free(Targets *targets)
{
    if (!targets)
        return;
    drop_endpoints(targets);
    for (size_t i = 0; i < targets->n; i++) {
        subject_remove(&targets->monitors[i].subject);
        discovery_free(targets->monitors[i].discovery);
    }
    free(targets->monitors);
    free(targets->states);
    free(targets);
}

Endpoint *const *targets_endpoints(const Targets *targets, size_t *ret_n)
{
    *ret_n = targets->n_endpoints;
    return targets->endpoints;
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

/* The targets while it is made; the trees borrow what they hold. */
typedef struct Making {
    Targets *targets;
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
    Targets *targets = m->targets;
    (void)tsearch(endpoint, &m->servers, compare_servers);
    (void)tsearch(endpoint, &m->names, compare_names);
    targets->endpoints = xgrow(targets->endpoints, targets->n_endpoints, sizeof(Endpoint *));
    targets->endpoints[targets->n_endpoints++] = endpoint;
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
    const Config *config = m->targets->context->loaded->config;
    const Endpoint like = { .host = rds->host, .port = rds->port };
    if (rds->problem) {
        if (!find(rds, m->explicit, compare_hosts) && rds->missing_since == INSTANT_NONE)
            leave_out(state, rds);
        return;
    }
    if (find(&like, m->servers, compare_servers))
        return; /* it is watched as the configuration says, or another source has it, too */
    if (m->targets->n_endpoints >= CONFIG_ENDPOINTS_MAX) {
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

static void make(Targets *targets)
{
    const Config *config = targets->context->loaded->config;
    _cleanup_(making_deinit) Making m = { .targets = targets };
    drop_endpoints(targets);
    for (size_t i = 0; i < targets->n; i++) {
        RdsInventory *inventory = &targets->states[i]->inventory;
        targets->states[i]->n_unwatched = targets->states[i]->n_watched = 0;
        for (size_t j = 0; j < inventory->n_endpoints; j++)
            (void)tsearch(&inventory->endpoints[j], &m.facts, compare_hosts);
    }
    for (size_t i = 0; i < config->n_endpoints; i++)
        watch_configured(&m, config->endpoints[i]);
    for (size_t i = 0; i < targets->n; i++)
        for (size_t j = 0; j < targets->states[i]->inventory.n_endpoints; j++)
            watch_discovered(&m, targets->states[i], &targets->states[i]->inventory.endpoints[j]);
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

static int64_t on_evaluate(Subject *subject, int64_t now)
{
    const SourceMonitor *monitor = CONTAINER_OF(subject, SourceMonitor, subject);
    RdsSourceState *state = discovery_state(monitor->discovery);
    if (state->awaited)
        return INSTANT_NONE;
    rule_evaluate_rds_source(state, now);
    keep_standing(store_alerts(monitor->targets->context->store, SUBJECT_RDS, subject->name), &state->findings);
    return state->changes_at;
}

static const SubjectType type = { .kind = SUBJECT_RDS, .evaluate = on_evaluate };

static SourceMonitor *find_monitor(const Targets *targets, const char *source)
{
    for (size_t i = 0; i < targets->n; i++)
        if (strcmp(targets->states[i]->source->name, source) == 0)
            return &targets->monitors[i];
    return NULL;
}

int64_t targets_answered_at(const Targets *targets, const RdsEndpoint *rds)
{
    const SourceMonitor *monitor = find_monitor(targets, rds->source);
    return monitor ? discovery_state(monitor->discovery)->answered_at : INSTANT_NONE;
}

RdsSourceState *const *targets_sources(const Targets *targets, size_t *ret_n)
{
    *ret_n = targets->n;
    return targets->states;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the endpoints of a source, sorted; the caller's. */
static char **names_of(const Targets *targets, const RdsSource *source, size_t *ret_n)
{
    char **names = NULL;
    *ret_n = 0;
    for (size_t i = 0; i < targets->n_endpoints; i++) {
        const Endpoint *e = targets->endpoints[i];
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
    Targets *targets = userdata;
    SourceMonitor *monitor = find_monitor(targets, source->name);
    size_t n_before, n_now;
    if (news) {
        _cleanup_(strv_freep) char **before = names_of(targets, source, &n_before);
        make(targets);
        _cleanup_(strv_freep) char **now = names_of(targets, source, &n_now);
        store_keep_discovered(targets->context->store, source->name,
                              &discovery_state(monitor->discovery)->inventory);
        say_difference(EVENT_DISCOVERED, source, "discovered", now, n_now, before, n_before);
        say_difference(EVENT_RETIRED, source, "not watched any more, since RDS does not name them any more",
                       before, n_before, now, n_now);
        targets->events->changed(targets->userdata);
    }
    (void)subject_evaluate(&monitor->subject);
}

static const DiscoveryEvents discovery_events = { .answered = on_answered };

int targets_new(Targets **ret, const Context *context, const TargetsEvents *events, void *userdata)
{
    const Config *config = context->loaded->config;
    _cleanup_(targets_freep) Targets *targets = xcalloc(1, sizeof *targets);
    targets->context = context;
    targets->events = events;
    targets->userdata = userdata;
    targets->monitors = xcalloc(config->n_sources + 1, sizeof *targets->monitors);
    targets->states = xcalloc(config->n_sources + 1, sizeof *targets->states);
    for (size_t i = 0; i < config->n_sources; i++) {
        SourceMonitor *monitor = &targets->monitors[i];
        int r = discovery_new(&monitor->discovery, context->event, context->http, config->sources[i],
                              !context->subjects->held, &discovery_events, targets);
        if (r < 0)
            return r;
        RdsSourceState *state = targets->states[i] = discovery_state(monitor->discovery);
        monitor->targets = targets;
        monitor->subject =
            (Subject) { .type = &type, .name = config->sources[i]->name, .findings = &state->findings };
        targets->n++;
    }
    *ret = TAKE(targets);
    return 0;
}

/* A reload forgets nothing, a restart no more than the store does. */
static void recall(const Targets *targets, RdsSourceState *state, Targets *old)
{
    const RdsSource *source = state->source;
    SourceMonitor *before = old ? find_monitor(old, source->name) : NULL;
    RdsSourceState *known = before ? discovery_state(before->discovery) : NULL;
    if (known && strcmp(known->source->region, source->region) == 0) {
        known->n_unwatched = 0;
        state->inventory = known->inventory;
        known->inventory = (RdsInventory) { 0 };
    } else
        store_recall_discovered(targets->context->store, source->name, &state->inventory);
    inventory_filter(source, &state->inventory);
}

/* What was kept of sources that are not asked any more. */
static void forget_others(const Targets *targets)
{
    const RdsInventory nothing = { 0 };
    _cleanup_(strv_freep) char **kept = store_discovered_sources(targets->context->store);
    for (char **name = kept; name && *name; name++)
        if (!find_monitor(targets, *name))
            store_keep_discovered(targets->context->store, *name, &nothing);
}

void targets_start(Targets *targets, Targets *old)
{
    for (size_t i = 0; i < targets->n; i++)
        recall(targets, targets->states[i], old);
    for (size_t i = 0; old && i < old->n; i++)
        subject_remove(&old->monitors[i].subject);
    for (size_t i = 0; i < targets->n; i++)
        subject_add(targets->context->subjects, &targets->monitors[i].subject);
    forget_others(targets);
    make(targets);
}
