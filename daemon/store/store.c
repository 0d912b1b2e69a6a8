#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "base/alloc.h"
#include "base/clock.h"
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
    for (size_t i = 0; i < store->n_entries; i++)
        entry_free(store->entries[i]);
    free(store->entries);
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        transition_list_deinit(&store->outbox[box]);
    silence_list_deinit(&store->silences);
    rds_inventory_deinit(&store->discovered);
    database_close(store->db);
    free(store->path);
    free(store->error);
    free(store);
}

const char *store_error(const Store *store)
{
    return store->error;
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

static void note_error(Store *store, const char *words)
{
    char *error = xasprintf("%s: %s", store->path ? store->path : "memory", words);
    free(store->error);
    store->error = error;
    store->lacks = true;
}

/* The damaged file keeps its content for whoever wants to look at it, and its journal with it. */
static void set_aside(Store *store, int64_t now)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    char date[INSTANT_TEXT_MAX], *to = date;
    if (!store->path)
        return;
    instant_text(now, date);
    for (const char *from = date; *from; from++)
        if (*from != '-' && *from != ':')
            *to++ = *from;
    *to = 0;
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        _cleanup_free_ char *old = xasprintf("%s%s", store->path, suffixes[i]);
        _cleanup_free_ char *new = xasprintf("%s.damaged-%s%s", store->path, date, suffixes[i]);
        if (rename(old, new) < 0 && i == 0 && errno != ENOENT)
            note_error(store, strerror(errno));
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
    int r = alerts_read(store->db, on_alert, store);
    for (Outbox box = 0; box < N_OUTBOXES && r == SQLITE_OK; box++)
        r = outbox_read(store->db, box, &store->outbox[box]);
    if (r == SQLITE_OK)
        r = silences_read(store->db, &store->silences);
    if (r == SQLITE_OK)
        r = discovered_read(store->db, &store->discovered);
    for (size_t i = 0; i < store->silences.n; i++)
        if (store->silences.items[i].id > store->last_silence)
            store->last_silence = store->silences.items[i].id;
    return r;
}

/* Opens the file, a new one in place of a damaged one. */
static int open_file(Store *store, int64_t now, char **ret_words)
{
    int r = database_open(&store->db, store->path, ret_words);
    if (store->path && database_is_damage(r)) {
        set_aside(store, now);
        free(TAKE(*ret_words));
        r = database_open(&store->db, store->path, ret_words);
    }
    return r;
}

int store_open(Store **ret, const char *path, CertificateReader reader, void *userdata, int64_t now,
               char **ret_words)
{
    _cleanup_(store_freep) Store *store = xcalloc(1, sizeof *store);
    _cleanup_free_ char *words = NULL;
    store->path = xstrdup(path);
    store->beat_at = now;
    store->reader = (SeenReader) { .read = reader, .userdata = userdata };
    int r = open_file(store, now, &words);
    if (r == SQLITE_OK && read_all(store) != SQLITE_OK) { /* what could be read is kept */
        database_close(TAKE(store->db));
        set_aside(store, now);
        store->lacks = true;
        r = database_open(&store->db, path, &words);
    }
    if (r == SQLITE_MISMATCH || (r & 0xff) == SQLITE_BUSY) {
        *ret_words =
            xasprintf("%s: %s", path,
                      r == SQLITE_MISMATCH ? words
                                           : "another process has it open; expected a `state` directory "
                                             "of its own for each dbcertd");
        return r == SQLITE_MISMATCH ? -EPROTONOSUPPORT : -EBUSY;
    }
    if (r != SQLITE_OK)
        note_error(store, words);
    *ret = TAKE(store);
    return 0;
}

bool store_is_kept(const Store *store)
{
    return store->db && !store->lacks;
}

/* Goes on without the damaged file, until another one is made. */
static void abandon(Store *store)
{
    store->together = store->open = false;
    database_close(TAKE(store->db));
    set_aside(store, clock_now());
}

int store_open_transaction(Store *store)
{
    if (store->together && store->open)
        return store->together_result;
    store->open = store->together;
    store->began_usec = clock_boottime_usec();
    store->together_result = database_run(store->db, "BEGIN IMMEDIATE", NO_VALUES);
    return store->together_result;
}

void store_close_transaction(Store *store, int r)
{
    if (store->together) {
        store->together_result = r;
        return;
    }
    if (r == SQLITE_OK)
        r = database_run(store->db, "COMMIT", NO_VALUES);
    uint64_t usec = clock_boottime_usec() - store->began_usec;
    if (r == SQLITE_OK) {
        store->figures.n_commits++;
        store->figures.longest_usec = usec > store->figures.longest_usec ? usec : store->figures.longest_usec;
        return;
    }
    note_error(store, database_error(store->db));
    if (database_is_damage(r))
        abandon(store);
    else
        (void)database_run(store->db, "ROLLBACK", NO_VALUES); /* SQLite may have done so by itself */
}

void store_begin(Store *store)
{
    store->together |= store_is_kept(store);
}

bool store_is_open(const Store *store)
{
    return store->open;
}

void store_end(Store *store)
{
    bool open = store->open;
    store->together = store->open = false;
    if (!open)
        return;
    store->began_usec = clock_boottime_usec(); /* the steps were between other things */
    store_close_transaction(store, store->together_result);
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

/* Into every outbox; what the items held is the journal's now. */
static void post(Store *store, TransitionList *transitions)
{
    for (size_t i = 0; i < transitions->n; i++) {
        give_identity(&transitions->items[i]);
        if (store->feeds[OUTBOX_ALERTMANAGER])
            transition_list_append(&store->outbox[OUTBOX_ALERTMANAGER],
                                   transition_copy(&transitions->items[i]));
        transition_list_append(&store->outbox[OUTBOX_JOURNAL], transitions->items[i]);
    }
    transitions->n = 0;
}

/* What came to the outboxes since they had so many. */
static int write_news(Store *store, const size_t before[N_OUTBOXES])
{
    int r = SQLITE_OK;
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        for (size_t i = before[box]; i < store->outbox[box].n && r == SQLITE_OK; i++)
            r = outbox_write(store->db, box, &store->outbox[box].items[i]);
    return r;
}

void store_commit(Store *store, const Change *change, int64_t now)
{
    AlertList *alerts = store_alerts(store, change->about, change->subject);
    EndpointState *state = change->state;
    const size_t before[N_OUTBOXES] = { store->outbox[OUTBOX_JOURNAL].n, store->outbox[OUTBOX_ALERTMANAGER].n };
    bool news = change->transitions && change->transitions->n > 0;
    if (news)
        post(store, change->transitions);
    bool seen = state && (change->replaced || seen_differs(state));
    if (store_is_kept(store) && (seen || alerts->changed || news)) {
        int r = store_open_transaction(store);
        if (r == SQLITE_OK)
            r = write_news(store, before);
        if (r == SQLITE_OK && alerts->changed)
            r = alerts_write(store->db, change->about, change->subject, alerts);
        if (r == SQLITE_OK && seen)
            r = seen_write(store->db, state, change->replaced, now);
        store_close_transaction(store, r);
    }
    alerts->changed = false;
    drop_if_empty(store, change->about, change->subject);
    for (Outbox box = 0; box < N_OUTBOXES; box++)
        bound_outbox(store, box);
}

/* What is read besides the alerts is no reason to stop: without it, an endpoint starts anew. */
static void note_reading(Store *store, int r)
{
    if (r == SQLITE_OK)
        return;
    note_error(store, database_is_damage(r) ? "it is damaged" : database_error(store->db));
    if (database_is_damage(r))
        abandon(store);
}

void store_recall(Store *store, EndpointState *state)
{
    if (store->db)
        note_reading(store, seen_recall(store->db, &store->reader, state));
}

void store_history(Store *store, const char *name, History *ret)
{
    if (store->db)
        note_reading(store, seen_history(store->db, &store->reader, name, ret));
}

const TransitionList *store_outbox(const Store *store, Outbox box)
{
    return &store->outbox[box];
}

void store_delivered(Store *store, Outbox box, const Transition *const *delivered, size_t n)
{
    TransitionList *list = &store->outbox[box];
    if (n == 0)
        return;
    bool keeps = store_is_kept(store);
    int r = keeps ? store_open_transaction(store) : SQLITE_OK;
    for (size_t i = 0; i < n; i++) {
        Transition *t = &list->items[delivered[i] - list->items];
        if (keeps && r == SQLITE_OK)
            r = outbox_remove(store->db, box, t->id);
        transition_deinit(t);
    }
    if (keeps)
        store_close_transaction(store, r);
    size_t left = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].subject) /* those that were freed have none */
            list->items[left++] = list->items[i];
    list->n = left;
    if (left == 0)
        transition_list_deinit(list);
}

void store_feed_alertmanager(Store *store, bool wanted)
{
    TransitionList *list = &store->outbox[OUTBOX_ALERTMANAGER];
    store->feeds[OUTBOX_ALERTMANAGER] = wanted;
    if (wanted || list->n == 0)
        return;
    transition_list_deinit(list);
    if (store_is_kept(store)) {
        int r = store_open_transaction(store);
        store_close_transaction(store, r == SQLITE_OK ? outbox_clear(store->db, OUTBOX_ALERTMANAGER) : r);
    }
}

static int write_all(Store *store, EndpointState *const *states, size_t n_states, int64_t now)
{
    int r = alerts_clear(store->db);
    if (r == SQLITE_OK)
        r = discovered_clear(store->db);
    for (size_t i = 0; i < store->n_entries && r == SQLITE_OK; i++) {
        const Entry *e = store->entries[i];
        r = alerts_write(store->db, e->about, e->subject, &e->alerts);
    }
    if (r == SQLITE_OK)
        r = write_news(store, (const size_t[N_OUTBOXES]) { 0 });
    for (size_t i = 0; i < store->silences.n && r == SQLITE_OK; i++)
        r = silence_write(store->db, &store->silences.items[i]);
    for (size_t i = 0; i < store->discovered.n_endpoints && r == SQLITE_OK; i++)
        r = discovered_write(store->db, &store->discovered.endpoints[i]);
    for (size_t i = 0; i < n_states && r == SQLITE_OK; i++)
        r = seen_write(store->db, states[i], NULL, now);
    return r;
}

void store_tend(Store *store, EndpointState *const *states, size_t n_states, int64_t now)
{
    _cleanup_free_ char *words = NULL;
    store_end(store);
    if (store->db && !database_is_there(store->db)) {
        database_close(TAKE(store->db));
        store->lacks = true;
    }
    if (!store->lacks)
        return;
    if (!store->db && open_file(store, now, &words) != SQLITE_OK) {
        note_error(store, words);
        return;
    }
    free(TAKE(store->error));
    int r = store_open_transaction(store);
    store->lacks = false;
    store_close_transaction(store, r == SQLITE_OK ? write_all(store, states, n_states, now) : r);
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
    int r = SQLITE_OK;
    store_end(store);
    if (now - store->beat_at >= STORE_HEARTBEAT || now < store->beat_at)
        store->beat_at = now;
    for (size_t i = 0; i < n_states && n < STORE_HEARTBEATS_MAX && store_is_kept(store); i++) {
        if (!is_stale(store, states[i], now))
            continue;
        if (n++ == 0)
            r = store_open_transaction(store);
        if (r == SQLITE_OK)
            r = seen_touch(store->db, states[i], now);
    }
    if (n > 0)
        store_close_transaction(store, r);
}

void store_forget(Store *store, int64_t before)
{
    store_end(store);
    if (!store_is_kept(store))
        return;
    int r = store_open_transaction(store);
    store_close_transaction(store, r == SQLITE_OK ? seen_forget(store->db, before) : r);
}

void store_flush(Store *store, EndpointState *const *states, size_t n_states, int64_t now)
{
    store_end(store);
    if (!store_is_kept(store))
        return;
    int r = store_open_transaction(store);
    for (size_t i = 0; i < n_states && r == SQLITE_OK; i++)
        if (states[i]->n_addresses > 0 || states[i]->unresolved.n > 0)
            r = seen_write(store->db, states[i], NULL, now);
    store_close_transaction(store, r);
}

StoreFigures store_figures(const Store *store)
{
    StoreFigures figures = store->figures;
    struct stat st;
    if (store->path && store->db && stat(store->path, &st) == 0)
        figures.bytes = st.st_size;
    return figures;
}
