#include "monitor/truststore.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/log.h"

#define STORE_BYTES_MAX BUNDLE_BYTES_MAX
#define MIB             (1024 * 1024)

#define STORE_EVENTS \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)

/* One look at a file. What the thread sees is its own. */
typedef struct Look {
    WatchedStore *store; /* the loop's alone, as this: */
    Worker *worker;
    char *path, *password;
    struct stat identity; /* of the file before, and then of this one */
    bool known;           /* there was one before */

    int r;     /* of opening and reading, or bundle_add()'s */
    bool same; /* it was not read again */
    Bundle *bundle;
    const char *format; /* NULL: there was nothing to parse */
    bool has_bytes;
    char **errors;
} Look;

struct WatchedStore {
    TrustStoreState state;
    char *password;
    Bundle *bundle;
    Audit audit;
    size_t bytes;  /* that its certificates take, or would: */
    bool left_out; /* they did not fit, and are not held */
    bool known;
    int r;                /* of the latest look */
    struct stat identity; /* of the file that was read, or failed to be; all zeros where none was opened */
    sd_event *event;
    sd_event_source *watch; /* on its directory; NULL: there is none to watch */
    Worker *worker;
    Job *job;   /* NULL: none is running */
    bool again; /* what is being looked at may have changed since */
    void (*read)(WatchedStore *store, void *userdata);
    void (*touched)(void *userdata);
    void *userdata;
};

static void read_and_parse(Look *look, int fd)
{
    _cleanup_(buffer_deinit) Buffer data = { 0 };
    look->r = file_read_from(fd, STORE_BYTES_MAX, &data);
    if (look->r < 0)
        return;
    look->bundle = bundle_new_list();
    look->has_bytes = data.size > 0;
    look->format = bundle_format(data.data, data.size);
    look->r = bundle_add(look->bundle, look->path, data.data, data.size, look->password, &look->errors);
}

static void run_look(void *data)
{
    Look *look = data;
    struct stat identity = { 0 };
    _cleanup_close_ int fd = file_open(look->path, &identity);
    look->same = look->known && file_is_same(&identity, &look->identity) && (fd >= 0 || fd == look->r);
    look->identity = identity;
    if (look->same)
        return;
    look->r = fd;
    if (fd >= 0)
        read_and_parse(look, fd);
}

static void free_look(void *data)
{
    Look *look = data;
    bundle_free_later(look->bundle, look->worker);
    strv_free(look->errors);
    free(look->path);
    wiping_free(look->password);
    free(look);
}

/* Takes what was read. */
static void note_content(WatchedStore *store, Look *look)
{
    TrustStoreState *state = &store->state;
    bundle_free_later(store->bundle, store->worker);
    store->bundle = TAKE(look->bundle);
    store->bytes = bundle_bytes(store->bundle);
    store->left_out = false;
    audit_deinit(&store->audit);
    strv_free(state->fingerprints);
    strv_free(state->warnings);
    state->fingerprints = bundle_fingerprints(store->bundle);
    state->warnings = TAKE(look->errors);
    state->n_certificates = bundle_size(store->bundle);
    state->read_at = clock_now();
    state->last_end = INSTANT_NONE;
    for (size_t i = 0; i < bundle_size(store->bundle); i++)
        if (state->last_end < bundle_certificate(store->bundle, i)->not_after)
            state->last_end = bundle_certificate(store->bundle, i)->not_after;
}

static void note_look(WatchedStore *store, Look *look)
{
    TrustStoreState *state = &store->state;
    free(TAKE(state->error));
    if (look->format)
        state->format = look->format;
    if (look->r < 0)
        state->error =
            look->format ? xstrdup(look->errors[0]) : xasprintf("%s: %s", look->path, file_error(look->r));
    state->locked = look->format && look->r == -EACCES && look->has_bytes;
    state->denied = look->r == -EACCES && !state->locked;
    if (look->r >= 0)
        note_content(store, look);
}

static void on_looked(void *data)
{
    Look *look = data;
    WatchedStore *store = look->store;
    store->job = NULL;
    store->identity = look->identity;
    store->r = look->r;
    store->known = true;
    if (!look->same)
        note_look(store, look);
    if (store->again)
        watched_store_look(store);
    if (!look->same)
        store->read(store, store->userdata);
}

static const JobType look_type = { .run = run_look, .done = on_looked, .free = free_look };

void watched_store_look(WatchedStore *store)
{
    store->again = store->job != NULL;
    if (store->job)
        return;
    Look *look = xcalloc(1, sizeof *look);
    *look = (Look) {
        .store = store,
        .worker = store->worker,
        .path = xstrdup(store->state.store->path),
        .password = xstrdup(store->password),
        .identity = store->identity,
        .known = store->known,
        .r = store->r,
    };
    store->job = worker_submit(store->worker, &look_type, look);
}

static int on_store_event(sd_event_source *source _unused_, const struct inotify_event *event, void *userdata)
{
    WatchedStore *store = userdata;
    if (event->mask & IN_IGNORED) /* the directory is gone; another one may come */
        store->watch = sd_event_source_disable_unref(store->watch);
    store->touched(store->userdata);
    return 0;
}

/* The directory, since a new store takes the old one's place by a rename. */
void watched_store_watch(WatchedStore *store, void (*touched)(void *userdata))
{
    const char *path = store->state.store->path;
    _cleanup_free_ char *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path + 1));
    if (store->watch)
        return;
    store->touched = touched;
    int r = sd_event_add_inotify(store->event, &store->watch, directory, STORE_EVENTS, on_store_event, store);
    if (r < 0)
        log_debug("%s: cannot watch it: %s; looking again every 15 minutes", directory, strerror(-r));
}

WatchedStore *watched_store_new(const TrustStore *config, const char *password, sd_event *event, Worker *worker,
                                void (*read)(WatchedStore *store, void *userdata), void *userdata)
{
    WatchedStore *store = xcalloc(1, sizeof *store);
    *store = (WatchedStore) {
        .state = { .store = config,
                   .read_at = INSTANT_NONE,
                   .last_end = INSTANT_NONE,
                   .changes_at = INSTANT_NEVER },
        .password = xstrdup(password),
        .event = event,
        .worker = worker,
        .read = read,
        .userdata = userdata,
    };
    return store;
}

/* Nothing of it is held, and its finding says why. */
static void leave_out(WatchedStore *store)
{
    TrustStoreState *state = &store->state;
    free(state->error);
    state->error =
        xasprintf("%s: its %zu certificates take %zu MB, and those of all trust stores together may "
                  "take %d MB: leave in it what its clients need",
                  state->store->path, state->n_certificates, store->bytes / MIB, STORES_BYTES_MAX / MIB);
    bundle_free(TAKE(store->bundle)); /* at once: the worker may have more stores to read before */
    audit_deinit(&store->audit);
    trust_verdicts_deinit(&state->verdicts);
    state->fingerprints = strv_free(state->fingerprints);
    state->warnings = strv_free(state->warnings);
    state->n_certificates = 0;
    state->read_at = state->last_end = INSTANT_NONE;
    store->left_out = true;
}

void watched_stores_fit(WatchedStore **stores, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += stores[i]->bundle ? stores[i]->bytes : 0;
    while (bytes > STORES_BYTES_MAX) {
        WatchedStore *largest = NULL;
        for (size_t i = 0; i < n; i++)
            if (stores[i]->bundle && (!largest || stores[i]->bytes > largest->bytes))
                largest = stores[i];
        bytes -= largest->bytes;
        leave_out(largest);
    }
    for (size_t i = 0; i < n; i++) /* is read again where there is room for it now */
        if (stores[i]->left_out && bytes + stores[i]->bytes <= STORES_BYTES_MAX)
            stores[i]->known = false;
}

void watched_store_free(WatchedStore *store)
{
    worker_cancel(store->worker, store->job);
    sd_event_source_disable_unref(store->watch);
    trust_store_state_deinit(&store->state);
    audit_deinit(&store->audit);
    bundle_free_later(store->bundle, store->worker);
    wiping_free(store->password);
    free(store);
}

TrustStoreState *watched_store_state(WatchedStore *store)
{
    return &store->state;
}

const Bundle *watched_store_bundle(const WatchedStore *store)
{
    return store->bundle;
}

Audit *watched_store_audit(WatchedStore *store)
{
    return &store->audit;
}

bool watched_store_is_known(const WatchedStore *store)
{
    return store->known;
}
