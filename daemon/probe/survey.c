#include "probe/survey.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "model/reach.h"
#include "probe/resolve.h"

#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)

struct Survey {
    sd_event *event;
    sd_event_source *start;    /* where no name has to be resolved: from the loop */
    sd_event_source *deadline; /* of resolving; each probe keeps its own */
    uint64_t timeout_usec, deadline_usec;
    Endpoint *endpoint;
    Pool *pool;
    char *password;
    const SurveyEvents *events;
    void *userdata;
    Resolve *resolve;
    Address addresses[RESOLVE_ADDRESSES_MAX];
    size_t n_addresses;
    size_t next; /* of these, to be probed */
    Probe *probes[SURVEY_AT_ONCE_MAX];
    size_t n_running;
    bool has_ipv4, has_ipv6;
};

void survey_free(Survey *survey)
{
    if (!survey)
        return;
    resolve_free(survey->resolve);
    for (size_t i = 0; i < ARRAY_SIZE(survey->probes); i++)
        probe_free(survey->probes[i]);
    sd_event_source_disable_unref(survey->start);
    sd_event_source_disable_unref(survey->deadline);
    sd_event_unref(survey->event);
    endpoint_unref(survey->endpoint);
    wiping_free(survey->password);
    free(survey);
}

/*
 * A host without IPv6 cannot probe the IPv6 half of a dual-stack name, and no client on it can use it either:
 * that is not the server's failure as long as the other family is probed.
 */
static bool is_beyond_us(const Survey *survey, const Observation *observation)
{
    return observation->no_route && survey->has_ipv4 && survey->has_ipv6;
}

static bool on_authorises(const Chain *chain, void *userdata, char **ret_reason)
{
    Survey *survey = userdata;
    return survey->events->authorises(chain, survey->userdata, ret_reason);
}

/* before: what the probe saw that this is the check for plaintext after; NULL: it is a probe. */
static int start(Survey *survey, Probe **slot, const Address *address, const Observation *before, probe_fn done)
{
    const ProbeParams params = {
        .endpoint = survey->endpoint,
        .pool = survey->pool,
        .address = address,
        .password = survey->password,
        .deadline_usec = survey->deadline_usec,
        .claim = before ? before->claim : PLAINTEXT_UNKNOWN,
        .plaintext = before != NULL,
    };
    return probe_new(slot, survey->event, &params, done, survey->events->authorises ? on_authorises : NULL,
                     survey);
}

static void on_probe(Probe *probe, Observation *observation, void *userdata);

/* Starts a probe of the next address that is not left alone. False: there is none. */
static bool start_next(Survey *survey, Probe **slot)
{
    while (survey->next < survey->n_addresses) {
        const Address *address = &survey->addresses[survey->next++];
        bool skips = survey->events->skips && survey->events->skips(survey, address, survey->userdata);
        if (!skips && start(survey, slot, address, NULL, on_probe) >= 0)
            return true;
    }
    return false;
}

static void slot_over(Survey *survey, Probe **slot)
{
    probe_free(TAKE(*slot));
    survey->deadline_usec = clock_boottime_usec() + survey->timeout_usec;
    if (!start_next(survey, slot) && --survey->n_running == 0)
        survey->events->done(survey, survey->userdata);
}

static Probe **slot_of(Survey *survey, const Probe *probe)
{
    size_t i = 0;
    while (survey->probes[i] != probe)
        i++;
    return &survey->probes[i];
}

static void on_check(Probe *probe, Observation *observation, void *userdata)
{
    Survey *survey = userdata;
    survey->events->checked(survey, observation, survey->userdata);
    slot_over(survey, slot_of(survey, probe));
}

/* SQL Server says it in PRELOGIN. A login that failed with TLS would fail without it, and tell nothing. */
static bool needs_check(Survey *survey, const Observation *observation)
{
    EngineFamily family = survey->endpoint->engine->family;
    return survey->endpoint->check_plaintext && observation->outcome == OUTCOME_FETCHED &&
           !observation->detail && (family == FAMILY_POSTGRES || family == FAMILY_MYSQL) &&
           survey->events->checks && survey->events->checks(survey, &observation->address, survey->userdata);
}

static void on_probe(Probe *probe, Observation *observation, void *userdata)
{
    Survey *survey = userdata;
    Probe **slot = slot_of(survey, probe);
    if (!is_beyond_us(survey, observation))
        survey->events->observed(survey, observation, survey->userdata);
    if (needs_check(survey, observation)) {
        Probe *check;
        survey->deadline_usec = clock_boottime_usec() + survey->timeout_usec;
        if (start(survey, &check, &observation->address, observation, on_check) >= 0) {
            probe_free(probe);
            *slot = check;
            return;
        }
    }
    slot_over(survey, slot);
}

static void probe_all(Survey *survey, const Address *addresses, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        survey->addresses[survey->n_addresses++] = addresses[i];
        survey->has_ipv4 |= addresses[i].sa.sa_family == AF_INET;
        survey->has_ipv6 |= addresses[i].sa.sa_family == AF_INET6;
    }
    for (size_t i = 0; i < SURVEY_AT_ONCE_MAX && start_next(survey, &survey->probes[i]); i++)
        survey->n_running++;
    if (survey->n_running == 0)
        survey->events->done(survey, survey->userdata);
}

/* Why none of them will be probed: the first one's reason. NULL if one may be; the others fail one by one. */
static char *refusal_of_all(const Survey *survey, const Address *addresses, size_t n)
{
    char *first = NULL;
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *refusal = endpoint_refusal(survey->endpoint, &addresses[i]);
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
    Survey *survey = userdata;
    _cleanup_free_ char *refusal = refusal_of_all(survey, addresses, n);
    sd_event_source_disable_unref(TAKE(survey->deadline));
    if (refusal) {
        n = 0;
        error = refusal;
    }
    probe_all(survey, addresses, survey->events->resolved(survey, addresses, n, error, survey->userdata));
}

static int on_deadline(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Survey *survey = userdata;
    resolve_free(TAKE(survey->resolve));
    on_resolve(NULL, NULL, 0, "the name servers did not answer in time", survey);
    return 0;
}

/* `addresses` of the configuration: checked there, so each is a literal. */
static int on_pinned(sd_event_source *source _unused_, void *userdata)
{
    Survey *survey = userdata;
    Address addresses[RESOLVE_ADDRESSES_MAX];
    size_t n = 0;
    for (char **text = survey->endpoint->addresses; *text && n < RESOLVE_ADDRESSES_MAX; text++)
        if (address_parse(*text, (uint16_t)survey->endpoint->port, &addresses[n]) == 0)
            n++;
    on_resolve(NULL, addresses, n, n == 0 ? "none of the configured addresses can be used" : NULL, survey);
    return 0;
}

static int resolve(Survey *survey)
{
    int r = sd_event_add_time(survey->event, &survey->deadline, CLOCK_BOOTTIME, survey->deadline_usec,
                              TIMER_ACCURACY_USEC, on_deadline, survey);
    return r < 0 ? r : resolve_new(&survey->resolve, survey->event, survey->endpoint, on_resolve, survey);
}

int survey_new(Survey **ret, sd_event *event, const SurveyParams *params, const SurveyEvents *events,
               void *userdata)
{
    _cleanup_(survey_freep) Survey *survey = xcalloc(1, sizeof *survey);
    Endpoint *endpoint = params->endpoint;
    survey->event = sd_event_ref(event);
    survey->endpoint = endpoint_ref(endpoint);
    survey->pool = params->pool;
    survey->password = xstrdup(params->password);
    survey->events = events;
    survey->userdata = userdata;
    survey->timeout_usec = params->timeout_usec;
    survey->deadline_usec = clock_boottime_usec() + params->timeout_usec;

    int r =
        endpoint->addresses ? sd_event_add_defer(event, &survey->start, on_pinned, survey) : resolve(survey);
    if (r < 0)
        return r;
    *ret = TAKE(survey);
    return 0;
}
