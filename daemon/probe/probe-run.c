#include "probe/probe-run.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "model/reach.h"
#include "probe/resolve.h"

#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)

struct ProbeRun {
    sd_event *event;
    sd_event_source *start;    /* where no name has to be resolved: from the loop */
    sd_event_source *deadline; /* of resolving; each probe keeps its own */
    uint64_t timeout_usec, deadline_usec;
    Endpoint *endpoint;
    Pool *pool;
    char *password;
    const ProbeRunEvents *events;
    void *userdata;
    Resolve *resolve;
    Address addresses[RESOLVE_ADDRESSES_MAX];
    size_t n_addresses;
    size_t next; /* of these, to be probed */
    Probe *probes[PROBE_RUN_AT_ONCE_MAX];
    size_t n_running;
    bool has_ipv4, has_ipv6;
};

void probe_run_free(ProbeRun *run)
{
    if (!run)
        return;
    resolve_free(run->resolve);
    for (size_t i = 0; i < ARRAY_SIZE(run->probes); i++)
        probe_free(run->probes[i]);
    sd_event_source_disable_unref(run->start);
    sd_event_source_disable_unref(run->deadline);
    sd_event_unref(run->event);
    endpoint_unref(run->endpoint);
    wiping_free(run->password);
    free(run);
}

/*
 * A host without IPv6 cannot probe the IPv6 half of a dual-stack name, and no client on it can use it either:
 * that is not the server's failure as long as the other family is probed.
 */
static bool is_beyond_us(const ProbeRun *run, const Observation *observation)
{
    return observation->no_route && run->has_ipv4 && run->has_ipv6;
}

static bool on_authorises(const Chain *chain, void *userdata, char **ret_reason)
{
    ProbeRun *run = userdata;
    return run->events->authorises(chain, run->userdata, ret_reason);
}

/* before: what the probe saw that this is the check for plaintext after; NULL: it is a probe. */
static int start(ProbeRun *run, Probe **slot, const Address *address, const Observation *before, probe_fn done)
{
    const ProbeParams params = {
        .endpoint = run->endpoint,
        .pool = run->pool,
        .address = address,
        .password = run->password,
        .deadline_usec = run->deadline_usec,
        .claim = before ? before->claim : PLAINTEXT_UNKNOWN,
        .plaintext = before != NULL,
    };
    return probe_new(slot, run->event, &params, done, run->events->authorises ? on_authorises : NULL, run);
}

static void on_probe(Probe *probe, Observation *observation, void *userdata);

/* Starts a probe of the next address that is not left alone. False: there is none. */
static bool start_next(ProbeRun *run, Probe **slot)
{
    while (run->next < run->n_addresses) {
        const Address *address = &run->addresses[run->next++];
        bool skips = run->events->skips && run->events->skips(run, address, run->userdata);
        if (!skips && start(run, slot, address, NULL, on_probe) >= 0)
            return true;
    }
    return false;
}

static void slot_over(ProbeRun *run, Probe **slot)
{
    probe_free(TAKE(*slot));
    run->deadline_usec = clock_boottime_usec() + run->timeout_usec;
    if (!start_next(run, slot) && --run->n_running == 0)
        run->events->done(run, run->userdata);
}

static Probe **slot_of(ProbeRun *run, const Probe *probe)
{
    size_t i = 0;
    while (run->probes[i] != probe)
        i++;
    return &run->probes[i];
}

static void on_check(Probe *probe, Observation *observation, void *userdata)
{
    ProbeRun *run = userdata;
    run->events->checked(run, observation, run->userdata);
    slot_over(run, slot_of(run, probe));
}

/* SQL Server says it in PRELOGIN. A login that failed with TLS would fail without it, and tell nothing. */
static bool needs_check(ProbeRun *run, const Observation *observation)
{
    EngineFamily family = run->endpoint->engine->family;
    return run->endpoint->check_plaintext && observation->outcome == OUTCOME_FETCHED && !observation->detail &&
           (family == FAMILY_POSTGRES || family == FAMILY_MYSQL) && run->events->checks &&
           run->events->checks(run, &observation->address, run->userdata);
}

static void on_probe(Probe *probe, Observation *observation, void *userdata)
{
    ProbeRun *run = userdata;
    Probe **slot = slot_of(run, probe);
    if (!is_beyond_us(run, observation))
        run->events->observed(run, observation, run->userdata);
    if (needs_check(run, observation)) {
        Probe *check;
        run->deadline_usec = clock_boottime_usec() + run->timeout_usec;
        if (start(run, &check, &observation->address, observation, on_check) >= 0) {
            probe_free(probe);
            *slot = check;
            return;
        }
    }
    slot_over(run, slot);
}

static void probe_all(ProbeRun *run, const Address *addresses, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        run->addresses[run->n_addresses++] = addresses[i];
        run->has_ipv4 |= addresses[i].sa.sa_family == AF_INET;
        run->has_ipv6 |= addresses[i].sa.sa_family == AF_INET6;
    }
    for (size_t i = 0; i < PROBE_RUN_AT_ONCE_MAX && start_next(run, &run->probes[i]); i++)
        run->n_running++;
    if (run->n_running == 0)
        run->events->done(run, run->userdata);
}

/* Why none of them will be probed: the first one's reason. NULL if one may be; the others fail one by one. */
static char *refusal_of_all(const ProbeRun *run, const Address *addresses, size_t n)
{
    char *first = NULL;
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *refusal = endpoint_refusal(run->endpoint, &addresses[i]);
        if (!refusal) {
            free(first);
            return NULL;
        }
        if (!first)
            first = TAKE(refusal);
    }
    return first;
}

static void on_resolve(Resolve *resolve _unused_, const Address *addresses, size_t n, const char *error,
                       void *userdata)
{
    ProbeRun *run = userdata;
    _cleanup_free_ char *refusal = refusal_of_all(run, addresses, n);
    sd_event_source_disable_unref(TAKE(run->deadline));
    if (refusal) {
        n = 0;
        error = refusal;
    }
    probe_all(run, addresses, run->events->resolved(run, addresses, n, error, run->userdata));
}

static int on_deadline(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    ProbeRun *run = userdata;
    resolve_free(TAKE(run->resolve));
    on_resolve(NULL, NULL, 0, "the name servers did not answer in time", run);
    return 0;
}

/* `addresses` of the configuration: checked there, so each is a literal. */
static int on_pinned(sd_event_source *source _unused_, void *userdata)
{
    ProbeRun *run = userdata;
    Address addresses[RESOLVE_ADDRESSES_MAX];
    size_t n = 0;
    for (char **text = run->endpoint->addresses; *text && n < RESOLVE_ADDRESSES_MAX; text++)
        if (address_parse(*text, (uint16_t)run->endpoint->port, &addresses[n]) == 0)
            n++;
    on_resolve(NULL, addresses, n, n == 0 ? "none of the configured addresses can be used" : NULL, run);
    return 0;
}

static int resolve(ProbeRun *run)
{
    int r = sd_event_add_time(run->event, &run->deadline, CLOCK_BOOTTIME, run->deadline_usec,
                              TIMER_ACCURACY_USEC, on_deadline, run);
    return r < 0 ? r : resolve_new(&run->resolve, run->event, run->endpoint, on_resolve, run);
}

int probe_run_new(ProbeRun **ret, sd_event *event, const ProbeRunParams *params, const ProbeRunEvents *events,
                  void *userdata)
{
    _cleanup_(probe_run_freep) ProbeRun *run = xcalloc(1, sizeof *run);
    Endpoint *endpoint = params->endpoint;
    run->event = sd_event_ref(event);
    run->endpoint = endpoint_ref(endpoint);
    run->pool = params->pool;
    run->password = xstrdup(params->password);
    run->events = events;
    run->userdata = userdata;
    run->timeout_usec = params->timeout_usec;
    run->deadline_usec = clock_boottime_usec() + params->timeout_usec;

    int r = endpoint->addresses ? sd_event_add_defer(event, &run->start, on_pinned, run) : resolve(run);
    if (r < 0)
        return r;
    *ret = TAKE(run);
    return 0;
}
