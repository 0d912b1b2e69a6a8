#include <errno.h>
#include <string.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/timer.h"
#include "manager/manager-internal.h"
#include "sink/journal.h"

/* What changes within it is kept in one transaction, which writes each page once; what there is to say ends it
 * sooner. Who is killed before has to see it again. */
#define KEEP_USEC (250 * USEC_PER_MSEC)

#define RETRY_SECONDS       1
#define TIMER_ACCURACY_USEC (100 * USEC_PER_MSEC)

static void mind_error(Manager *manager)
{
    if ((store_error(manager->store) != NULL) != (manager->self.unwritable != NULL) ||
        store_wants_tending(manager->store))
        timer_arm(manager->look, 0); /* from the loop: a finding says so */
}

Ticket delivery_keep(Manager *manager)
{
    Ticket ticket = store_end(manager->store);
    timer_disarm(manager->keep);
    mind_error(manager);
    return ticket;
}

void delivery_promise(Manager *manager, const char *name, int64_t turn)
{
    Ticket ticket = delivery_keep(manager);
    if (store_kept(manager->store) >= ticket) {
        control_probed(manager->control, name, turn);
        return;
    }
    manager->promises = xgrow(manager->promises, manager->n_promises, sizeof *manager->promises);
    manager->promises[manager->n_promises++] =
        (Promise) { .name = xstrdup(name), .turn = turn, .ticket = ticket };
}

static void keep_promises(Manager *manager)
{
    size_t left = 0;
    for (size_t i = 0; i < manager->n_promises; i++) {
        Promise *promise = &manager->promises[i];
        if (promise->ticket > store_kept(manager->store)) {
            manager->promises[left++] = *promise;
            continue;
        }
        control_probed(manager->control, promise->name, promise->turn);
        free(promise->name);
    }
    manager->n_promises = left;
}

static void note_failure(Manager *manager, int r)
{
    if (!manager->journal_fails)
        log_error("cannot write to the journal: %s; %zu alerts are kept, retrying every second", strerror(-r),
                  store_outbox(manager->store, OUTBOX_JOURNAL)->n);
    manager->journal_fails = true;
}

/* The journal does not take this one, and would not take it later: the others must not wait behind it. */
static bool is_refused(int r)
{
    return r == -EINVAL || r == -E2BIG || r == -EMSGSIZE || r == -EBADMSG;
}

static int say_one(const Bulletin *bulletin)
{
    int r = journal_deliver(bulletin->items, bulletin->n);
    if (!is_refused(r))
        return r;
    log_error("the journal does not take an alert of %s: %s; it is on the status socket only",
              bulletin->items[0]->subject, strerror(-r));
    return 0;
}

/* Says them in order, until the journal is away. Returns its error. */
static int say(Manager *manager, const BulletinList *bulletins)
{
    const Transition **said = NULL;
    size_t n = 0;
    int r = 0;
    for (size_t i = 0; i < bulletins->n && r >= 0; i++) {
        const Bulletin *b = &bulletins->items[i];
        r = say_one(b);
        for (size_t j = 0; j < b->n && r >= 0; j++) {
            said = xgrow(said, n, sizeof *said);
            said[n++] = b->items[j];
        }
    }
    if (r < 0)
        note_failure(manager, r);
    else if (bulletins->n > 0)
        manager->journal_fails = false;
    store_delivered(manager->store, OUTBOX_JOURNAL, said, n);
    if (n > 0)
        (void)delivery_keep(manager);
    free(said);
    return r;
}

static int64_t deliver(Manager *manager, const GroupPolicy *policy)
{
    _cleanup_(bulletin_list_deinit) BulletinList bulletins = { 0 };
    int64_t now = clock_now();
    int64_t next =
        group(&manager->groups, policy, store_outbox(manager->store, OUTBOX_JOURNAL), now, &bulletins);
    if (say(manager, &bulletins) < 0)
        next = instant_earlier(next, now + RETRY_SECONDS);
    return next == INSTANT_NEVER ? next : next - now;
}

/* Of what is kept. */
static void deliver_due(Manager *manager)
{
    const GroupPolicy policy = {
        .wait_seconds = manager->loaded->config->group_wait_seconds,
        .interval_seconds = manager->loaded->config->group_interval_seconds,
    };
    int64_t wait = deliver(manager, &policy);
    if (wait == INSTANT_NEVER)
        timer_disarm(manager->deliver);
    else
        timer_arm(manager->deliver, (uint64_t)(wait > 0 ? wait : 1) * USEC_PER_SEC);
}

void delivery_run(Manager *manager)
{
    (void)delivery_keep(manager);
    deliver_due(manager);
}

/* What has a cause is waited for anyway: no later than the policy says. */
static void deliver_within(Manager *manager, int64_t seconds)
{
    uint64_t at = clock_boottime_usec() + (uint64_t)seconds * USEC_PER_SEC, set_to;
    if (timer_is_armed(manager->deliver) && sd_event_source_get_time(manager->deliver, &set_to) >= 0 &&
        set_to <= at)
        return;
    timer_arm_at(manager->deliver, at);
}

/* What was to be kept before it is said is, or cannot be waited for. */
static void on_kept(void *userdata)
{
    Manager *manager = userdata;
    mind_error(manager);
    keep_promises(manager);
    control_kept(manager->control, store_kept(manager->store));
    if (store_outbox(manager->store, OUTBOX_JOURNAL)->n > 0) {
        if (manager->journal_fails) /* the retry may have come before there was something to deliver */
            deliver_within(manager, RETRY_SECONDS);
        else
            deliver_due(manager);
    }
    if (store_outbox(manager->store, OUTBOX_ALERTMANAGER)->n > 0)
        posting_soon(manager->posting);
}

static void on_history(const char *name, History *history, int64_t id, void *userdata)
{
    snapshot_history(userdata, name, history, id);
}

static const StoreEvents store_events = { .kept = on_kept, .history = on_history };

static void keep_soon(Manager *manager)
{
    if (!timer_is_armed(manager->keep))
        timer_arm(manager->keep, KEEP_USEC);
}

void manager_commit(Manager *manager, const Change *change)
{
    const TransitionList *news = change->transitions;
    int64_t wait = INSTANT_NEVER;
    for (size_t i = 0; news && i < news->n; i++)
        wait = instant_earlier(wait,
                               news->items[i].finding.cause ? manager->loaded->config->group_wait_seconds : 0);
    bool told = news && news->n > 0;
    store_begin(manager->store);
    store_commit(manager->store, change, clock_now());
    mind_error(manager);
    if (told)
        posting_soon(manager->posting);
    if (store_is_open(manager->store))
        keep_soon(manager);
    if (manager->together)
        return;
    if (wait == 0 && !manager->journal_fails)
        delivery_run(manager);
    else if (wait != INSTANT_NEVER)
        deliver_within(manager, wait);
}

int64_t manager_tell(Manager *manager, SubjectKind about, const char *subject, FindingList *findings)
{
    int64_t remind_seconds = manager->loaded->config->remind_seconds, now = clock_now();
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    AlertList *standing = store_alerts(manager->store, about, subject);
    silence_list_apply(store_silences(manager->store), subject, findings, now);
    alert_update(standing, findings, remind_seconds, now, &transitions);
    alert_of(&transitions, about, subject);
    int64_t next = alert_next(standing, remind_seconds, now);
    manager_commit(manager, &(Change) { .about = about, .subject = subject, .transitions = &transitions });
    return next;
}

void manager_resolve(Manager *manager, SubjectKind about, const char *subject)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    alert_resolve_all(store_alerts(manager->store, about, subject), clock_now(), &transitions);
    alert_of(&transitions, about, subject);
    manager_commit(manager, &(Change) { .about = about, .subject = subject, .transitions = &transitions });
}

static int on_keep(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    (void)delivery_keep(userdata);
    return 0;
}

static int on_deliver(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    delivery_run(userdata);
    return 0;
}

int delivery_start(Manager *manager)
{
    int r = store_start(manager->store, manager->event, &store_events, manager);
    if (r < 0)
        return r;
    r = timer_new(&manager->keep, manager->event, USEC_PER_MSEC, on_keep, manager);
    if (r < 0)
        return r;
    return timer_new(&manager->deliver, manager->event, TIMER_ACCURACY_USEC, on_deliver, manager);
}

void delivery_stop(Manager *manager)
{
    const GroupPolicy at_once = { 0 };
    if (manager->store) {
        store_settle(manager->store);
        (void)deliver(manager, &at_once);
    }
    for (size_t i = 0; i < manager->n_promises; i++)
        free(manager->promises[i].name);
    free(manager->promises);
    sd_event_source_disable_unref(manager->deliver);
    sd_event_source_disable_unref(manager->keep);
    group_memory_deinit(&manager->groups);
}
