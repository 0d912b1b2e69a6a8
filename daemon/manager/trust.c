#include "manager/trust.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/log.h"
#include "fetch/download.h"
#include "manager/audit.h"
#include "manager/manager-internal.h"
#include "rules/trust.h"

/* A file that is written in pieces, and a first round of probes, are looked at once. */
#define SETTLE_USEC (1 * USEC_PER_SEC)

/* For what inotify does not see: network file systems, a link's other end, a directory that is made later. */
#define LOOK_AGAIN_USEC (15 * 60 * USEC_PER_SEC)

#define STORE_BYTES_MAX BUNDLE_BYTES_MAX

#define STORE_EVENTS \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)

/* A trust store that is watched. */
typedef struct WatchedStore {
    Trust *trust;
    TrustStoreState state;
    Bundle *bundle; /* as it was last read; NULL: never */
    AuditMemory memory;
    struct stat identity; /* of the file that was read, or failed to be */
    bool looked;
    sd_event_source *watch; /* on its directory; NULL: there is none to watch */
} WatchedStore;

struct Trust {
    Manager *manager;
    Download **downloads;
    size_t n_downloads;
    BundleSource **sources; /* of the downloads, for snapshots */
    Bundle *bundle;
    bool pending; /* the first answer is awaited: until then nothing is verified, and nothing is untrusted */
    char **fingerprints; /* of the bundle */
    WatchedStore **stores;
    size_t n_stores;
    TrustStoreState **states; /* of the stores, for snapshots */
    sd_event_source *settle;  /* then the stores are read, if they have changed, and judged */
    sd_event_source *look_again;
};

static void watched_store_free(WatchedStore *store)
{
    sd_event_source_disable_unref(store->watch);
    trust_store_state_deinit(&store->state);
    audit_memory_deinit(&store->memory);
    bundle_free(store->bundle);
    free(store);
}

void trust_free(Trust *trust)
{
    if (!trust)
        return;
    for (size_t i = 0; i < trust->n_downloads; i++)
        download_free(trust->downloads[i]);
    for (size_t i = 0; i < trust->n_stores; i++)
        watched_store_free(trust->stores[i]);
    sd_event_source_disable_unref(trust->settle);
    sd_event_source_disable_unref(trust->look_again);
    bundle_free(trust->bundle);
    strv_free(trust->fingerprints);
    free(trust->downloads);
    free(trust->sources);
    free(trust->stores);
    free(trust->states);
    free(trust);
}

const Bundle *trust_bundle(const Trust *trust)
{
    return trust->bundle;
}

static void judge_source_now(Trust *trust, BundleSource *source)
{
    if (trust->manager->self.clock_waits || source->awaited)
        return;
    judge_source(source, clock_now());
    int64_t reminder = manager_tell(trust->manager, SUBJECT_BUNDLE, source->url, &source->findings);
    source->changes_at = instant_earlier(source->changes_at, reminder);
}

/* Every server that its clients connect to was looked at: before, half of a finding would be told. */
static bool all_looked_at(const Fleet *fleet, const TrustStore *store)
{
    for (size_t i = 0; i < fleet->n; i++)
        if (fleet->members[i]->turns == 0 && trust_store_concerns(store, fleet->states[i]->endpoint->name))
            return false;
    return true;
}

static void judge_store_now(Trust *trust, WatchedStore *store)
{
    Manager *manager = trust->manager;
    const char *name = store->state.store->name;
    if (manager->self.clock_waits)
        return;
    if (store->bundle)
        audit(&store->state, store->bundle, &store->memory, manager->fleet.states, manager->fleet.n,
              manager->loaded->catalogue);
    if (!all_looked_at(&manager->fleet, store->state.store)) {
        alert_recall(store_alerts(manager->store, SUBJECT_TRUST_STORE, name), &store->state.findings);
        silence_list_apply(store_silences(manager->store), name, &store->state.findings, clock_now());
        store->state.changes_at = INSTANT_NEVER; /* the last of those turns touches it */
        return;
    }
    judge_trust_store(&store->state, manager->loaded->catalogue, clock_now());
    int64_t reminder = manager_tell(manager, SUBJECT_TRUST_STORE, name, &store->state.findings);
    store->state.changes_at = instant_earlier(store->state.changes_at, reminder);
}

static char **fingerprints_of(const Bundle *bundle)
{
    char **list = NULL;
    for (size_t i = 0; i < bundle_size(bundle); i++)
        strv_append(&list, xstrdup(bundle_certificate(bundle, i)->sha256));
    return list;
}

static void make_bundle(Trust *trust)
{
    bundle_free(trust->bundle);
    strv_free(trust->fingerprints);
    trust->bundle = bundle_new();
    trust->pending = false;
    for (size_t i = 0; i < trust->n_downloads; i++)
        trust->pending |= download_is_pending(trust->downloads[i]);
    if (!trust->pending)
        bundle_merge(trust->bundle, trust->manager->loaded->bundle);
    for (size_t i = 0; i < trust->n_downloads && !trust->pending; i++)
        if (download_bundle(trust->downloads[i]))
            bundle_merge(trust->bundle, download_bundle(trust->downloads[i]));
    trust->fingerprints = fingerprints_of(trust->bundle);
}

static const char *on_used_by(const char *sha256, void *userdata)
{
    const Trust *trust = userdata;
    const Fleet *fleet = &trust->manager->fleet;
    for (size_t i = 0; i < fleet->n; i++)
        for (size_t j = 0; j < fleet->states[i]->n_addresses; j++) {
            const Verification *v = &fleet->states[i]->addresses[j].verification;
            if (v->anchored && strcmp(v->path.certificates[v->path.n - 1]->sha256, sha256) == 0)
                return fleet->states[i]->endpoint->name;
        }
    return NULL;
}

static void on_changed(bool adopted, void *userdata)
{
    Trust *trust = userdata;
    if (adopted || trust->pending) {
        make_bundle(trust);
        log_info("another bundle is used: %zu trusted certificates", bundle_size(trust->bundle));
        manager_verify_again(trust->manager);
    }
    for (size_t i = 0; i < trust->n_downloads; i++)
        judge_source_now(trust, trust->sources[i]);
    manager_judged(trust->manager);
}

static const DownloadEvents download_events = { .used_by = on_used_by, .changed = on_changed };

/* A bundle of a download that a file of trust.bundles overlaps is no harm: certificates are held once. */
static int start_downloads(Trust *trust, bool asked)
{
    const Loaded *loaded = trust->manager->loaded;
    Url **urls = loaded->config->fetch;
    size_t n = 0;
    _cleanup_(strv_freep) char **warnings = NULL;
    _cleanup_free_ char *state = loaded_state_directory(loaded), *directory = xasprintf("%s/bundles", state);
    download_scrub(directory);
    while (urls[n])
        n++;
    if (n == 0)
        return 0;
    if ((mkdir(state, 0755) < 0 && errno != EEXIST) || (mkdir(directory, 0755) < 0 && errno != EEXIST))
        log_warning("%s: cannot make it: %m; what is fetched will not outlast a restart", directory);
    int r = 0;
    trust->downloads = xcalloc(n, sizeof(Download *));
    trust->sources = xcalloc(n, sizeof(BundleSource *));
    for (size_t i = 0; i < n && r >= 0; i++) {
        const DownloadParams params = {
            .url = urls[i],
            .credential = loaded_secret(loaded, config_fetch_credential(loaded->config, urls[i])),
            .directory = directory,
            .plain_allowed = loaded->config->fetch_http,
            .interval_seconds = loaded->config->fetch_interval_seconds,
            .asked = asked,
        };
        r = download_new(&trust->downloads[i], trust->manager->event, trust->manager->http, &params,
                         &download_events, trust, &warnings);
        if (r < 0)
            break;
        trust->sources[i] = download_source(trust->downloads[i]);
        trust->n_downloads++;
    }
    for (size_t i = 0; warnings && warnings[i]; i++)
        log_warning("%s", warnings[i]);
    return r;
}

static int read_file(const WatchedStore *store, const struct stat *st, Buffer *data)
{
    if (!S_ISREG(st->st_mode))
        return -EINVAL; /* to open a pipe would wait for its writer */
    return file_read(store->state.store->path, STORE_BYTES_MAX, data);
}

/* The texts are taken over, or freed. */
static void note_content(WatchedStore *store, Bundle *bundle, char **warnings)
{
    TrustStoreState *state = &store->state;
    bundle_free(store->bundle);
    store->bundle = bundle;
    audit_memory_deinit(&store->memory);
    strv_free(state->fingerprints);
    strv_free(state->warnings);
    state->fingerprints = fingerprints_of(bundle);
    state->warnings = warnings;
    state->n_certificates = bundle_size(bundle);
    state->read_at = clock_now();
    state->last_end = INSTANT_NONE;
    for (size_t i = 0; i < bundle_size(bundle); i++)
        if (state->last_end < bundle_certificate(bundle, i)->not_after)
            state->last_end = bundle_certificate(bundle, i)->not_after;
}

/* What was read before goes on being judged where it cannot be read any more: its clients have read it, too. */
static void read_store(WatchedStore *store)
{
    TrustStoreState *state = &store->state;
    const TrustStore *config = state->store;
    _cleanup_(buffer_deinit) Buffer data = { 0 };
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    char **errors = NULL;
    struct stat st = { 0 };
    int r = stat(config->path, &st) < 0 ? -errno : read_file(store, &st, &data);
    store->identity = st;
    store->looked = true;
    free(TAKE(state->error));
    if (r < 0)
        state->error = xasprintf("%s: %s", config->path, r == -EINVAL ? "is no regular file" : strerror(-r));
    else {
        const char *password = loaded_secret(store->trust->manager->loaded, config->password_credential);
        r = bundle_add(bundle, config->path, data.data, data.size, password, &errors);
        state->format = bundle_format(data.data, data.size);
        if (r < 0)
            state->error = xstrdup(errors[0]);
    }
    state->locked = state->format && r == -EACCES && data.size > 0;
    state->denied = r == -EACCES && !state->locked;
    if (r >= 0)
        note_content(store, TAKE(bundle), TAKE(errors));
    strv_free(errors);
}

static bool has_changed(const WatchedStore *store)
{
    struct stat st = { 0 };
    const struct stat *was = &store->identity;
    (void)stat(store->state.store->path, &st); /* none is all zeros */
    return !store->looked || st.st_dev != was->st_dev || st.st_ino != was->st_ino ||
           st.st_size != was->st_size || st.st_mode != was->st_mode || st.st_uid != was->st_uid ||
           st.st_gid != was->st_gid || st.st_mtim.tv_sec != was->st_mtim.tv_sec ||
           st.st_mtim.tv_nsec != was->st_mtim.tv_nsec || st.st_ctim.tv_sec != was->st_ctim.tv_sec ||
           st.st_ctim.tv_nsec != was->st_ctim.tv_nsec;
}

static int on_store_event(sd_event_source *source _unused_, const struct inotify_event *event, void *userdata)
{
    WatchedStore *store = userdata;
    if (event->mask & IN_IGNORED) /* the directory is gone; another one may come */
        store->watch = sd_event_source_disable_unref(store->watch);
    trust_touch(store->trust);
    return 0;
}

/* The directory, since a new store takes the old one's place by a rename. */
static void watch_store(WatchedStore *store)
{
    const char *path = store->state.store->path;
    _cleanup_free_ char *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path + 1));
    if (store->watch)
        return;
    int r = sd_event_add_inotify(store->trust->manager->event, &store->watch, directory, STORE_EVENTS,
                                 on_store_event, store);
    if (r < 0)
        log_debug("%s: cannot watch it: %s; looking again every 15 minutes", directory, strerror(-r));
}

void trust_touch(Trust *trust)
{
    int enabled;
    if (trust->n_stores + trust->n_downloads == 0 ||
        (sd_event_source_get_enabled(trust->settle, &enabled) >= 0 && enabled != SD_EVENT_OFF))
        return; /* it is coming */
    (void)sd_event_source_set_time_relative(trust->settle, SETTLE_USEC);
    (void)sd_event_source_set_enabled(trust->settle, SD_EVENT_ONESHOT);
}

void trust_settle(Trust *trust)
{
    int enabled;
    if (sd_event_source_get_enabled(trust->settle, &enabled) < 0 || enabled == SD_EVENT_OFF)
        return; /* nothing has changed */
    (void)sd_event_source_set_enabled(trust->settle, SD_EVENT_OFF);
    for (size_t i = 0; i < trust->n_downloads; i++)
        judge_source_now(trust, trust->sources[i]);
    for (size_t i = 0; i < trust->n_stores; i++) {
        WatchedStore *store = trust->stores[i];
        watch_store(store);
        if (has_changed(store))
            read_store(store);
        judge_store_now(trust, store);
    }
    manager_judged(trust->manager);
}

static int on_settle(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT); /* sd-event has turned it off before calling */
    trust_settle(userdata);
    return 0;
}

static int on_look_again(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
    trust_touch(userdata);
    (void)sd_event_source_set_time_relative(source, LOOK_AGAIN_USEC);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

static int start_stores(Trust *trust)
{
    const Config *config = trust->manager->loaded->config;
    trust->stores = xcalloc(config->n_trust_stores + 1, sizeof *trust->stores);
    trust->states = xcalloc(config->n_trust_stores + 1, sizeof *trust->states);
    if (config->n_trust_stores == 0)
        return 0;
    int r = sd_event_add_time_relative(trust->manager->event, &trust->look_again, CLOCK_BOOTTIME,
                                       LOOK_AGAIN_USEC, USEC_PER_SEC, on_look_again, trust);
    for (size_t i = 0; i < config->n_trust_stores && r >= 0; i++) {
        WatchedStore *store = xcalloc(1, sizeof *store);
        store->trust = trust;
        store->state = (TrustStoreState) {
            .store = config->trust_stores[i],
            .read_at = INSTANT_NONE,
            .last_end = INSTANT_NONE,
            .changes_at = INSTANT_NEVER,
        };
        trust->states[i] = &store->state;
        trust->stores[trust->n_stores++] = store;
        watch_store(store);
        read_store(store);
    }
    return r;
}

/* A reload does not forget what could not be kept in a file. */
static void inherit(Trust *trust, const Trust *old)
{
    for (size_t i = 0; i < trust->n_downloads; i++)
        for (size_t j = 0; j < old->n_downloads; j++)
            if (strcmp(trust->sources[i]->url, old->sources[j]->url) == 0)
                download_inherit(trust->downloads[i], old->downloads[j]);
}

int trust_new(Trust **ret, Manager *manager, Trust *old)
{
    _cleanup_(trust_freep) Trust *trust = xcalloc(1, sizeof *trust);
    trust->manager = manager;
    int r =
        sd_event_add_time(manager->event, &trust->settle, CLOCK_BOOTTIME, 0, USEC_PER_MSEC, on_settle, trust);
    if (r >= 0)
        r = sd_event_source_set_enabled(trust->settle, SD_EVENT_OFF);
    if (r >= 0)
        r = start_downloads(trust, old != NULL);
    if (r >= 0)
        r = start_stores(trust);
    if (r < 0)
        return r;
    if (old)
        inherit(trust, old);
    make_bundle(trust);
    trust_touch(trust);
    *ret = TAKE(trust);
    return 0;
}

void trust_wake(Trust *trust, int64_t now)
{
    for (size_t i = 0; i < trust->n_downloads; i++)
        if (trust->sources[i]->changes_at <= now)
            judge_source_now(trust, trust->sources[i]);
    for (size_t i = 0; i < trust->n_stores; i++)
        if (trust->states[i]->changes_at <= now)
            judge_store_now(trust, trust->stores[i]);
}

int64_t trust_wakes_at(const Trust *trust)
{
    int64_t at = INSTANT_NEVER;
    for (size_t i = 0; i < trust->n_downloads; i++)
        at = instant_earlier(at, trust->sources[i]->changes_at);
    for (size_t i = 0; i < trust->n_stores; i++)
        at = instant_earlier(at, trust->states[i]->changes_at);
    return at;
}

void trust_show(const Trust *trust, Snapshot *snapshot)
{
    snapshot->trusted = trust->fingerprints;
    snapshot->trust_stores = trust->states;
    snapshot->n_trust_stores = trust->n_stores;
    snapshot->sources = trust->sources;
    snapshot->n_sources = trust->n_downloads;
}

bool trust_has(const Trust *trust, SubjectKind about, const char *subject)
{
    bool has = false;
    for (size_t i = 0; about == SUBJECT_BUNDLE && i < trust->n_downloads; i++)
        has |= strcmp(trust->sources[i]->url, subject) == 0;
    for (size_t i = 0; about == SUBJECT_TRUST_STORE && i < trust->n_stores; i++)
        has |= strcmp(trust->states[i]->store->name, subject) == 0;
    return has;
}

void trust_leave(Trust *trust, const Trust *successor)
{
    for (size_t i = 0; i < trust->n_downloads; i++)
        if (!successor || !trust_has(successor, SUBJECT_BUNDLE, trust->sources[i]->url))
            manager_resolve(trust->manager, SUBJECT_BUNDLE, trust->sources[i]->url);
    for (size_t i = 0; i < trust->n_stores; i++)
        if (!successor || !trust_has(successor, SUBJECT_TRUST_STORE, trust->states[i]->store->name))
            manager_resolve(trust->manager, SUBJECT_TRUST_STORE, trust->states[i]->store->name);
}
