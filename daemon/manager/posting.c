#include "manager/posting.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/log.h"
#include "fetch/pause.h"
#include "manager/manager-internal.h"
#include "sink/alertmanager.h"

#define PATH "/api/v2/alerts"

#define NEWS_MAX            200                 /* transitions in one request */
#define REPEAT_USEC         (60 * USEC_PER_SEC) /* an Alertmanager that was started anew knows nothing */
#define FIRST_RETRY_SECONDS 2
#define LAST_RETRY_SECONDS  300
#define ANSWER_BYTES_MAX    65536
#define ANSWER_SECONDS_MAX  30

#define HOST_NAME_BYTES 256

struct Posting {
    Manager *manager;
    sd_event_source *timer;
    HttpExchange *exchange;          /* NULL: none is under way */
    char (*sent)[TRANSITION_ID_MAX]; /* what is in it of the outbox */
    size_t n_sent;
    unsigned n_failures;     /* in a row */
    uint64_t repeat_at_usec; /* CLOCK_BOOTTIME */
    char host[HOST_NAME_BYTES];
};

static const char *url_of(const Posting *posting)
{
    return posting->manager->loaded->config->alertmanager;
}

static void run_in(Posting *posting, uint64_t usec)
{
    (void)sd_event_source_set_time(posting->timer, clock_boottime_usec() + usec);
    (void)sd_event_source_set_enabled(posting->timer, SD_EVENT_ONESHOT);
}

typedef struct Repetition {
    Posting *posting;
    json_t *array;
    int64_t now;
} Repetition;

/* What is told to the journal is told here; who was told enough of it is not reminded. */
static void repeat_subject(SubjectKind about, const char *subject, void *userdata)
{
    const Repetition *all = userdata;
    const AlertList *alerts = store_alerts(all->posting->manager->store, about, subject);
    for (size_t i = 0; i < alerts->n; i++) {
        const Alert *a = &alerts->items[i];
        bool silenced = a->finding.silenced_until != INSTANT_NONE && a->finding.silenced_until > all->now;
        if (a->state == ALERT_FIRING && a->said != SEVERITY_OK && !silenced)
            alertmanager_repeat(all->array, about, subject, &a->finding, a->said, all->posting->host, all->now);
    }
}

static void repeat(Posting *posting, json_t *array, int64_t now)
{
    Repetition all = { posting, array, now };
    store_each_subject(posting->manager->store, repeat_subject, &all);
}

/* As many as fit, and remembers which. */
static void add_news(Posting *posting, json_t *array, int64_t now)
{
    const TransitionList *outbox = store_outbox(posting->manager->store, OUTBOX_ALERTMANAGER);
    posting->n_sent = outbox->n < NEWS_MAX ? outbox->n : NEWS_MAX;
    for (size_t i = 0; i < posting->n_sent; i++) {
        memcpy(posting->sent[i], outbox->items[i].id, TRANSITION_ID_MAX);
        alertmanager_add(array, &outbox->items[i], posting->host, now);
    }
}

/* Some may have been dropped meanwhile, and others have come. */
static void note_taken(Posting *posting)
{
    Store *store = posting->manager->store;
    const TransitionList *outbox = store_outbox(store, OUTBOX_ALERTMANAGER);
    const Transition *taken[NEWS_MAX];
    size_t n = 0;
    for (size_t i = 0, j = 0; i < outbox->n && j < posting->n_sent; i++)
        for (size_t k = j; k < posting->n_sent; k++)
            if (strcmp(posting->sent[k], outbox->items[i].id) == 0) {
                taken[n++] = &outbox->items[i];
                j = k + 1;
                break;
            }
    store_delivered(store, OUTBOX_ALERTMANAGER, taken, n);
}

/* Refused for what it is, not for when it came: the others must not wait behind it. */
static bool is_refused(const HttpAnswer *answer)
{
    return !answer->error && answer->status / 100 == 4 && answer->status != 408 && answer->status != 429;
}

static void note_failure(Posting *posting, const HttpAnswer *answer)
{
    if (is_refused(answer)) {
        log_error(
            "the Alertmanager at %s does not take %zu alerts: status %u: %.*s; they are in the journal only",
            url_of(posting), posting->n_sent, answer->status, (int)(answer->size < 200 ? answer->size : 200),
            (const char *)answer->body);
        note_taken(posting);
        return;
    }
    if (posting->n_failures++ > 0)
        return;
    if (answer->error)
        log_warning("the Alertmanager at %s cannot be told: %s; what it is to be told is kept", url_of(posting),
                    answer->error);
    else
        log_warning("the Alertmanager at %s cannot be told: status %u; what it is to be told is kept",
                    url_of(posting), answer->status);
}

static void on_answered(const HttpAnswer *answer, void *userdata)
{
    Posting *posting = userdata;
    posting->exchange = NULL;
    if (!answer->error && answer->status / 100 == 2) {
        if (posting->n_failures > 0)
            log_notice("the Alertmanager at %s is told again", url_of(posting));
        posting->n_failures = 0;
        note_taken(posting);
    } else {
        note_failure(posting, answer);
        posting->repeat_at_usec = 0; /* whatever it was not told of what stands */
    }
    posting->n_sent = 0;
    int64_t pause = fetch_backoff(FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, posting->n_failures);
    run_in(posting, posting->n_failures > 0 ? (uint64_t)pause * USEC_PER_SEC : 0);
}

static int ask(Posting *posting, const json_t *array)
{
    static char type[] = "Content-Type: application/json";
    const char *base = url_of(posting);
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    _cleanup_free_ char *url = xasprintf("%.*s" PATH, (int)length, base),
                        *body = json_dumps(array, JSON_COMPACT | JSON_ENSURE_ASCII);
    const HttpRequest request = {
        .url = url,
        .plain_allowed = true,
        .direct = true,
        .headers = (char *const[]) { type, NULL },
        .form = body,
        .bytes_max = ANSWER_BYTES_MAX,
        .seconds_max = ANSWER_SECONDS_MAX,
    };
    return body ? http_ask(&posting->exchange, posting->manager->http, &request, on_answered, posting)
                : -ENOMEM;
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Posting *posting = userdata;
    uint64_t now_usec = clock_boottime_usec();
    int64_t now = clock_now();
    if (!url_of(posting) || posting->exchange)
        return 0; /* until it is configured, or has been answered */
    if (posting->manager->self.clock_waits) {
        run_in(posting, REPEAT_USEC); /* nothing is told by a clock that cannot be right */
        return 0;
    }
    (void)delivery_keep(posting->manager);
    _cleanup_(json_decrefp) json_t *array = json_array();
    bool due = now_usec >= posting->repeat_at_usec;
    if (due) {
        repeat(posting, array, now);
        posting->repeat_at_usec = now_usec + REPEAT_USEC;
    }
    add_news(posting, array, now); /* the later of two with the same labels counts */
    if (json_array_size(array) == 0)
        run_in(posting, posting->repeat_at_usec - now_usec);
    else if (ask(posting, array) < 0)
        run_in(posting, REPEAT_USEC);
    return 0;
}

int posting_new(Posting **ret, Manager *manager)
{
    Posting *posting = xcalloc(1, sizeof *posting);
    posting->manager = manager;
    posting->sent = xcalloc(NEWS_MAX, sizeof *posting->sent);
    if (gethostname(posting->host, sizeof posting->host - 1) < 0)
        posting->host[0] = 0;
    int r = sd_event_add_time(manager->event, &posting->timer, CLOCK_BOOTTIME, 0, 0, on_timer, posting);
    if (r >= 0)
        r = sd_event_source_set_enabled(posting->timer, SD_EVENT_OFF);
    if (r < 0) {
        posting_free(posting);
        return r;
    }
    *ret = posting;
    posting_configure(posting);
    return 0;
}

void posting_free(Posting *posting)
{
    if (!posting)
        return;
    http_cancel(posting->exchange);
    sd_event_source_disable_unref(posting->timer);
    free(posting->sent);
    free(posting);
}

void posting_configure(Posting *posting)
{
    http_cancel(TAKE(posting->exchange)); /* it may have gone to another one */
    posting->n_sent = 0;
    posting->n_failures = 0;
    posting->repeat_at_usec = 0;
    store_feed_alertmanager(posting->manager->store, url_of(posting) != NULL);
    run_in(posting, 0);
}

void posting_soon(Posting *posting)
{
    if (posting && url_of(posting) && !posting->exchange && posting->n_failures == 0)
        run_in(posting, 0);
}
