#include "manager/trust.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/timer.h"
#include "fetch/download.h"
#include "fetch/kept.h"
#include "manager/manager-internal.h"
#include "manager/truststore.h"
#include "rules/trust.h"

/* A file that is written in pieces, and a first round of probes, are looked at once. */
#define SETTLE_USEC (1 * USEC_PER_SEC)

/* For what inotify does not see: network file systems, a link's other end, a directory that is made later. */
#define LOOK_AGAIN_USEC (15 * 60 * USEC_PER_SEC)

#define SLICE_USEC (10 * USEC_PER_MSEC) /* of judging stores; then others have their turn */

struct Trust {
    Manager *manager;
    Download **downloads;
    size_t n_downloads;
    BundleSource **sources; /* of the downloads, for snapshots */
    Bundle *bundle;
    Job *merge;   /* makes the next one; NULL: nothing has changed */
    bool pending; /* the first answer is awaited: until then nothing is verified, and nothing is untrusted */
    char **fingerprints; /* of the bundle */
    WatchedStore **stores;
    bool *due; /* stores that are to be judged */
    size_t n_stores;
    TrustStoreState **states; /* of the stores, for snapshots */
    sd_event_source *settle;  /* then the stores are read, if they have changed, and judged */
    sd_event_source *more;    /* stores are due that did not fit in a slice */
    sd_event_source *look_again;
};

void trust_free(Trust *trust)
{
    if (!trust)
        return;
    worker_cancel(trust->manager->worker, trust->merge);
    for (size_t i = 0; i < trust->n_downloads; i++)
        download_free(trust->downloads[i]);
    for (size_t i = 0; i < trust->n_stores; i++)
        watched_store_free(trust->stores[i]);
    sd_event_source_disable_unref(trust->settle);
    sd_event_source_disable_unref(trust->more);
    sd_event_source_disable_unref(trust->look_again);
    bundle_free_later(trust->bundle, trust->manager->worker);
    strv_free(trust->fingerprints);
    free(trust->downloads);
    free(trust->sources);
    free(trust->stores);
    free(trust->due);
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
    int64_t reminder =
        publisher_tell(trust->manager->publisher, SUBJECT_BUNDLE, source->url, &source->findings);
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

/* Nothing is raised and nothing resolved before it was read, and its clients' servers were probed. */
static bool can_be_judged(const Trust *trust, const WatchedStore *store, const TrustStoreState *state)
{
    return watched_store_is_known(store) && all_looked_at(&trust->manager->fleet, state->store);
}

/* Keeps its active findings as they are. */
static void recall(Trust *trust, TrustStoreState *state)
{
    Store *store = trust->manager->store;
    const char *name = state->store->name;
    alert_recall(store_alerts(store, SUBJECT_TRUST_STORE, name), &state->findings);
    silence_list_apply(store_silences(store), name, &state->findings, clock_now());
    state->changes_at = INSTANT_NEVER; /* what is awaited touches it */
}

static void judge_store(Trust *trust, WatchedStore *store)
{
    Manager *manager = trust->manager;
    TrustStoreState *state = watched_store_state(store);
    if (!can_be_judged(trust, store, state)) {
        recall(trust, state);
        return;
    }
    judge_trust_store(state, manager->loaded->catalogue, clock_now());
    int64_t reminder =
        publisher_tell(manager->publisher, SUBJECT_TRUST_STORE, state->store->name, &state->findings);
    state->changes_at = instant_earlier(state->changes_at, reminder);
}

/* One step: an endpoint, or what all of them came to. */
static void judge_step(Trust *trust, size_t i)
{
    WatchedStore *store = trust->stores[i];
    const Bundle *bundle = watched_store_bundle(store);
    const Fleet *fleet = &trust->manager->fleet;
    if (bundle && !audit_step(watched_store_audit(store), trust->states[i], bundle, fleet->states, fleet->n,
                              trust->manager->loaded->catalogue))
        return;
    judge_store(trust, store);
    trust->due[i] = false;
}

static void set_due(Trust *trust, size_t i)
{
    audit_restart(watched_store_audit(trust->stores[i]));
    trust->states[i]->changes_at = INSTANT_NEVER; /* it is being judged */
    trust->due[i] = true;
}

/* Judges stores that are due, for as long as a slice is; the others come to their turn from the loop. */
static void judge_stores(Trust *trust)
{
    uint64_t until_usec = clock_boottime_usec() + SLICE_USEC;
    bool in_time = !trust->manager->self.clock_waits; /* once it is set, all is judged */
    for (size_t i = 0; i < trust->n_stores && in_time; i++)
        while (trust->due[i] && (in_time = clock_boottime_usec() < until_usec))
            judge_step(trust, i);
    (void)sd_event_source_set_enabled(
        trust->more, in_time || trust->manager->self.clock_waits ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
    manager_judged(trust->manager);
}

static int on_more(sd_event_source *source _unused_, void *userdata)
{
    judge_stores(userdata);
    return 0;
}

static void on_store_read(WatchedStore *store, void *userdata)
{
    Trust *trust = userdata;
    int enabled;
    watched_stores_fit(trust->stores, trust->n_stores);
    for (size_t i = 0; i < trust->n_stores; i++)
        if (trust->stores[i] == store || watched_store_bundle(trust->stores[i]) == NULL)
            set_due(trust, i);
    if (sd_event_source_get_enabled(trust->settle, &enabled) >= 0 && enabled == SD_EVENT_OFF)
        judge_stores(trust); /* else with the others, soon */
}

static void use_bundle(Trust *trust, Bundle *bundle)
{
    bundle_free_later(trust->bundle, trust->manager->worker);
    strv_free(trust->fingerprints);
    trust->bundle = bundle;
    trust->fingerprints = bundle_fingerprints(bundle);
}

/* Bundles that are made into one. */
typedef struct Merge {
    Trust *trust; /* the loop's alone, as this: it outlives the trust if the job is cancelled */
    Worker *worker;
    Bundle **parts;
    size_t n;
    bool is_news; /* one was fetched; else it is as the configuration has it */
    Bundle *whole;
} Merge;

static void run_merge(void *data)
{
    Merge *merge = data;
    merge->whole = bundle_new();
    for (size_t i = 0; i < merge->n; i++)
        bundle_merge(merge->whole, merge->parts[i]);
}

static void on_merged(void *data)
{
    Merge *merge = data;
    Trust *trust = merge->trust;
    trust->merge = NULL;
    use_bundle(trust, TAKE(merge->whole));
    if (merge->is_news)
        log_info("another bundle is used: %zu trusted certificates", bundle_size(trust->bundle));
    manager_verify_again(trust->manager);
    manager_judged(trust->manager);
}

static void free_merge(void *data)
{
    Merge *merge = data;
    for (size_t i = 0; i < merge->n; i++)
        bundle_free_later(merge->parts[i], merge->worker);
    bundle_free_later(merge->whole, merge->worker);
    free(merge->parts);
    free(merge);
}

static const JobType merge_type = { .run = run_merge, .done = on_merged, .free = free_merge };

static void note_pending(Trust *trust)
{
    trust->pending = false;
    for (size_t i = 0; i < trust->n_downloads; i++)
        trust->pending |= download_is_pending(trust->downloads[i]);
}

/* What the files have and what was fetched; none while a first answer is awaited. */
static Merge *merge_new(Trust *trust)
{
    Merge *merge = xcalloc(1, sizeof *merge);
    merge->trust = trust;
    merge->worker = trust->manager->worker;
    merge->parts = xcalloc(trust->n_downloads + 1, sizeof(Bundle *));
    note_pending(trust);
    if (trust->pending)
        return merge;
    merge->parts[merge->n++] = bundle_ref(trust->manager->loaded->bundle);
    for (size_t i = 0; i < trust->n_downloads; i++)
        if (download_bundle(trust->downloads[i]))
            merge->parts[merge->n++] = bundle_ref(download_bundle(trust->downloads[i]));
    return merge;
}

/* Beside the loop: thousands of certificates take a while. What is used until then stays. */
static void make_bundle(Trust *trust)
{
    Merge *merge = merge_new(trust);
    merge->is_news = true;
    worker_cancel(trust->manager->worker, trust->merge);
    trust->merge = worker_submit(trust->manager->worker, &merge_type, merge);
}

/* At a start no client waits yet, and the files alone need no merging. */
static void make_first_bundle(Trust *trust, const Trust *old)
{
    Merge *merge = merge_new(trust);
    if (merge->n == 1)
        use_bundle(trust, bundle_ref(merge->parts[0]));
    else if (old) {
        use_bundle(trust, bundle_ref(old->bundle));
        trust->merge = worker_submit(trust->manager->worker, &merge_type, merge);
        return;
    } else {
        run_merge(merge);
        use_bundle(trust, TAKE(merge->whole));
    }
    free_merge(merge);
}

static const char *on_lost_by(const Bundle *kept, const Bundle *fresh, const Certificate **ret_root,
                              void *userdata)
{
    const Trust *trust = userdata;
    const Fleet *fleet = &trust->manager->fleet;
    for (size_t i = 0; i < fleet->n; i++)
        for (size_t j = 0; j < fleet->states[i]->n_addresses; j++) {
            const Verification *v = &fleet->states[i]->addresses[j].verification;
            const Certificate *root = v->anchored ? v->path.certificates[v->path.n - 1] : NULL;
            if (root && bundle_has(kept, root->sha256) && !bundle_has(fresh, root->sha256)) {
                *ret_root = root;
                return fleet->states[i]->endpoint->name;
            }
        }
    return NULL;
}

static void on_changed(bool adopted, void *userdata)
{
    Trust *trust = userdata;
    if (adopted || trust->pending)
        make_bundle(trust);
    for (size_t i = 0; i < trust->n_downloads; i++)
        judge_source_now(trust, trust->sources[i]);
    manager_judged(trust->manager);
}

static const DownloadEvents download_events = { .lost_by = on_lost_by, .changed = on_changed };

/* NULL: none is of that URL. */
static const Download *find_download(const Trust *trust, const char *url)
{
    for (size_t i = 0; i < trust->n_downloads; i++)
        if (strcmp(trust->sources[i]->url, url) == 0)
            return trust->downloads[i];
    return NULL;
}

/* A bundle of a download that a file of trust.bundles overlaps is no harm: certificates are held once. */
static int start_downloads(Trust *trust, const Trust *old)
{
    const Loaded *loaded = trust->manager->loaded;
    Url **urls = loaded->config->fetch;
    size_t n = 0;
    _cleanup_(strv_freep) char **warnings = NULL;
    _cleanup_free_ char *state = loaded_state_directory(loaded), *directory = xasprintf("%s/bundles", state);
    if (!old)
        kept_scrub(directory);
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
            .asked = old != NULL,
            .worker = trust->manager->worker,
            .from = old ? find_download(old, urls[i]->shown) : NULL,
            .in_loop = old != NULL,
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

void trust_touch(Trust *trust)
{
    if (trust->n_stores + trust->n_downloads > 0 && !timer_is_armed(trust->settle))
        timer_arm(trust->settle, SETTLE_USEC);
}

static void on_store_touched(void *userdata)
{
    trust_touch(userdata);
}

void trust_settle(Trust *trust)
{
    if (!timer_is_armed(trust->settle))
        return; /* nothing has changed */
    timer_disarm(trust->settle);
    for (size_t i = 0; i < trust->n_downloads; i++)
        judge_source_now(trust, trust->sources[i]);
    for (size_t i = 0; i < trust->n_stores; i++) {
        watched_store_watch(trust->stores[i], on_store_touched);
        watched_store_look(trust->stores[i]);
        set_due(trust, i);
    }
    judge_stores(trust);
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
    timer_arm(source, LOOK_AGAIN_USEC);
    return 0;
}

static int start_stores(Trust *trust)
{
    const Config *config = trust->manager->loaded->config;
    trust->stores = xcalloc(config->n_trust_stores + 1, sizeof *trust->stores);
    trust->due = xcalloc(config->n_trust_stores + 1, sizeof *trust->due);
    trust->states = xcalloc(config->n_trust_stores + 1, sizeof *trust->states);
    if (config->n_trust_stores == 0)
        return 0;
    int r = sd_event_add_time_relative(trust->manager->event, &trust->look_again, CLOCK_BOOTTIME,
                                       LOOK_AGAIN_USEC, USEC_PER_SEC, on_look_again, trust);
    for (size_t i = 0; i < config->n_trust_stores && r >= 0; i++) {
        const TrustStore *store = config->trust_stores[i];
        const char *password = loaded_secret(trust->manager->loaded, store->password_credential);
        trust->stores[i] = watched_store_new(store, password, trust->manager->event, trust->manager->worker,
                                             on_store_read, trust);
        trust->states[i] = watched_store_state(trust->stores[i]);
        trust->n_stores++;
        watched_store_watch(trust->stores[i], on_store_touched);
        watched_store_look(trust->stores[i]);
        recall(trust, trust->states[i]);
        set_due(trust, i);
    }
    return r;
}

int trust_new(Trust **ret, Manager *manager, Trust *old)
{
    _cleanup_(trust_freep) Trust *trust = xcalloc(1, sizeof *trust);
    trust->manager = manager;
    int r = timer_new(&trust->settle, manager->event, USEC_PER_MSEC, on_settle, trust);
    if (r >= 0)
        r = sd_event_add_defer(manager->event, &trust->more, on_more, trust);
    if (r >= 0)
        r = sd_event_source_set_enabled(trust->more, SD_EVENT_OFF);
    if (r >= 0)
        r = start_downloads(trust, old);
    if (r >= 0)
        r = start_stores(trust);
    if (r < 0)
        return r;
    make_first_bundle(trust, old);
    trust_touch(trust);
    *ret = TAKE(trust);
    return 0;
}

void trust_wake(Trust *trust, int64_t now)
{
    for (size_t i = 0; i < trust->n_downloads; i++)
        if (trust->sources[i]->changes_at <= now)
            judge_source_now(trust, trust->sources[i]);
    bool any = false;
    for (size_t i = 0; i < trust->n_stores; i++)
        if (trust->states[i]->changes_at <= now) {
            set_due(trust, i);
            any = true;
        }
    if (any)
        judge_stores(trust);
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
            publisher_resolve(trust->manager->publisher, SUBJECT_BUNDLE, trust->sources[i]->url);
    for (size_t i = 0; i < trust->n_stores; i++)
        if (!successor || !trust_has(successor, SUBJECT_TRUST_STORE, trust->states[i]->store->name))
            publisher_resolve(trust->manager->publisher, SUBJECT_TRUST_STORE, trust->states[i]->store->name);
}
