#include "monitor/bundles.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "base/log.h"
#include "fetch/download.h"
#include "fetch/kept.h"
#include "rules/rule-trust.h"

typedef struct BundleMonitor {
    Subject subject;
    Download *download;
} BundleMonitor;

struct Bundles {
    const Context *context;
    const Endpoints *endpoints;
    const BundlesEvents *events;
    void *userdata;
    BundleMonitor *monitors;
    BundleSource **sources; /* of the downloads */
    size_t n;
    Bundle *bundle;
    char **fingerprints; /* of the bundle */
    Job *merge;          /* makes the next one; NULL: nothing has changed */
    bool pending; /* the first answer is awaited: until then nothing is verified, and nothing is untrusted */
};

void bundles_free(Bundles *all)
{
    if (!all)
        return;
    worker_cancel(all->context->worker, all->merge);
    for (size_t i = 0; i < all->n; i++) {
        subject_remove(&all->monitors[i].subject);
        download_free(all->monitors[i].download);
    }
    bundle_free_later(all->bundle, all->context->worker);
    strv_free(all->fingerprints);
    free(all->monitors);
    free(all->sources);
    free(all);
}

const Bundle *bundles_current(const Bundles *all)
{
    return all->bundle;
}

char *const *bundles_fingerprints(const Bundles *all)
{
    return all->fingerprints;
}

BundleSource *const *bundles_sources(const Bundles *all, size_t *ret_n)
{
    *ret_n = all->n;
    return all->sources;
}

static int64_t on_evaluate(Subject *subject, int64_t now)
{
    const BundleMonitor *monitor = CONTAINER_OF(subject, BundleMonitor, subject);
    BundleSource *source = download_source(monitor->download);
    if (source->awaited)
        return INSTANT_NONE;
    rule_evaluate_bundle(source, now);
    return source->changes_at;
}

static const SubjectType type = { .kind = SUBJECT_BUNDLE, .evaluate = on_evaluate };

void bundles_evaluate(Bundles *all)
{
    for (size_t i = 0; i < all->n; i++)
        (void)subject_evaluate(&all->monitors[i].subject);
}

static void use_bundle(Bundles *all, Bundle *bundle)
{
    bundle_free_later(all->bundle, all->context->worker);
    strv_free(all->fingerprints);
    all->bundle = bundle;
    all->fingerprints = bundle_fingerprints(bundle);
}

/* Bundles that are made into one. */
typedef struct Merge {
    Bundles *all; /* the loop's alone, as this: it outlives that if the job is cancelled */
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
    Bundles *all = merge->all;
    all->merge = NULL;
    use_bundle(all, TAKE(merge->whole));
    if (merge->is_news)
        log_info("another bundle is used: %zu trusted certificates", bundle_size(all->bundle));
    all->events->adopted(all->userdata);
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

static void note_pending(Bundles *all)
{
    all->pending = false;
    for (size_t i = 0; i < all->n; i++)
        all->pending |= download_is_pending(all->monitors[i].download);
}

/* What the files have and what was fetched; none while a first answer is awaited. */
static Merge *merge_new(Bundles *all)
{
    Merge *merge = xcalloc(1, sizeof *merge);
    merge->all = all;
    merge->worker = all->context->worker;
    merge->parts = xcalloc(all->n + 1, sizeof(Bundle *));
    note_pending(all);
    if (all->pending)
        return merge;
    merge->parts[merge->n++] = bundle_ref(all->context->loaded->bundle);
    for (size_t i = 0; i < all->n; i++)
        if (download_bundle(all->monitors[i].download))
            merge->parts[merge->n++] = bundle_ref(download_bundle(all->monitors[i].download));
    return merge;
}

/* Beside the loop: thousands of certificates take a while. What is used until then stays. */
static void make_bundle(Bundles *all)
{
    Merge *merge = merge_new(all);
    merge->is_news = true;
    worker_cancel(all->context->worker, all->merge);
    all->merge = worker_submit(all->context->worker, &merge_type, merge);
}

/* At a start no client waits yet, and the files alone need no merging. */
static void make_first_bundle(Bundles *all, const Bundles *old)
{
    Merge *merge = merge_new(all);
    if (merge->n == 1)
        use_bundle(all, bundle_ref(merge->parts[0]));
    else if (old) {
        use_bundle(all, bundle_ref(old->bundle));
        all->merge = worker_submit(all->context->worker, &merge_type, merge);
        return;
    } else {
        run_merge(merge);
        use_bundle(all, TAKE(merge->whole));
    }
    free_merge(merge);
}

static const char *on_lost_by(const Bundle *kept, const Bundle *fresh, const Certificate **ret_root,
                              void *userdata)
{
    const Bundles *all = userdata;
    size_t n;
    EndpointState *const *states = endpoints_states(all->endpoints, &n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < states[i]->n_addresses; j++) {
            const Verification *v = &states[i]->addresses[j].verification;
            const Certificate *root = v->anchored ? v->path.certificates[v->path.n - 1] : NULL;
            if (root && bundle_has(kept, root->sha256) && !bundle_has(fresh, root->sha256)) {
                *ret_root = root;
                return states[i]->endpoint->name;
            }
        }
    return NULL;
}

static void on_changed(bool adopted, void *userdata)
{
    Bundles *all = userdata;
    if (adopted || all->pending)
        make_bundle(all);
    bundles_evaluate(all);
}

static const DownloadEvents download_events = { .lost_by = on_lost_by, .changed = on_changed };

/* NULL: none is of that URL. */
static const Download *find_download(const Bundles *all, const char *url)
{
    for (size_t i = 0; all && i < all->n; i++)
        if (strcmp(all->sources[i]->url, url) == 0)
            return all->monitors[i].download;
    return NULL;
}

static int add_download(Bundles *all, const Bundles *old, const Url *url, const char *directory,
                        char ***warnings)
{
    const Context *context = all->context;
    const Config *config = context->loaded->config;
    BundleMonitor *monitor = &all->monitors[all->n];
    const DownloadParams params = {
        .url = url,
        .credential = loaded_secret(context->loaded, config_fetch_credential(config, url)),
        .directory = directory,
        .plain_allowed = config->fetch_http,
        .interval_seconds = config->fetch_interval_seconds,
        .asked = old != NULL,
        .worker = context->worker,
        .from = find_download(old, url->shown),
        .in_loop = old != NULL,
    };
    int r = download_new(&monitor->download, context->event, context->http, &params, &download_events, all,
                         warnings);
    if (r < 0)
        return r;
    BundleSource *source = all->sources[all->n++] = download_source(monitor->download);
    monitor->subject = (Subject) { .type = &type, .name = source->url, .findings = &source->findings };
    return 0;
}

/* A bundle of a download that a file of trust.bundles overlaps is no harm: certificates are held once. */
static int add_downloads(Bundles *all, const Bundles *old)
{
    const Loaded *loaded = all->context->loaded;
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
    all->monitors = xcalloc(n, sizeof *all->monitors);
    all->sources = xcalloc(n, sizeof *all->sources);
    for (size_t i = 0; i < n && r >= 0; i++)
        r = add_download(all, old, urls[i], directory, &warnings);
    for (size_t i = 0; warnings && warnings[i]; i++)
        log_warning("%s", warnings[i]);
    return r;
}

int bundles_new(Bundles **ret, const Context *context, const Endpoints *endpoints, const Bundles *old,
                const BundlesEvents *events, void *userdata)
{
    _cleanup_(bundles_freep) Bundles *all = xcalloc(1, sizeof *all);
    all->context = context;
    all->endpoints = endpoints;
    all->events = events;
    all->userdata = userdata;
    int r = add_downloads(all, old);
    if (r < 0)
        return r;
    make_first_bundle(all, old);
    *ret = TAKE(all);
    return 0;
}

void bundles_start(Bundles *all)
{
    for (size_t i = 0; i < all->n; i++) {
        subject_add(all->context->subjects, &all->monitors[i].subject);
        (void)subject_evaluate(&all->monitors[i].subject);
    }
}
