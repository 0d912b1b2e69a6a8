#include "monitor/truststores.h"

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/timer.h"
#include "monitor/truststore.h"
#include "rules/rule-trust.h"

/* A file that is written in pieces, and a first round of probes, are looked at once. */
#define SETTLE_USEC (1 * USEC_PER_SEC)

/* For what inotify does not see: network file systems, a link's other end, a directory that is made later. */
#define LOOK_AGAIN_USEC (15 * 60 * USEC_PER_SEC)

#define SLICE_USEC (10 * USEC_PER_MSEC) /* of evaluating stores; then others have their turn */

typedef struct StoreMonitor {
    Subject subject;
    TrustStores *all;
    WatchedStore *store;
    bool due; /* to be evaluated */
} StoreMonitor;

struct TrustStores {
    const Context *context;
    const Endpoints *endpoints;
    StoreMonitor *monitors;
    WatchedStore **stores;    /* of these */
    TrustStoreState **states; /* the same */
    size_t n;
    sd_event_source *settle; /* then the stores are read, if they have changed, and evaluated */
    sd_event_source *more;   /* stores are due that did not fit in a slice */
    sd_event_source *look_again;
};

void trust_stores_free(TrustStores *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++) {
        subject_remove(&all->monitors[i].subject);
        watched_store_free(all->stores[i]);
    }
    sd_event_source_disable_unref(all->settle);
    sd_event_source_disable_unref(all->more);
    sd_event_source_disable_unref(all->look_again);
    free(all->monitors);
    free(all->stores);
    free(all->states);
    free(all);
}

static StoreMonitor *monitor_of(Subject *subject)
{
    return CONTAINER_OF(subject, StoreMonitor, subject);
}

/* What stood before is so until it is evaluated. */
static void recall(const TrustStores *all, TrustStoreState *state)
{
    Store *store = all->context->store;
    alert_recall(store_alerts(store, SUBJECT_TRUST_STORE, state->store->name), &state->findings);
    silence_list_apply(store_silences(store), state->store->name, &state->findings, clock_now());
}

/* Nothing is raised and nothing resolved before it was read, and its clients' servers were probed: half of a
 * finding would be told. */
static int64_t on_evaluate(Subject *subject, int64_t now)
{
    StoreMonitor *monitor = monitor_of(subject);
    TrustStoreState *state = watched_store_state(monitor->store);
    const TrustStores *all = monitor->all;
    if (!watched_store_is_known(monitor->store) || !endpoints_were_probed(all->endpoints, state->store)) {
        recall(all, state);
        return INSTANT_NONE;
    }
    rule_evaluate_trust_store(state, all->context->loaded->catalogue, now);
    return state->changes_at;
}

static void set_due(StoreMonitor *monitor)
{
    audit_restart(watched_store_audit(monitor->store));
    subject_wake_at(&monitor->subject, INSTANT_NEVER); /* it is being evaluated */
    monitor->due = true;
}

/* One step: an endpoint, or what all of them came to. */
static void evaluate_step(StoreMonitor *monitor)
{
    const TrustStores *all = monitor->all;
    const Bundle *bundle = watched_store_bundle(monitor->store);
    size_t n;
    EndpointState *const *states = endpoints_states(all->endpoints, &n);
    if (bundle && !audit_step(watched_store_audit(monitor->store), watched_store_state(monitor->store), bundle,
                              states, n, all->context->loaded->catalogue))
        return;
    monitor->due = false;
    (void)subject_evaluate(&monitor->subject);
}

/* Evaluates stores that are due, for as long as a slice is; the others come to their turn from the loop. */
static void evaluate_due(TrustStores *all)
{
    uint64_t until_usec = clock_boottime_usec() + SLICE_USEC;
    bool held = all->context->subjects->held; /* once the clock is set, all is evaluated */
    bool in_time = !held;
    for (size_t i = 0; i < all->n && in_time; i++)
        while (all->monitors[i].due && (in_time = clock_boottime_usec() < until_usec))
            evaluate_step(&all->monitors[i]);
    (void)sd_event_source_set_enabled(all->more, in_time || held ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_more(sd_event_source *source _unused_, void *userdata)
{
    evaluate_due(userdata);
    return 0;
}

static void on_woken(Subject *subject)
{
    StoreMonitor *monitor = monitor_of(subject);
    set_due(monitor);
    (void)sd_event_source_set_enabled(monitor->all->more, SD_EVENT_ONESHOT);
}

static const SubjectType type = { .kind = SUBJECT_TRUST_STORE, .evaluate = on_evaluate, .woken = on_woken };

static void on_read(WatchedStore *store, void *userdata)
{
    TrustStores *all = userdata;
    watched_stores_fit(all->stores, all->n);
    for (size_t i = 0; i < all->n; i++)
        if (all->stores[i] == store || watched_store_bundle(all->stores[i]) == NULL)
            set_due(&all->monitors[i]);
    if (!timer_is_armed(all->settle))
        evaluate_due(all); /* else with the others, soon */
}

void trust_stores_touch(TrustStores *all)
{
    if (all->n > 0 && !timer_is_armed(all->settle))
        timer_arm(all->settle, SETTLE_USEC);
}

static void on_touched(void *userdata)
{
    trust_stores_touch(userdata);
}

void trust_stores_settle(TrustStores *all)
{
    if (!timer_is_armed(all->settle))
        return; /* nothing has changed */
    timer_disarm(all->settle);
    for (size_t i = 0; i < all->n; i++) {
        watched_store_watch(all->stores[i], on_touched);
        watched_store_look(all->stores[i]);
        set_due(&all->monitors[i]);
    }
    evaluate_due(all);
}

static int on_settle(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT); /* sd-event has turned it off before calling */
    trust_stores_settle(userdata);
    return 0;
}

static int on_look_again(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    trust_stores_touch(userdata);
    timer_arm(source, LOOK_AGAIN_USEC);
    return 0;
}

static int add_sources(TrustStores *all, sd_event *event)
{
    int r = timer_new(&all->settle, event, USEC_PER_MSEC, on_settle, all);
    if (r < 0)
        return r;
    r = timer_new(&all->look_again, event, USEC_PER_SEC, on_look_again, all);
    if (r < 0)
        return r;
    r = sd_event_add_defer(event, &all->more, on_more, all);
    return r < 0 ? r : sd_event_source_set_enabled(all->more, SD_EVENT_OFF);
}

static void add_store(TrustStores *all, const TrustStore *store)
{
    const Context *context = all->context;
    const char *password = loaded_secret(context->loaded, store->password_credential);
    StoreMonitor *monitor = &all->monitors[all->n];
    monitor->all = all;
    monitor->store = watched_store_new(store, password, context->event, context->worker, on_read, all);
    all->stores[all->n] = monitor->store;
    all->states[all->n] = watched_store_state(monitor->store);
    monitor->subject = (Subject) {
        .type = &type,
        .name = store->name,
        .findings = &all->states[all->n]->findings,
    };
    all->n++;
}

int trust_stores_new(TrustStores **ret, const Context *context, const Endpoints *endpoints)
{
    const Config *config = context->loaded->config;
    _cleanup_(trust_stores_freep) TrustStores *all = xcalloc(1, sizeof *all);
    all->context = context;
    all->endpoints = endpoints;
    int r = add_sources(all, context->event);
    if (r < 0)
        return r;
    all->monitors = xcalloc(config->n_trust_stores + 1, sizeof *all->monitors);
    all->stores = xcalloc(config->n_trust_stores + 1, sizeof *all->stores);
    all->states = xcalloc(config->n_trust_stores + 1, sizeof *all->states);
    for (size_t i = 0; i < config->n_trust_stores; i++)
        add_store(all, config->trust_stores[i]);
    *ret = TAKE(all);
    return 0;
}

void trust_stores_start(TrustStores *all)
{
    for (size_t i = 0; i < all->n; i++) {
        StoreMonitor *monitor = &all->monitors[i];
        recall(all, all->states[i]);
        subject_add(all->context->subjects, &monitor->subject);
        watched_store_watch(monitor->store, on_touched);
        watched_store_look(monitor->store);
        set_due(monitor);
    }
    if (all->n > 0)
        timer_arm(all->look_again, LOOK_AGAIN_USEC);
    trust_stores_touch(all);
}

TrustStoreState *const *trust_stores_states(const TrustStores *all, size_t *ret_n)
{
    *ret_n = all->n;
    return all->states;
}
