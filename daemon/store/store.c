#include "store/store.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "base/alloc.h"
#include "store/alerts.h"
#include "store/discovered.h"
#include "store/store-internal.h"

static void entry_free(Entry *entry)
{
    alert_list_deinit(&entry->alerts);
    free(entry->subject);
    free(entry);
}

void store_free(Store *store)
{
    if (!store)
        return;
    store_end(store);
    tasks_deinit(store);
    for (size_t i = 0; i < store->n_entries; i++)
        entry_free(store->entries[i]);
    free(store->entries);
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        transition_list_deinit(&store->outbox[box]);
    silence_list_deinit(&store->silences);
    rds_inventory_deinit(&store->discovered);
    remembered_deinit(&store->remembered);
    free(store->stalled_words);
    free(store->error);
    free(store);
}

const char *store_error(const Store *store)
{
    return store->error ? store->error : store->stalled ? store->stalled_words : NULL;
}

static int compare(const Entry *entry, SubjectKind about, const char *subject)
{
    return entry->about != about ? (entry->about < about ? -1 : 1) : strcmp(entry->subject, subject);
}

/* Where the subject's entry is, or would be. */
static size_t place_of(const Store *store, SubjectKind about, const char *subject)
{
    size_t low = 0, high = store->n_entries;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(store->entries[middle], about, subject) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static Entry *find_entry(const Store *store, SubjectKind about, const char *subject)
{
    size_t i = place_of(store, about, subject);
    return i < store->n_entries && compare(store->entries[i], about, subject) == 0 ? store->entries[i] : NULL;
}

AlertList *store_alerts(Store *store, SubjectKind about, const char *subject)
{
    Entry *entry = find_entry(store, about, subject);
    if (entry)
        return &entry->alerts;
    size_t i = place_of(store, about, subject);
    entry = xcalloc(1, sizeof *entry);
    entry->about = about;
    entry->subject = xstrdup(subject);
    store->entries = xgrow(store->entries, store->n_entries, sizeof(Entry *));
    memmove(&store->entries[i + 1], &store->entries[i], (store->n_entries++ - i) * sizeof(Entry *));
    store->entries[i] = entry;
    return &entry->alerts;
}

/* Nothing stands any more: the subject may be gone from the configuration for good. */
static void drop_if_empty(Store *store, SubjectKind about, const char *subject)
{
    size_t i = place_of(store, about, subject);
    Entry *entry = find_entry(store, about, subject);
    if (!entry || entry->alerts.n > 0)
        return;
    entry_free(entry);
    memmove(&store->entries[i], &store->entries[i + 1], (--store->n_entries - i) * sizeof(Entry *));
}

void store_each_subject(Store *store, void (*fn)(SubjectKind about, const char *subject, void *userdata),
                        void *userdata)
{
    size_t n = store->n_entries;
    _cleanup_free_ Entry *copies = xcalloc(n + 1, sizeof *copies); /* fn may make and drop entries */
    for (size_t i = 0; i < n; i++)
        copies[i] =
            (Entry) { .about = store->entries[i]->about, .subject = xstrdup(store->entries[i]->subject) };
    for (size_t i = 0; i < n; i++) {
        fn(copies[i].about, copies[i].subject, userdata);
        free(copies[i].subject);
    }
}

static void on_alert(SubjectKind about, const char *subject, Alert alert, void *userdata)
{
    AlertList *alerts = store_alerts(userdata, about, subject);
    alert_list_append(alerts, alert);
    alerts->changed = false;
}

static int read_all(Store *store)
{
    Database *db = store->disk->db;
    int r = alerts_read(db, on_alert, store);
    for (Outbox box = 0; box < N_OUTBOXES && r == SQLITE_OK; box++)
        r = outbox_read(db, box, &store->outbox[box]);
    if (r == SQLITE_OK)
        r = silences_read(db, &store->silences);
    if (r == SQLITE_OK)
        r = discovered_read(db, &store->discovered);
    if (r == SQLITE_OK)
        r = remembered_read(db, &store->reader, &store->remembered);
    for (size_t i = 0; i < store->silences.n; i++)
        if (store->silences.items[i].id > store->last_silence)
            store->last_silence = store->silences.items[i].id;
    return r;
}

static Store *store_new(const char *path, CertificateReader reader, void *userdata, int64_t now)
{
    Store *store = xcalloc(1, sizeof *store);
    store->disk = disk_new(path);
    store->tasks_end = &store->tasks;
    store->stalled_words = xasprintf("%s: the disk does not answer", path);
    store->beat_at = now;
    store->reader = (SeenReader) { .read = reader, .userdata = userdata };
    return store;
}

int store_open(Store **ret, const char *path, CertificateReader reader, void *userdata, int64_t now,
               char **ret_words)
{
    _cleanup_(store_freep) Store *store = store_new(path, reader, userdata, now);
    _cleanup_free_ char *words = NULL;
    Disk *disk = store->disk;
    int r = disk_open(disk, now, &words);
    if (r == SQLITE_OK && read_all(store) != SQLITE_OK) { /* what could be read is kept */
        disk_abandon(disk, now);
        store->lacks = true;
        r = disk_open(disk, now, &words);
    }
    if (r == SQLITE_MISMATCH || (r & 0xff) == SQLITE_BUSY) {
        *ret_words =
            xasprintf("%s: %s", path,
                      r == SQLITE_MISMATCH ? words
                                           : "another process has it open; expected a `state` directory "
                                             "of its own for each dbcertd");
        return r == SQLITE_MISMATCH ? -EPROTONOSUPPORT : -EBUSY;
    }
    disk->lacks = store->lacks |= r != SQLITE_OK;
    if (r != SQLITE_OK)
        tasks_note_error(store, words);
    store->counters.bytes = disk_bytes(disk);
    *ret = TAKE(store);
    return 0;
}

bool store_is_kept(const Store *store)
{
    return !store->lacks;
}

bool store_wants_tending(const Store *store)
{
    return store->lacks && !store->error && !store->tasks;
}

Batch *store_open_batch(Store *store)
{
    if (!store->batch)
        store->batch = batch_new();
    return store->batch;
}

/* Once for each subject, however often its alerts have changed in this batch: 64 addresses may have some each.
 */
static void write_changed_alerts(Store *store)
{
    for (size_t i = 0; store->alerts_changed && i < store->n_entries; i++) {
        Entry *entry = store->entries[i];
        if (entry->alerts.changed && store_is_kept(store))
            alerts_write(store->batch, entry->about, entry->subject, &entry->alerts);
        entry->alerts.changed = false;
    }
    store->alerts_changed = false;
}

void store_close_batch(Store *store)
{
    if (store->together || !store->batch)
        return;
    write_changed_alerts(store);
    tasks_hand_over_batch(store);
}

void store_begin(Store *store)
{
    store->together = true;
}

bool store_is_open(const Store *store)
{
    return store->batch != NULL;
}

Ticket store_end(Store *store)
{
    store->together = false;
    store_close_batch(store);
    return store->handed;
}

void store_history(Store *store, const char *name, int64_t id)
{
    store_end(store);
    tasks_history(store, name, id);
}

void store_settle(Store *store)
{
    store_end(store);
    tasks_settle(store);
}

static void give_identity(Transition *t)
{
    sd_id128_t id;
    if (t->id[0] || sd_id128_randomize(&id) < 0)
        return;
    (void)sd_id128_to_string(id, t->id);
}

/* The oldest go first: they are the least news. */
static void bound_outbox(Store *store, Outbox box)
{
    const TransitionList *list = &store->outbox[box];
    size_t n = list->n > STORE_OUTBOX_MAX ? list->n - STORE_OUTBOX_MAX : 0;
    _cleanup_free_ const Transition **oldest = xcalloc(n + 1, sizeof *oldest);
    for (size_t i = 0; i < n; i++)
        oldest[i] = &list->items[i];
    if (n > 0)
        store_delivered(store, box, oldest, n);
}

static void append(Store *store, Outbox box, Transition transition)
{
    transition_list_append(&store->outbox[box], transition);
    if (!store_is_kept(store))
        return;
    outbox_write(store_open_batch(store), box, &transition);
    store->news[box]++;
    store->unkept[box]++;
}

/* Into every outbox; what the items held is the journal's now. */
static void post(Store *store, TransitionList *transitions)
{
    for (size_t i = 0; i < transitions->n; i++) {
        give_identity(&transitions->items[i]);
        if (store->feeds[OUTBOX_ALERTMANAGER])
            append(store, OUTBOX_ALERTMANAGER, transition_copy(&transitions->items[i]));
        append(store, OUTBOX_JOURNAL, transitions->items[i]);
    }
    transitions->n = 0;
}

void store_commit(Store *store, const Change *change, int64_t now)
{
    AlertList *alerts = store_alerts(store, change->about, change->subject);
    EndpointState *state = change->state;
    bool kept = store_is_kept(store);
    if (change->transitions)
        post(store, change->transitions);
    if (kept && alerts->changed) {
        Batch *batch = store_open_batch(store);
        if (alerts->n == 0) /* its entry goes now */
            alerts_write(batch, change->about, change->subject, alerts);
        store->alerts_changed = true;
    }
    if (kept && state && (change->replaced || seen_differs(state)))
        seen_write(store_open_batch(store), state, change->replaced, now);
    store_close_batch(store);
    drop_if_empty(store, change->about, change->subject);
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        bound_outbox(store, box);
}

void store_recall(Store *store, EndpointState *state)
{
    remembered_take(&store->remembered, state);
}

/* Nothing, where nothing was seen of it. */
static void keep_state(Store *store, EndpointState *state, int64_t now)
{
    if (!store_is_kept(store) || (state->n_addresses == 0 && state->unresolved.n == 0))
        return;
    if (seen_differs(state))
        seen_write(store_open_batch(store), state, NULL, now);
    else
        seen_touch(store_open_batch(store), state, now);
}

void store_remember(Store *store, EndpointState *state, int64_t now)
{
    keep_state(store, state, now);
    store_close_batch(store);
    remembered_put(&store->remembered, state);
}

const TransitionList *store_outbox(Store *store, Outbox box)
{
    const TransitionList *all = &store->outbox[box];
    store->visible[box] = *all;
    store->visible[box].n -= MIN(store->unkept[box], all->n);
    return &store->visible[box];
}

void store_delivered(Store *store, Outbox box, const Transition *const *delivered, size_t n)
{
    TransitionList *list = &store->outbox[box];
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        Transition *t = &list->items[delivered[i] - list->items];
        if (store_is_kept(store))
            outbox_remove(store_open_batch(store), box, t->id);
        transition_deinit(t);
    }
    size_t left = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].subject) /* those that were freed have none */
            list->items[left++] = list->items[i];
    list->n = left;
    if (left == 0)
        transition_list_deinit(list);
    (void)store_outbox(store, box); /* the caller may hold it */
    store_close_batch(store);
}

void store_feed_alertmanager(Store *store, bool wanted)
{
    TransitionList *list = &store->outbox[OUTBOX_ALERTMANAGER];
    store->feeds[OUTBOX_ALERTMANAGER] = wanted;
    if (wanted || list->n == 0)
        return;
    transition_list_deinit(list);
    store->unkept[OUTBOX_ALERTMANAGER] = 0;
    if (store_is_kept(store))
        outbox_clear(store_open_batch(store), OUTBOX_ALERTMANAGER);
    store_close_batch(store);
}

static Batch *batch_of_all(const Store *store, EndpointState *const *states, size_t n_states, int64_t now)
{
    Batch *batch = batch_new();
    alerts_clear(batch);
    discovered_clear(batch);
    for (size_t i = 0; i < store->n_entries; i++)
        alerts_write(batch, store->entries[i]->about, store->entries[i]->subject, &store->entries[i]->alerts);
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        for (size_t i = 0; i < store->outbox[box].n; i++)
            outbox_write(batch, box, &store->outbox[box].items[i]);
    for (size_t i = 0; i < store->silences.n; i++)
        silence_write(batch, &store->silences.items[i]);
    for (size_t i = 0; i < store->discovered.n_endpoints; i++)
        discovered_write(batch, &store->discovered.endpoints[i]);
    for (size_t i = 0; i < store->remembered.n; i++)
        seen_write_whole(batch, store->remembered.states[i], store->remembered.states[i]->kept_at);
    for (size_t i = 0; i < n_states; i++)
        seen_write_whole(batch, states[i], now);
    return batch;
}

void store_tend(Store *store, EndpointState *const *states, size_t n_states, int64_t now)
{
    store_end(store);
    if (!store->lacks && !store->tasks)
        tasks_look(store);
    if (store->lacks && !store->tasks) /* else the disk is still to answer */
        tasks_renew(store, batch_of_all(store, states, n_states, now));
}

/* Not written since this beat began, or by a clock that was ahead. */
static bool is_stale(const Store *store, const EndpointState *state, int64_t now)
{
    return (state->n_addresses > 0 || state->unresolved.n > 0) &&
           (state->kept_at < store->beat_at || state->kept_at > now);
}

void store_heartbeat(Store *store, EndpointState *const *states, size_t n_states, int64_t now)
{
    size_t n = 0;
    store_end(store);
    if (now - store->beat_at >= STORE_HEARTBEAT || now < store->beat_at)
        store->beat_at = now;
    for (size_t i = 0; i < n_states && n < STORE_HEARTBEATS_MAX && store_is_kept(store); i++)
        if (is_stale(store, states[i], now)) {
            seen_touch(store_open_batch(store), states[i], now);
            n++;
        }
    store_close_batch(store);
}

void store_forget(Store *store, int64_t before)
{
    store_end(store);
    remembered_forget(&store->remembered, before);
    if (store_is_kept(store))
        seen_forget(store_open_batch(store), before);
    store_close_batch(store);
}

void store_flush(Store *store, EndpointState *const *states, size_t n_states, int64_t now)
{
    store_end(store);
    for (size_t i = 0; i < n_states; i++)
        keep_state(store, states[i], now);
    store_close_batch(store);
}

StoreCounters store_counters(const Store *store)
{
    return store->counters;
}
