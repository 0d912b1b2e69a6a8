/* A configuration takes the place of another one, as a whole or not at all. */

#include <stdio.h>
#include <string.h>

#include "app/app-internal.h"
#include "app/load.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "sink/journal.h"

static void on_adopted(void *userdata)
{
    App *app = userdata;
    app->context.bundle = bundles_current(app->bundles);
    endpoints_verify(app->endpoints);
    view_announce_soon(app);
    control_changed(app->control, NULL);
}

static const BundlesEvents bundles_events = { .adopted = on_adopted };

static void watch_targets(App *app, bool due)
{
    size_t n;
    Endpoint *const *endpoints = targets_endpoints(app->targets, &n);
    endpoints_replace(app->endpoints, endpoints, n, due);
}

static void on_targets_changed(void *userdata)
{
    watch_targets(userdata, false);
}

static const TargetsEvents targets_events = { .changed = on_targets_changed };

/* What a configuration makes. */
typedef struct Parts {
    Bundles *bundles;
    TrustStores *trust_stores;
    Targets *targets;
} Parts;

static void parts_deinit(Parts *parts)
{
    bundles_free(parts->bundles);
    trust_stores_free(parts->trust_stores);
    targets_free(parts->targets);
}

/* Nothing of what there is, is touched. */
static int parts_make(App *app, Parts *parts)
{
    const Context *context = &app->context;
    int r = bundles_new(&parts->bundles, context, app->endpoints, app->bundles, &bundles_events, app);
    if (r < 0)
        return r;
    r = trust_stores_new(&parts->trust_stores, context, app->endpoints);
    if (r < 0)
        return r;
    return targets_new(&parts->targets, context, &targets_events, app);
}

/* Nothing of this can fail. */
static void parts_start(App *app, Parts parts)
{
    bundles_free(app->bundles);
    trust_stores_free(app->trust_stores);
    targets_start(parts.targets, app->targets);
    targets_free(app->targets);
    app->bundles = parts.bundles;
    app->trust_stores = parts.trust_stores;
    app->targets = parts.targets;
    app->context.bundle = bundles_current(app->bundles);
    bundles_start(app->bundles);
    trust_stores_start(app->trust_stores);
}

static void configure_publisher(App *app)
{
    const Config *config = app->loaded->config;
    publisher_configure(app->publisher, &(PublishPolicy) {
                                            .remind_seconds = config->remind_seconds,
                                            .group_wait_seconds = config->group_wait_seconds,
                                            .group_interval_seconds = config->group_interval_seconds,
                                            .alertmanager = config->alertmanager,
                                            .alertmanager_credential =
                                                loaded_secret(app->loaded, config->alertmanager_credential),
                                        });
}

static void resolve_unmonitored(SubjectKind about, const char *subject, void *userdata)
{
    App *app = userdata;
    if (!subjects_has(&app->subjects, about, subject))
        publisher_resolve(app->publisher, about, subject, NULL);
}

int reload_take(App *app, Loaded *loaded)
{
    Loaded *old = app->loaded == loaded ? NULL : app->loaded; /* at a start it is there already */
    Parts parts = { 0 };
    app->context.loaded = app->loaded = loaded;
    int r = parts_make(app, &parts);
    if (r < 0) {
        parts_deinit(&parts);
        app->context.loaded = app->loaded = old;
        loaded_free(loaded);
        return r;
    }
    configure_publisher(app);
    parts_start(app, parts);
    loaded_free(old);
    app->reloaded_at = clock_now();
    watch_targets(app, true);
    endpoints_verify(app->endpoints);
    store_each_subject(app->store, resolve_unmonitored, app);
    return 0;
}

static char *join(char **lines, const char *between)
{
    Buffer text = { 0 };
    for (; lines && *lines; lines++)
        buffer_printf(&text, "%s%s", text.size ? between : "", *lines);
    return buffer_take_text(&text);
}

static size_t n_endpoints(const App *app)
{
    size_t n;
    (void)endpoints_states(app->endpoints, &n);
    return n;
}

void reload_configuration(App *app)
{
    _cleanup_(strv_freep) char **errors = NULL, **warnings = NULL;
    Loaded *loaded = NULL;
    uint64_t now_usec = 0;
    (void)sd_event_now(app->event, CLOCK_MONOTONIC, &now_usec); /* cannot fail inside the loop */
    notify_reloading(app->notifier, now_usec);
    free(TAKE(app->reload_error));
    int r = load_configuration(app->loaded->path, false, &loaded, &errors, &warnings);
    if (r >= 0 && !text_same(loaded->config->socket, app->loaded->config->socket))
        strv_append(&warnings, xstrdup("socket: is changed by a restart only, ignoring"));
    if (r >= 0 && !text_same(loaded->config->state, app->loaded->config->state))
        strv_append(&warnings, xstrdup("state: the database moves with a restart only"));
    if (r >= 0 && (r = reload_take(app, loaded)) < 0)
        strv_append(&errors, xstrdup(strerror(-r)));
    if (r < 0) {
        _cleanup_free_ char *line = join(errors, "; ");
        app->reload_error = join(errors, "\n");
        journal_event(EVENT_RELOAD_FAILED, "the new configuration is not taken, the old one goes on: %s", line);
    } else {
        for (size_t i = 0; warnings && warnings[i]; i++)
            log_warning("%s", warnings[i]);
        journal_event(EVENT_RELOADED, "configuration reloaded: %zu endpoints", n_endpoints(app));
    }
    notify_ready(app->notifier);
    control_changed(app->control, NULL);
    view_announce_soon(app);
}
