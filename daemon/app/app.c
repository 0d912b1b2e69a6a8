#include "app/app.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "app/app-internal.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timer.h"
#include "sink/journal.h"

#define DATABASE                  "dbcertd.db"
#define DEFAULT_RUNTIME_DIRECTORY "/run/dbcertd"

void app_free(App *app)
{
    if (!app)
        return;
    publisher_free(app->publisher);
    promise_drop_all(app);
    health_free(app->health);
    control_free(app->control);
    trust_stores_free(app->trust_stores);
    bundles_free(app->bundles);
    targets_free(app->targets);
    endpoints_free(app->endpoints);
    subjects_deinit(&app->subjects);
    http_free(app->http);
    notifier_free(app->notifier);
    worker_free(app->worker);
    sd_event_source_disable_unref(app->announce);
    sd_event_source_disable_unref(app->stop);
    sd_event_unref(app->event);
    store_free(app->store);
    pool_free(app->pool);
    loaded_free(app->loaded);
    free(app->reload_error);
    free(app);
}

static int64_t on_probe_asked(const char *name, void *userdata)
{
    App *app = userdata;
    return endpoints_ask(app->endpoints, name);
}

static void on_snapshot_asked(Snapshot *ret, void *userdata)
{
    App *app = userdata;
    trust_stores_settle(app->trust_stores);
    view_take(app, ret);
}

static int64_t on_silence_asked(Silence silence, void *userdata)
{
    App *app = userdata;
    return publisher_silence(app->publisher, silence);
}

static void on_unsilence_asked(int64_t id, void *userdata)
{
    App *app = userdata;
    publisher_unsilence(app->publisher, id);
}

static void on_history_asked(const char *name, int64_t id, void *userdata)
{
    App *app = userdata;
    store_history(app->store, name, id);
}

static uint64_t on_keep_asked(void *userdata)
{
    App *app = userdata;
    Ticket ticket = publisher_keep(app->publisher);
    return store_kept(app->store) >= ticket ? 0 : ticket;
}

static const ControlEvents control_events = {
    .snapshot = on_snapshot_asked,
    .probe = on_probe_asked,
    .silence = on_silence_asked,
    .unsilence = on_unsilence_asked,
    .history = on_history_asked,
    .keep = on_keep_asked,
};

static void on_kept(void *userdata)
{
    App *app = userdata;
    promise_keep_all(app);
    control_kept(app->control, store_kept(app->store));
}

static void on_troubled(void *userdata)
{
    App *app = userdata;
    health_look_soon(app->health);
}

static void on_silenced(const char *subject, void *userdata)
{
    App *app = userdata;
    endpoints_evaluate(app->endpoints, subject);
    trust_stores_touch(app->trust_stores);
    bundles_evaluate(app->bundles);
    health_look(app->health);
}

static void on_history(const char *name, History *history, int64_t id, void *userdata)
{
    view_history(userdata, name, history, id);
}

static const PublisherEvents publisher_events = {
    .kept = on_kept,
    .troubled = on_troubled,
    .silenced = on_silenced,
    .history = on_history,
};

static void on_subject_changed(const Subject *subject, void *userdata)
{
    App *app = userdata;
    bool endpoint = subject && subject->type->kind == SUBJECT_ENDPOINT;
    view_announce_soon(app);
    control_changed(app->control, endpoint ? subject->name : NULL);
}

static void on_probed(const char *name, int64_t run, bool asked, void *userdata)
{
    if (asked)
        promise_make(userdata, name, run);
}

static void on_given_up(const char *name, void *userdata)
{
    App *app = userdata;
    control_given_up(app->control, name); /* whoever waits is answered as it is */
}

static void on_running(void *userdata)
{
    view_announce_soon(userdata);
}

static void on_chains_changed(void *userdata)
{
    App *app = userdata;
    trust_stores_touch(app->trust_stores);
}

static int64_t on_answered_at(const RdsEndpoint *rds, void *userdata)
{
    App *app = userdata;
    return targets_answered_at(app->targets, rds);
}

static const EndpointsEvents endpoints_events = {
    .probed = on_probed,
    .given_up = on_given_up,
    .running = on_running,
    .chains_changed = on_chains_changed,
    .answered_at = on_answered_at,
};

static void on_clock_usable(void *userdata)
{
    reload_configuration(userdata);
}

static void on_clock_set(void *userdata)
{
    App *app = userdata;
    endpoints_evaluate(app->endpoints, NULL);
    endpoints_mind_clock(app->endpoints);
    trust_stores_touch(app->trust_stores);
    bundles_evaluate(app->bundles);
}

static const HealthEvents health_events = { .clock_usable = on_clock_usable, .clock_set = on_clock_set };

static int on_hangup(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_,
                     void *userdata)
{
    App *app = userdata;
    if (!app->stopping)
        reload_configuration(app);
    return 0;
}

static int on_stop(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_,
                   void *userdata)
{
    return stop_begin(userdata);
}

static int add_signals(App *app)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    int r = sd_event_add_signal(app->event, NULL, SIGTERM, on_stop, app);
    if (r < 0)
        return r;
    r = sd_event_add_signal(app->event, NULL, SIGINT, on_stop, app);
    if (r < 0)
        return r;
    return sd_event_add_signal(app->event, NULL, SIGHUP, on_hangup, app);
}

static int read_certificate(const uint8_t *der, size_t size, bool server, Certificate **ret, void *userdata)
{
    const App *app = userdata;
    return pool_get(app->pool, der, size, server, ret);
}

/* path: the caller's. */
static int open_store(App *app, char **ret_path)
{
    _cleanup_free_ char *directory = loaded_state_directory(app->loaded), *words = NULL;
    if (mkdir(directory, 0750) < 0 && errno != EEXIST)
        log_warning("%s: cannot make it: %m", directory); /* and a finding says what follows */
    *ret_path = xasprintf("%s/" DATABASE, directory);
    int r = store_open(&app->store, *ret_path, read_certificate, app, clock_now(), &words);
    if (r < 0)
        log_error("%s", words);
    return r;
}

/* What the parts share. */
static int make_context(App *app)
{
    int r = publisher_new(&app->publisher, app->event, app->store, &publisher_events, app);
    if (r < 0)
        return r;
    r = subjects_init(&app->subjects, app->event, app->publisher, on_subject_changed, app);
    if (r < 0)
        return r;
    r = worker_new(&app->worker, app->event);
    if (r < 0)
        return r;
    r = http_new(&app->http, app->event);
    if (r < 0)
        return r;
    app->context = (Context) {
        .event = app->event,
        .store = app->store,
        .publisher = app->publisher,
        .subjects = &app->subjects,
        .worker = app->worker,
        .http = app->http,
        .pool = app->pool,
        .counters = &app->counters,
    };
    return 0;
}

/* All that waits for something. */
static int start(App *app, const char *database, Loaded *loaded)
{
    int r = sd_event_new(&app->event);
    if (r < 0)
        return r;
    r = add_signals(app);
    if (r < 0)
        return r;
    r = notifier_new(&app->notifier, app->event);
    if (r < 0)
        return r;
    r = view_init(app);
    if (r < 0)
        return r;
    r = make_context(app);
    if (r < 0)
        return r;
    r = endpoints_new(&app->endpoints, &app->context, &endpoints_events, app);
    if (r < 0)
        return r;
    r = health_new(&app->health, &app->context, app->endpoints, database, &health_events, app);
    if (r < 0)
        return r;
    r = control_new(&app->control, app->event, &control_events, app);
    return r < 0 ? r : reload_take(app, loaded);
}

int app_new(App **ret, Loaded *loaded)
{
    _cleanup_(app_freep) App *app = xcalloc(1, sizeof *app);
    _cleanup_free_ char *database = NULL;
    app->started_at = clock_now();
    app->pool = pool_new();
    app->loaded = loaded;
    int r = open_store(app, &database);
    if (r < 0)
        return r;
    r = start(app, database, loaded);
    if (r < 0) {
        log_error("cannot start: %s", strerror(-r));
        return r;
    }
    *ret = TAKE(app);
    return 0;
}

/* $RUNTIME_DIRECTORY is systemd's; the key is for runs by hand. */
static char *socket_path(const App *app)
{
    const char *directory = getenv("RUNTIME_DIRECTORY");
    if (app->loaded->config->socket)
        return xstrdup(app->loaded->config->socket);
    return xasprintf("%s/status.sock", directory ? directory : DEFAULT_RUNTIME_DIRECTORY);
}

static int open_sockets(App *app)
{
    int n = sd_listen_fds(0); /* without a change of the environment, which threads read */
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++) {
        int r = control_serve(app->control, SD_LISTEN_FDS_START + i);
        if (r < 0) {
            log_error("cannot serve the socket %d of %d that systemd passed: %s", i + 1, n, strerror(-r));
            return r;
        }
    }
    if (n > 0)
        return 0;
    _cleanup_free_ char *path = socket_path(app);
    int r = control_listen(app->control, path);
    if (r < 0)
        log_error("%s: %s; set `socket` to a path that this user may write", path,
                  r == -EADDRINUSE ? "another dbcertd answers there" : strerror(-r));
    return r;
}

/* sd_event_loop(), with a look at how long each step holds up the others. */
static int loop(App *app)
{
    sd_event *event = app->event;
    int r = 0, code = 0;
    while (r >= 0 && sd_event_get_state(event) != SD_EVENT_FINISHED) {
        r = sd_event_prepare(event);
        if (r == 0)
            r = sd_event_wait(event, log_is_waiting() ? LOG_RETRY_USEC : UINT64_MAX);
        log_drain();
        if (r <= 0)
            continue;
        uint64_t began_usec = clock_boottime_usec();
        r = sd_event_dispatch(event);
        histogram_add(&app->counters.loop, counters_loop_bounds, clock_boottime_usec() - began_usec);
    }
    return r < 0 || (r = sd_event_get_exit_code(event, &code)) < 0 ? r : code;
}

int app_run(App *app)
{
    size_t n;
    int r = open_sockets(app);
    if (r < 0)
        return r;
    (void)endpoints_states(app->endpoints, &n);
    journal_event(EVENT_STARTED, "dbcertd %s watches %zu endpoints, %zu trusted certificates", DBCERTD_VERSION,
                  n, bundle_size(bundles_current(app->bundles)));
    notify_ready(app->notifier);
    health_look(app->health);
    r = loop(app);
    if (r < 0)
        log_error("cannot wait for events: %s", strerror(-r));
    return r;
}
