#include "fetch/discovery.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/timer.h"
#include "fetch/api.h"
#include "fetch/credentials.h"
#include "http/pause.h"
#include "rds/inventory.h"

#define TIMER_ACCURACY_USEC USEC_PER_SEC
#define RENEW_BEFORE        (5 * MINUTE)  /* of credentials: a page may take API_TRIES times API_SECONDS */
#define RENEWALS_MAX        3             /* in one round: credentials that end at once are none */
#define VERSIONS_MAX        500           /* questions in one round */
#define ROUND_SECONDS_MAX   (30 * MINUTE) /* that no more is asked for after; 10,000 instances take some 5 */
#define VERSIONS_LAST       DAY           /* what an engine version supports changes with releases of RDS */

/* In this order, then each engine version that is in use. */
static const ApiAction actions[] = {
    API_DB_INSTANCES,       API_DB_CLUSTERS,  API_DB_PROXIES,
    API_DB_PROXY_ENDPOINTS, API_CERTIFICATES, API_PENDING_MAINTENANCE_ACTIONS,
};

struct Discovery {
    sd_event *event;
    Http *http;
    sd_event_source *timer;
    const DiscoveryEvents *events;
    void *userdata;
    const RdsSource *source;
    char *url;
    RdsSourceState state;
    unsigned n_failures; /* rounds in a row */

    /* Of the round that is running. */
    CredentialsQuestion *asking;
    Credentials credentials;
    unsigned n_renewals;
    ApiCall *call;
    size_t step;     /* index into actions; past them, of the next version in `versions` */
    char **versions; /* arguments that ask for each */
    char **asked;    /* of these, since versions_at; the answers stay with the others */
    int64_t versions_at;
    RdsAnswers answers;
    Buffer lacking;
    uint64_t until_usec; /* boot time */
};

/* What only this round needed; what engine versions support is asked once a day. */
static void end_round(Discovery *d)
{
    credentials_cancel(TAKE(d->asking));
    api_cancel(TAKE(d->call));
    credentials_wipe(&d->credentials);
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        api_records_deinit(&d->answers.of[actions[i]]);
    d->versions = strv_free(d->versions);
    buffer_deinit(&d->lacking);
    d->step = d->n_renewals = 0;
}

static void forget_versions(Discovery *d)
{
    api_records_deinit(&d->answers.of[API_DB_ENGINE_VERSIONS]);
    d->asked = strv_free(d->asked);
    d->versions_at = clock_now();
}

void discovery_free(Discovery *d)
{
    if (!d)
        return;
    end_round(d);
    forget_versions(d);
    sd_event_source_disable_unref(d->timer);
    sd_event_unref(d->event);
    rds_source_state_deinit(&d->state);
    free(d->url);
    free(d);
}

RdsSourceState *discovery_state(Discovery *d)
{
    return &d->state;
}

static uint64_t pause_usec(const Discovery *d)
{
    return pause_spread_usec(pause_until_next(d->source->interval_seconds, d->n_failures));
}

/* The round is over, one way or the other. */
static void rest(Discovery *d, bool news)
{
    end_round(d);
    d->state.awaited = false;
    timer_arm(d->timer, pause_usec(d));
    d->events->answered(d->source, news, d->userdata);
}

static void give_up(Discovery *d, const char *error)
{
    if (d->n_failures++ == 0)
        d->state.failing_since = d->state.answered_at != INSTANT_NONE ? d->state.answered_at : clock_now();
    text_set(&d->state.error, xstrdup(error));
    rest(d, false);
}

static bool same_inventory(const RdsInventory *a, const RdsInventory *b)
{
    if (a->n_endpoints != b->n_endpoints || a->n_certificates != b->n_certificates)
        return false;
    for (size_t i = 0; i < a->n_endpoints; i++)
        if (!rds_endpoint_same(&a->endpoints[i], &b->endpoints[i]))
            return false;
    for (size_t i = 0; i < a->n_certificates; i++)
        if (strcmp(a->certificates[i].ca, b->certificates[i].ca) != 0)
            return false;
    return true;
}

static void conclude(Discovery *d)
{
    RdsInventory fresh;
    int64_t now = clock_now();
    inventory_make(d->source, &d->answers, &d->state.inventory, now, &fresh);
    bool news = !same_inventory(&fresh, &d->state.inventory);
    if (news) {
        d->state.n_unwatched = 0; /* they point into the one that goes */
        rds_inventory_deinit(&d->state.inventory);
        d->state.inventory = fresh;
    } else
        rds_inventory_deinit(&fresh);
    d->state.answered_at = now;
    d->state.failing_since = INSTANT_NONE;
    d->n_failures = 0;
    text_set(&d->state.error, NULL);
    text_set(&d->state.lacking, d->lacking.size > 0 ? buffer_take_text(&d->lacking) : NULL);
    rest(d, news);
}

static void go_on(Discovery *d);

static ApiAction action_of(const Discovery *d)
{
    return d->step < ARRAY_SIZE(actions) ? actions[d->step] : API_DB_ENGINE_VERSIONS;
}

static const char *arguments_of(const Discovery *d)
{
    return d->step < ARRAY_SIZE(actions) ? NULL : d->versions[d->step - ARRAY_SIZE(actions)];
}

/* What was refused is asked again in the next round. */
static void note_refusal(Discovery *d, const char *error)
{
    ApiAction action = action_of(d);
    if (!d->answers.refused[action])
        buffer_printf(&d->lacking, "%s%s", d->lacking.size > 0 ? "; " : "", error);
    d->answers.refused[action] = true;
    if (action == API_DB_ENGINE_VERSIONS)
        d->step = ARRAY_SIZE(actions) + strv_length(d->versions); /* the others would be, too */
    else {
        api_records_deinit(&d->answers.of[action]);
        d->step++;
    }
}

static void on_credentials(const char *error, void *userdata)
{
    Discovery *d = userdata;
    d->asking = NULL;
    if (error)
        give_up(d, error);
    else
        go_on(d);
}

static void ask_credentials(Discovery *d)
{
    int r = credentials_ask(&d->asking, d->event, d->http, d->source, &d->credentials, on_credentials, d);
    if (r < 0)
        give_up(d, strerror(-r));
}

static void renew(Discovery *d, const char *error)
{
    if (++d->n_renewals > RENEWALS_MAX)
        give_up(d, error);
    else
        ask_credentials(d);
}

/* The next one, then. */
static void step_on(Discovery *d)
{
    if (action_of(d) == API_DB_ENGINE_VERSIONS)
        strv_append(&d->asked, xstrdup(arguments_of(d)));
    d->step++;
}

static void on_answered(ApiResult result, const char *error, void *userdata)
{
    Discovery *d = userdata;
    ApiAction action = action_of(d);
    bool of_version = action == API_DB_ENGINE_VERSIONS, needed = action == API_DB_INSTANCES;
    d->call = NULL;
    if (result == API_EXPIRED) {
        if (!of_version) /* its pages begin anew */
            api_records_deinit(&d->answers.of[action]);
        renew(d, error);
    } else if (result == API_FAILED || (result != API_ANSWERED && needed))
        give_up(d, error); /* without instances there is nothing to speak of */
    else {
        if (result == API_ANSWERED || (result == API_UNFIT && of_version))
            step_on(d); /* answered, or not to be had: of some versions the API does not say more */
        else
            note_refusal(d, error);
        go_on(d);
    }
}

static void add_version(const char *engine, const char *version, void *userdata)
{
    Discovery *d = userdata;
    _cleanup_free_ char *e = http_escape(engine), *v = http_escape(version);
    _cleanup_free_ char *arguments = xasprintf("Engine=%s&EngineVersion=%s&IncludeAll=true", e, v);
    if (strv_length(d->versions) < VERSIONS_MAX && !strv_contains(d->versions, arguments) &&
        !strv_contains(d->asked, arguments))
        strv_append(&d->versions, TAKE(arguments));
}

/* Asks the next question; at the end draws the conclusion. */
static void go_on(Discovery *d)
{
    if (d->step == ARRAY_SIZE(actions) && !d->versions)
        inventory_versions(&d->answers, add_version, d);
    if (d->step >= ARRAY_SIZE(actions) + strv_length(d->versions)) {
        conclude(d);
        return;
    }
    if (d->credentials.expires_at < clock_now() + RENEW_BEFORE && d->n_renewals < RENEWALS_MAX) {
        renew(d, NULL); /* before they end */
        return;
    }
    const ApiQuestion question = {
        .action = action_of(d),
        .url = d->url,
        .region = d->source->region,
        .arguments = arguments_of(d),
        .credentials = &d->credentials,
        .until_usec = d->until_usec,
    };
    int r = api_ask(&d->call, d->event, d->http, &question, &d->answers.of[question.action], on_answered, d);
    if (r < 0)
        give_up(d, strerror(-r));
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Discovery *d = userdata;
    int64_t now = clock_now();
    d->until_usec = clock_boottime_usec() + ROUND_SECONDS_MAX * USEC_PER_SEC;
    memset(d->answers.refused, 0, sizeof d->answers.refused);
    if (now - d->versions_at >= VERSIONS_LAST || now < d->versions_at)
        forget_versions(d);
    ask_credentials(d);
    return 0;
}

int discovery_new(Discovery **ret, sd_event *event, Http *http, const RdsSource *source, bool asks,
                  const DiscoveryEvents *events, void *userdata)
{
    _cleanup_(discovery_freep) Discovery *d = xcalloc(1, sizeof *d);
    *d = (Discovery) {
        .event = sd_event_ref(event),
        .http = http,
        .events = events,
        .userdata = userdata,
        .source = source,
        .url = source->endpoint_url ? xstrdup(source->endpoint_url) : aws_endpoint_url("rds", source->region),
        .state = { .source = source,
                   .awaited = true,
                   .answered_at = INSTANT_NONE,
                   .failing_since = INSTANT_NONE,
                   .changes_at = INSTANT_NEVER },
        .versions_at = clock_now(),
    };
    int r = timer_new(&d->timer, event, TIMER_ACCURACY_USEC, on_timer, d);
    if (r < 0)
        return r;
    if (asks)
        timer_arm(d->timer, 0);
    *ret = TAKE(d);
    return 0;
}
