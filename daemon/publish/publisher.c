#include "publish/publisher.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "alert/alert.h"
#include "alert/group.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/timer.h"
#include "publish/silencing.h"
#include "sink/journal.h"

/* What changes within it is kept in one transaction, which writes each page once; what there is to say ends it
 * sooner. Who is killed before has to see it again. */
#define KEEP_USEC (250 * USEC_PER_MSEC)

#define RETRY_SECONDS         1
#define TIMER_ACCURACY_USEC   (100 * USEC_PER_MSEC)
#define SILENCE_ACCURACY_USEC (10 * USEC_PER_MSEC)

/* Of lines that are no alerts; more come at once. */
#define LINES_MAX 1000

/* One that waits for its turn of the loop to be over, and then for what that has changed to be kept. */
typedef struct Line {
    DaemonEvent event;
    char *text;
    bool handed_over; /* the turn is over, and the ticket is of what it has changed */
    Ticket ticket;
} Line;

struct Publisher {
    sd_event_source *flush;   /* when this turn of the loop is over */
    sd_event_source *keep;    /* when what has changed is kept, with what changes until then */
    sd_event_source *silence; /* CLOCK_REALTIME: when the next silence is over */
    sd_event_source *deliver; /* when what waits for others of its cause may be said */
    Store *store;
    Posting *posting;
    PublishPolicy policy;
    GroupMemory groups;
    Line *lines;
    size_t n_lines;
    bool journal_fails; /* said once, until it takes entries again */
    bool unwritable;    /* the state database, when it was last looked at */
    const PublisherEvents *events;
    void *userdata;
};

static void mind_error(Publisher *publisher)
{
    bool unwritable = store_error(publisher->store) != NULL;
    if (unwritable != publisher->unwritable || store_wants_tending(publisher->store))
        publisher->events->troubled(publisher->userdata);
    publisher->unwritable = unwritable;
}

Ticket publisher_keep(Publisher *publisher)
{
    Ticket ticket = store_end(publisher->store);
    timer_disarm(publisher->keep);
    mind_error(publisher);
    return ticket;
}

static void note_failure(Publisher *publisher, int r)
{
    if (!publisher->journal_fails)
        log_error("cannot write to the journal: %s; %zu alerts are kept, retrying every second", strerror(-r),
                  store_outbox(publisher->store, OUTBOX_JOURNAL)->n);
    publisher->journal_fails = true;
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
static int say(Publisher *publisher, const BulletinList *bulletins)
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
        note_failure(publisher, r);
    else if (bulletins->n > 0)
        publisher->journal_fails = false;
    store_delivered(publisher->store, OUTBOX_JOURNAL, said, n);
    if (n > 0)
        (void)publisher_keep(publisher);
    free(said);
    return r;
}

static int64_t deliver(Publisher *publisher, const GroupPolicy *policy)
{
    _cleanup_(bulletin_list_deinit) BulletinList bulletins = { 0 };
    int64_t now = clock_now();
    int64_t next = group_select(&publisher->groups, policy, store_outbox(publisher->store, OUTBOX_JOURNAL), now,
                                &bulletins);
    if (say(publisher, &bulletins) < 0)
        next = instant_earlier(next, now + RETRY_SECONDS);
    return next == INSTANT_NEVER ? next : next - now;
}

/* Of what is kept. */
static void deliver_due(Publisher *publisher)
{
    const GroupPolicy policy = {
        .wait_seconds = publisher->policy.group_wait_seconds,
        .interval_seconds = publisher->policy.group_interval_seconds,
    };
    int64_t wait = deliver(publisher, &policy);
    if (wait == INSTANT_NEVER)
        timer_disarm(publisher->deliver);
    else
        timer_arm(publisher->deliver, (uint64_t)(wait > 0 ? wait : 1) * USEC_PER_SEC);
}

/* In order, as far as what belongs to them is kept; all: also the rest. */
static void say_lines(Publisher *publisher, bool all)
{
    size_t left = 0;
    for (size_t i = 0; i < publisher->n_lines; i++) {
        Line *line = &publisher->lines[i];
        if (!all && (!line->handed_over || line->ticket > store_kept(publisher->store))) {
            publisher->lines[left++] = *line;
            continue;
        }
        journal_event(line->event, "%s", line->text);
        free(line->text);
    }
    publisher->n_lines = left;
}

static void hand_over_lines(Publisher *publisher, Ticket ticket)
{
    for (size_t i = 0; i < publisher->n_lines; i++)
        if (!publisher->lines[i].handed_over) {
            publisher->lines[i].handed_over = true;
            publisher->lines[i].ticket = ticket;
        }
    say_lines(publisher, false);
}

static int on_flush(sd_event_source *source _unused_, void *userdata)
{
    Publisher *publisher = userdata;
    hand_over_lines(publisher, publisher_keep(publisher));
    if (!publisher->journal_fails)
        deliver_due(publisher);
    return 0;
}

static void flush_soon(Publisher *publisher)
{
    (void)sd_event_source_set_enabled(publisher->flush, SD_EVENT_ONESHOT);
}

/* What has a cause is waited for anyway: no later than the policy says. */
static void deliver_within(Publisher *publisher, int64_t seconds)
{
    uint64_t at = clock_boottime_usec() + (uint64_t)seconds * USEC_PER_SEC, set_to;
    if (timer_is_armed(publisher->deliver) && sd_event_source_get_time(publisher->deliver, &set_to) >= 0 &&
        set_to <= at)
        return;
    timer_arm_at(publisher->deliver, at);
}

/* What was to be kept before it is said is, or cannot be waited for. */
static void on_kept(void *userdata)
{
    Publisher *publisher = userdata;
    mind_error(publisher);
    say_lines(publisher, false);
    publisher->events->kept(publisher->userdata);
    if (store_outbox(publisher->store, OUTBOX_JOURNAL)->n > 0) {
        if (publisher->journal_fails) /* the retry may have come before there was something to deliver */
            deliver_within(publisher, RETRY_SECONDS);
        else
            deliver_due(publisher);
    }
    if (store_outbox(publisher->store, OUTBOX_ALERTMANAGER)->n > 0)
        posting_soon(publisher->posting);
}

static void on_history(const char *name, History *history, int64_t id, void *userdata)
{
    Publisher *publisher = userdata;
    publisher->events->history(name, history, id, publisher->userdata);
}

static const StoreEvents store_events = { .kept = on_kept, .history = on_history };

/* How long the first of the news may wait for others of its cause. */
static int64_t wait_of(const Publisher *publisher, const TransitionList *news)
{
    int64_t wait = INSTANT_NEVER;
    for (size_t i = 0; news && i < news->n; i++)
        wait = instant_earlier(wait, news->items[i].finding.cause ? publisher->policy.group_wait_seconds : 0);
    return wait;
}

void publisher_commit(Publisher *publisher, const Change *change)
{
    int64_t wait = wait_of(publisher, change->transitions);
    store_begin(publisher->store);
    store_commit(publisher->store, change, clock_now());
    if (store_is_open(publisher->store) && !timer_is_armed(publisher->keep))
        timer_arm(publisher->keep, KEEP_USEC);
    if (wait == INSTANT_NEVER) {
        mind_error(publisher);
        return;
    }
    posting_soon(publisher->posting);
    if (wait == 0)
        flush_soon(publisher);
    else
        deliver_within(publisher, wait);
}

void publisher_event(Publisher *publisher, DaemonEvent event, const char *format, ...)
{
    va_list args;
    if (publisher->n_lines == LINES_MAX)
        say_lines(publisher, true);
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    publisher->lines = xgrow(publisher->lines, publisher->n_lines, sizeof *publisher->lines);
    publisher->lines[publisher->n_lines++] = (Line) { .event = event, .text = text };
    flush_soon(publisher);
}

static void address_to(const Change *change, const EndpointState *state)
{
    if (state)
        alert_of_endpoint(change->transitions, state);
    else
        alert_of(change->transitions, change->about, change->subject);
}

int64_t publisher_tell(Publisher *publisher, FindingList *findings, const Change *change)
{
    int64_t remind_seconds = publisher->policy.remind_seconds, now = clock_now();
    AlertList *standing = store_alerts(publisher->store, change->about, change->subject);
    silence_list_apply(store_silences(publisher->store), change->subject, findings, now);
    alert_update(standing, findings, remind_seconds, now, change->transitions);
    address_to(change, change->state);
    int64_t next = alert_next(standing, remind_seconds, now);
    publisher_commit(publisher, change);
    return next;
}

void publisher_resolve(Publisher *publisher, SubjectKind about, const char *subject, const EndpointState *state)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    const Change change = { .about = about, .subject = subject, .transitions = &transitions };
    alert_resolve_all(store_alerts(publisher->store, about, subject), clock_now(), &transitions);
    address_to(&change, state);
    publisher_commit(publisher, &change);
}

static void arm_silence(Publisher *publisher)
{
    int64_t at = silencing_wakes_at(publisher->store);
    if (at == INSTANT_NEVER)
        timer_disarm(publisher->silence);
    else
        timer_arm_at(publisher->silence, at > 0 ? (uint64_t)at * USEC_PER_SEC : 0);
}

int64_t publisher_silence(Publisher *publisher, Silence silence)
{
    int64_t id = silencing_add(publisher->store, silence, publisher->events->silenced, publisher->userdata);
    arm_silence(publisher);
    return id;
}

void publisher_unsilence(Publisher *publisher, int64_t id)
{
    silencing_end(publisher->store, id, publisher->events->silenced, publisher->userdata);
    arm_silence(publisher);
}

static int on_silence(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Publisher *publisher = userdata;
    silencing_expire(publisher->store, clock_now(), publisher->events->silenced, publisher->userdata);
    arm_silence(publisher);
    return 0;
}

static int on_keep(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    (void)publisher_keep(userdata);
    return 0;
}

static int on_deliver(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    (void)publisher_keep(userdata);
    deliver_due(userdata);
    return 0;
}

static int add_sources(Publisher *publisher, sd_event *event)
{
    int r = timer_new(&publisher->keep, event, USEC_PER_MSEC, on_keep, publisher);
    if (r < 0)
        return r;
    r = timer_new(&publisher->deliver, event, TIMER_ACCURACY_USEC, on_deliver, publisher);
    if (r < 0)
        return r;
    r = sd_event_add_time(event, &publisher->silence, CLOCK_REALTIME, 0, SILENCE_ACCURACY_USEC, on_silence,
                          publisher);
    if (r < 0)
        return r;
    arm_silence(publisher);
    r = sd_event_add_defer(event, &publisher->flush, on_flush, publisher);
    return r < 0 ? r : sd_event_source_set_enabled(publisher->flush, SD_EVENT_OFF);
}

int publisher_new(Publisher **ret, sd_event *event, Store *store, const PublisherEvents *events, void *userdata)
{
    _cleanup_(publisher_freep) Publisher *publisher = xcalloc(1, sizeof *publisher);
    publisher->store = store;
    publisher->events = events;
    publisher->userdata = userdata;
    publisher->unwritable = store_error(store) != NULL;
    int r = store_start(store, event, &store_events, publisher);
    if (r < 0)
        return r;
    r = add_sources(publisher, event);
    if (r < 0)
        return r;
    r = posting_new(&publisher->posting, event, store);
    if (r < 0)
        return r;
    *ret = TAKE(publisher);
    return 0;
}

void publisher_configure(Publisher *publisher, const PublishPolicy *policy)
{
    publisher->policy = *policy;
    posting_configure(publisher->posting, policy->alertmanager, policy->alertmanager_credential);
}

void publisher_hold(Publisher *publisher, bool held)
{
    posting_hold(publisher->posting, held);
}

void publisher_free(Publisher *publisher)
{
    const GroupPolicy at_once = { 0 };
    if (!publisher)
        return;
    store_settle(publisher->store);
    (void)deliver(publisher, &at_once);
    say_lines(publisher, true);
    free(publisher->lines);
    posting_free(publisher->posting);
    group_memory_deinit(&publisher->groups);
    sd_event_source_disable_unref(publisher->flush);
    sd_event_source_disable_unref(publisher->keep);
    sd_event_source_disable_unref(publisher->deliver);
    sd_event_source_disable_unref(publisher->silence);
    free(publisher);
}
