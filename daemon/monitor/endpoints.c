#include "monitor/endpoints.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/timer.h"
#include "monitor/address-budget.h"
#include "monitor/endpoint-run.h"

#define DUE_ACCURACY_USEC (250 * USEC_PER_MSEC) /* due within it start together: alone each costs twice */
#define TRIM_EVERY_USEC   (10 * USEC_PER_SEC)
#define TRIM_BYTES        ((size_t)8 * 1024 * 1024) /* less than that is used again by the next probes */

struct Endpoints {
    const Context *context;
    const EndpointsEvents *events;
    void *userdata;
    EndpointMonitor **monitors;     /* in the order of the configuration */
    EndpointMonitor **by_name;      /* the same, sorted */
    EndpointState **states;         /* of the first, */
    EndpointState **states_by_name; /* and of the second */
    size_t n;
    Schedule schedule;
    sd_event_source *due; /* CLOCK_BOOTTIME: the next run */
    size_t n_running;
    EndpointMonitor **retired; /* gone, but for the run that is still under way */
    size_t n_retired;
    AddressBudget budget;
    uint64_t trimmed_usec; /* when free memory was last returned to the kernel */
    bool quiesced;
};

static EndpointMonitor *monitor_of(Slot *slot)
{
    return CONTAINER_OF(slot, EndpointMonitor, slot);
}

static void show_due(Slot *slot)
{
    uint64_t now_usec = clock_boottime_usec();
    int64_t wait = slot->due_usec > now_usec ? (int64_t)((slot->due_usec - now_usec) / USEC_PER_SEC) : 0;
    monitor_of(slot)->state->next_probe_at = slot->running ? INSTANT_NONE : clock_now() + wait;
}

static void probe_soon(Endpoints *all)
{
    timer_arm_at(all->due, 0);
}

/* Nothing is known of a server that cannot be probed at all: it goes on ageing. */
static void give_up(Endpoints *all, EndpointMonitor *monitor, int r)
{
    const Endpoint *endpoint = monitor->state->endpoint;
    schedule_put(&all->schedule, &monitor->slot,
                 clock_boottime_usec() + (uint64_t)endpoint->interval_seconds * USEC_PER_SEC);
    log_error("%s: cannot start a probe: %s; trying again at the next interval", endpoint->name, strerror(-r));
    monitor->recalled = false;
    (void)subject_evaluate(&monitor->subject);
    all->events->given_up(endpoint->name, all->userdata);
}

/* Starts every run that is due, as many as may be under way at once. */
static void probe_due(Endpoints *all)
{
    uint64_t wake_usec = SCHEDULE_NEVER;
    while (!all->quiesced && !all->context->subjects->held &&
           all->n_running < (size_t)all->context->loaded->config->concurrency) {
        Slot *slot = schedule_take(&all->schedule, clock_boottime_usec(), &wake_usec);
        if (!slot)
            break;
        EndpointMonitor *monitor = monitor_of(slot);
        monitor->force = slot->asked;
        slot->asked = false;
        int r = endpoint_run_start(monitor);
        if (r < 0)
            give_up(all, monitor, r);
        else
            all->n_running++;
    }
    timer_arm_at(all->due, wake_usec);
    all->events->running(all->userdata);
}

static int on_due(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    probe_due(userdata);
    return 0;
}

/*
 * Returns free memory to the kernel after large certificates: what they took lies between what is kept, and
 * free() returns only the end of the heap.
 */
static void return_memory(Endpoints *all)
{
    uint64_t now_usec = clock_boottime_usec();
    if (now_usec < all->trimmed_usec + TRIM_EVERY_USEC || mallinfo2().fordblks < TRIM_BYTES)
        return;
    all->trimmed_usec = now_usec;
    (void)malloc_trim(0); /* says only whether there was any */
}

static size_t on_admit(EndpointMonitor *monitor, size_t n)
{
    Endpoints *all = monitor->owner;
    if (monitor->retired)
        return 1;
    size_t n_admitted = address_budget_admit(&all->budget, &monitor->n_more_addresses, n);
    if (n_admitted < n && !monitor->cut)
        log_warning("%s: %zu of its %zu addresses left out: the endpoints have more than %zu beyond the first "
                    "of each",
                    monitor->subject.name, n - n_admitted, n, address_budget_max(&all->budget));
    monitor->cut = n_admitted < n;
    return n_admitted;
}

static void on_shows(EndpointMonitor *monitor)
{
    Endpoints *all = monitor->owner;
    all->events->chains_changed(all->userdata);
}

static void drop_retired(Endpoints *all, EndpointMonitor *monitor)
{
    for (size_t i = 0; i < all->n_retired; i++)
        if (all->retired[i] == monitor)
            all->retired[i--] = all->retired[--all->n_retired];
    endpoint_monitor_free(monitor);
}

static void on_over(EndpointMonitor *monitor)
{
    Endpoints *all = monitor->owner;
    bool asked = monitor->force;
    all->n_running--;
    monitor->force = false;
    if (monitor->retired)
        drop_retired(all, monitor);
    else {
        schedule_put(&all->schedule, &monitor->slot, endpoint_run_next(monitor));
        all->events->probed(monitor->state->endpoint->name, monitor->n_runs, asked, all->userdata);
    }
    probe_due(all);
    if (all->n_running == 0)
        return_memory(all);
}

/* A run that is under way comes to that at its end. */
static void on_evaluated(EndpointMonitor *monitor)
{
    Endpoints *all = monitor->owner;
    int64_t at = monitor->state->look_at, wait = at - clock_now();
    uint64_t due_usec = clock_boottime_usec() + (uint64_t)MAX(wait, 0) * USEC_PER_SEC;
    if (at == INSTANT_NEVER || monitor->slot.running || monitor->slot.due_usec <= due_usec)
        return;
    schedule_put(&all->schedule, &monitor->slot, due_usec);
    probe_soon(all);
}

static int64_t on_answered_at(const EndpointMonitor *monitor)
{
    const Endpoints *all = monitor->owner;
    return all->events->answered_at(monitor->state->endpoint->rds, all->userdata);
}

static const EndpointMonitorEvents monitor_events = {
    .admit = on_admit,
    .shows = on_shows,
    .over = on_over,
    .evaluated = on_evaluated,
    .answered_at = on_answered_at,
};

int endpoints_new(Endpoints **ret, const Context *context, const EndpointsEvents *events, void *userdata)
{
    _cleanup_(endpoints_freep) Endpoints *all = xcalloc(1, sizeof *all);
    all->context = context;
    all->events = events;
    all->userdata = userdata;
    all->schedule.moved = show_due;
    int r = timer_new(&all->due, context->event, DUE_ACCURACY_USEC, on_due, all);
    if (r < 0)
        return r;
    *ret = TAKE(all);
    return 0;
}

static void free_arrays(Endpoints *all)
{
    free(all->monitors);
    free(all->by_name);
    free(all->states);
    free(all->states_by_name);
}

void endpoints_free(Endpoints *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++)
        endpoint_monitor_free(all->monitors[i]);
    for (size_t i = 0; i < all->n_retired; i++)
        endpoint_monitor_free(all->retired[i]);
    free_arrays(all);
    free(all->retired);
    schedule_deinit(&all->schedule);
    sd_event_source_disable_unref(all->due);
    free(all);
}

static int compare_names(const void *a, const void *b)
{
    const EndpointMonitor *const *left = a, *const *right = b;
    return strcmp((*left)->subject.name, (*right)->subject.name);
}

static int compare_with_name(const void *name, const void *monitor)
{
    return strcmp(name, (*(const EndpointMonitor *const *)monitor)->subject.name);
}

static EndpointMonitor *find(const Endpoints *all, const char *name)
{
    EndpointMonitor **found =
        all->n == 0 ? NULL : bsearch(name, all->by_name, all->n, sizeof *all->by_name, compare_with_name);
    return found ? *found : NULL;
}

/* It is monitored for the first time, or again: what was seen of it before goes on. */
static EndpointMonitor *monitor_new(Endpoints *all, Endpoint *endpoint)
{
    Store *store = all->context->store;
    EndpointMonitor *monitor = endpoint_monitor_new(all->context, endpoint, &monitor_events, all);
    EndpointState *state = monitor->state;
    schedule_put(&all->schedule, &monitor->slot, 0); /* its first run is at once */
    store_recall(store, state);
    monitor->recalled = state->n_addresses > 0 || state->unresolved.n > 0;
    if (monitor->recalled) {
        alert_recall_endpoint(store_alerts(store, SUBJECT_ENDPOINT, endpoint->name), state);
        silence_list_apply(store_silences(store), endpoint->name, &state->findings, clock_now());
    }
    return monitor;
}

static bool same_rds(const RdsEndpoint *a, const RdsEndpoint *b)
{
    return a && b ? rds_endpoint_same(a, b) : a == b;
}

/* due: the bundle may be another. */
static void go_on(Endpoints *all, EndpointMonitor *monitor, Endpoint *endpoint, bool due)
{
    Endpoint *before = monitor->state->endpoint;
    monitor->state->endpoint = endpoint_ref(endpoint);
    monitor->subject.name = endpoint->name;
    if (due && !monitor->slot.running)
        schedule_put(&all->schedule, &monitor->slot, 0);
    if (!same_rds(before->rds, endpoint->rds) && monitor->state->evaluated_at != INSTANT_NONE)
        subject_wake_at(&monitor->subject, clock_now()); /* from the loop, as many as there are */
    endpoint_unref(before);
}

/* replaced: another server under the same name goes on with its alerts. */
static void remove_monitor(Endpoints *all, EndpointMonitor *monitor, bool replaced)
{
    const char *name = monitor->subject.name;
    schedule_remove(&all->schedule, &monitor->slot);
    address_budget_release(&all->budget, &monitor->n_more_addresses);
    subject_remove(&monitor->subject);
    if (!replaced) {
        publisher_resolve(all->context->publisher, SUBJECT_ENDPOINT, name, monitor->state);
        store_remember(all->context->store, monitor->state,
                       clock_now()); /* for when it comes back, and for history */
    }
    all->events->given_up(name, all->userdata);
    monitor->retired = true;
    if (!monitor->slot.running) {
        endpoint_monitor_free(monitor);
        return;
    }
    all->retired =
        xgrow(all->retired, all->n_retired, sizeof *all->retired); /* it leaves its server politely first */
    all->retired[all->n_retired++] = monitor;
}

static void sort_names(Endpoints *all)
{
    memcpy(all->by_name, all->monitors, all->n * sizeof *all->by_name);
    qsort(all->by_name, all->n, sizeof *all->by_name, compare_names);
    for (size_t i = 0; i < all->n; i++) {
        all->states[i] = all->monitors[i]->state;
        all->states_by_name[i] = all->by_name[i]->state;
    }
}

void endpoints_replace(Endpoints *all, Endpoint *const *endpoints, size_t n, bool due)
{
    Endpoints old = *all;
    all->monitors = xcalloc(n + 1, sizeof *all->monitors);
    all->by_name = xcalloc(n + 1, sizeof *all->by_name);
    all->states = xcalloc(n + 1, sizeof *all->states);
    all->states_by_name = xcalloc(n + 1, sizeof *all->states_by_name);
    all->n = all->budget.n_endpoints = n;
    for (size_t i = 0; i < n; i++) {
        EndpointMonitor *monitor = find(&old, endpoints[i]->name);
        if (monitor && endpoint_same_server(monitor->state->endpoint, endpoints[i]))
            go_on(all, monitor, endpoints[i], due);
        else
            monitor = monitor_new(all, endpoints[i]);
        all->monitors[i] = monitor;
    }
    sort_names(all);
    for (size_t i = 0; i < old.n; i++) {
        const EndpointMonitor *now = find(all, old.monitors[i]->subject.name);
        if (now != old.monitors[i])
            remove_monitor(all, old.monitors[i], now != NULL);
    }
    for (size_t i = 0; i < n; i++)
        if (!all->monitors[i]->subject.subjects)
            subject_add(all->context->subjects, &all->monitors[i]->subject);
    free_arrays(&old);
    all->events->chains_changed(all->userdata);
    probe_soon(all); /* some may be new */
}

EndpointState *const *endpoints_states(const Endpoints *all, size_t *ret_n)
{
    *ret_n = all->n;
    return all->states;
}

EndpointState *const *endpoints_states_by_name(const Endpoints *all, size_t *ret_n)
{
    *ret_n = all->n;
    return all->states_by_name;
}

EndpointState *endpoints_find(const Endpoints *all, const char *name)
{
    const EndpointMonitor *monitor = find(all, name);
    return monitor ? monitor->state : NULL;
}

int64_t endpoints_ask(Endpoints *all, const char *name)
{
    EndpointMonitor *monitor = find(all, name);
    if (!monitor)
        return -ENOENT;
    schedule_ask(&all->schedule, &monitor->slot);
    probe_soon(all);                                    /* not from within the request */
    return monitor->n_runs + 1 + monitor->slot.running; /* one that starts after the question */
}

void endpoints_evaluate(Endpoints *all, const char *name)
{
    EndpointMonitor *one = name ? find(all, name) : NULL;
    int64_t now = clock_now();
    if (one && one->state->evaluated_at != INSTANT_NONE)
        (void)subject_evaluate(&one->subject);
    for (size_t i = 0; !name && i < all->n; i++)
        if (all->states[i]->evaluated_at != INSTANT_NONE)
            subject_wake_at(&all->monitors[i]->subject, now);
}

void endpoints_verify(Endpoints *all)
{
    for (size_t i = 0; i < all->n; i++)
        for (size_t j = 0; j < all->states[i]->n_addresses; j++)
            all->states[i]->addresses[j].verification.made = false;
    endpoints_evaluate(all, NULL);
}

void endpoints_mind_clock(Endpoints *all)
{
    for (size_t i = 0; i < all->n; i++)
        show_due(&all->monitors[i]->slot);
    probe_soon(all);
}

bool endpoints_were_probed(const Endpoints *all, const TrustStore *store)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->monitors[i]->n_runs == 0 && trust_store_concerns(store, all->monitors[i]->subject.name))
            return false;
    return true;
}

void endpoints_quiesce(Endpoints *all)
{
    all->quiesced = true;
    timer_disarm(all->due);
}

size_t endpoints_n_running(const Endpoints *all)
{
    return all->n_running;
}

void endpoints_each(const Endpoints *all, void (*fn)(const char *name, bool running, void *userdata),
                    void *userdata)
{
    for (size_t i = 0; i < all->n; i++)
        fn(all->monitors[i]->subject.name, all->monitors[i]->slot.running, userdata);
}
