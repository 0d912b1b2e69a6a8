#include "publish/posting.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/timer.h"
#include "http/http.h"
#include "http/pause.h"
#include "sink/alertmanager.h"

#define PATH "/api/v2/alerts"

#define NEWS_MAX            200                 /* transitions in one request */
#define REPEAT_USEC         (60 * USEC_PER_SEC) /* an Alertmanager that was started anew knows nothing */
#define NARROW_SECONDS      1                   /* between the halves of a batch that is refused */
#define FIRST_RETRY_SECONDS 2
#define LAST_RETRY_SECONDS  300
#define ANSWER_BYTES_MAX    65536
#define ANSWER_SECONDS_MAX  30
#define EXCERPT_BYTES       200 /* of an answer, in a log line */
#define PUT_ASIDE_USEC      (3600 * USEC_PER_SEC)
#define PUT_ASIDE_MAX       64 /* alerts that are not repeated; one more takes the place of the oldest */
#define HOST_NAME_BYTES     256

/*
 * A batch that is refused for what is in it is halved until the one alert that is refused stands alone. Then an
 * empty array is sent: if that is taken, the alert is to blame, and is given up; if not, the Alertmanager takes
 * nothing at all, everything is kept, and empty arrays are sent, less and less often, until it does. So one bad
 * alert costs the others a few seconds, and a broken Alertmanager costs no alert.
 */
typedef enum Trial {
    TRIAL_NONE,
    TRIAL_SUSPECT, /* the empty array decides about the alert that was refused alone */
    TRIAL_WAIT,    /* nothing is taken */
} Trial;

/* An active alert that the Alertmanager does not take. */
typedef struct PutAside {
    uint64_t alert; /* hash of what identifies it; 0: none */
    uint64_t until_usec;
} PutAside;

struct Posting {
    Store *store;
    const Url *alertmanager; /* NULL: nobody is told */
    const char *credential;
    bool held;
    sd_event_source *timer;
    Http *http; /* not that of bundles and the RDS API: what those servers do to its thread delays no alert */
    HttpExchange *exchange; /* NULL: none is under way */

    /* What is in the request, or was in the latest one. */
    char (*sent)[TRANSITION_ID_MAX]; /* of the outbox */
    size_t n_sent, n_repeated;
    uint64_t first;              /* of the first alert: its hash, and what it is in words */
    char *first_words, *refusal; /* the answer that refused it alone */
    bool is_rest;                /* nothing that is to be repeated is left */

    size_t limit;    /* of alerts in a request */
    size_t repeated; /* active alerts that were taken in this round of repetitions */
    Trial trial;
    bool pauses; /* after a failure: news does not end it */
    PutAside aside[PUT_ASIDE_MAX];
    size_t next_aside;
    unsigned n_failures;     /* in a row */
    unsigned n_given_up;     /* in a row */
    uint64_t repeat_at_usec; /* CLOCK_BOOTTIME */
    char host[HOST_NAME_BYTES];
};

/* As it is shown; NULL: there is none. */
static const char *url_of(const Posting *posting)
{
    return posting->alertmanager ? posting->alertmanager->shown : NULL;
}

static void run_in(Posting *posting, uint64_t usec)
{
    timer_arm_at(posting->timer, clock_boottime_usec() + usec);
}

/* That an alert is active again, or as another severity, makes it no other one. */
static uint64_t hash_of(SubjectKind about, const char *subject, const Finding *f)
{
    _cleanup_free_ char *text = xasprintf("%d %s %s %s %s", (int)about, subject, finding_to_string(f->id),
                                          f->address ? f->address : "", f->ca ? f->ca : "");
    return text_hash(text) | 1;
}

static void note_first(Posting *posting, SubjectKind about, const char *subject, const Finding *f)
{
    if (posting->n_sent + posting->n_repeated > 0)
        return;
    posting->first = hash_of(about, subject, f);
    text_set(&posting->first_words,
             xasprintf("%s of %s %s", finding_to_string(f->id), subject_kind_to_string(about), subject));
}

static PutAside *find_aside(Posting *posting, uint64_t alert)
{
    for (size_t i = 0; i < PUT_ASIDE_MAX; i++)
        if (posting->aside[i].alert == alert)
            return &posting->aside[i];
    return NULL;
}

typedef struct Repetition {
    Posting *posting;
    json_t *array;
    int64_t now;
    uint64_t now_usec;
    size_t n; /* that there are */
} Repetition;

/* What is told to the journal is told here; who was told enough of it is not reminded. */
static bool is_repeated(const Repetition *all, SubjectKind about, const char *subject, const Alert *a)
{
    bool silenced = a->finding.silenced_until != INSTANT_NONE && a->finding.silenced_until > all->now;
    if (a->state != ALERT_FIRING || a->said == SEVERITY_OK || silenced)
        return false;
    const PutAside *aside = find_aside(all->posting, hash_of(about, subject, &a->finding));
    return !aside || aside->until_usec <= all->now_usec;
}

static void repeat_subject(SubjectKind about, const char *subject, void *userdata)
{
    Repetition *all = userdata;
    Posting *posting = all->posting;
    const AlertList *alerts = store_alerts(posting->store, about, subject);
    for (size_t i = 0; i < alerts->n; i++) {
        const Alert *a = &alerts->items[i];
        if (!is_repeated(all, about, subject, a) || all->n++ < posting->repeated ||
            posting->n_repeated == posting->limit)
            continue;
        note_first(posting, about, subject, &a->finding);
        alertmanager_repeat(all->array, about, subject, &a->finding, a->said, posting->host, all->now);
        posting->n_repeated++;
    }
}

/* As many as fit; where they come and go meanwhile, one may be left out of this round. */
static void repeat(Posting *posting, json_t *array, int64_t now, uint64_t now_usec)
{
    Repetition all = { .posting = posting, .array = array, .now = now, .now_usec = now_usec };
    store_each_subject(posting->store, repeat_subject, &all);
    posting->is_rest = posting->repeated + posting->n_repeated >= all.n;
}

/* As many as fit, and remembers which. */
static void add_news(Posting *posting, json_t *array, int64_t now)
{
    const TransitionList *outbox = store_outbox(posting->store, OUTBOX_ALERTMANAGER);
    size_t room = posting->limit - posting->n_repeated, most = MIN(room, NEWS_MAX);
    for (size_t i = 0; i < outbox->n && i < most; i++) {
        const Transition *t = &outbox->items[i];
        note_first(posting, t->about, t->subject, &t->finding);
        memcpy(posting->sent[i], t->id, TRANSITION_ID_MAX);
        alertmanager_add(array, t, posting->host, now);
        posting->n_sent++;
    }
}

/* Some may have been dropped meanwhile, and others have come. */
static void note_taken(Posting *posting)
{
    Store *store = posting->store;
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

/* "status 400: ...", as far as a log line has room. The caller's. */
static char *words_of(const HttpAnswer *answer)
{
    if (answer->error)
        return xstrdup(answer->error);
    size_t length = MIN(answer->size, EXCERPT_BYTES);
    _cleanup_free_ char *excerpt = text_escape_bytes(answer->body, length);
    return xasprintf("status %u%s%s", answer->status, *excerpt ? ": " : "", excerpt);
}

static void retry_in(Posting *posting, int64_t seconds)
{
    posting->pauses = true;
    run_in(posting, pause_spread_usec(seconds));
}

/* Whatever it was not told of the active alerts is repeated with the next attempt. */
static void note_failure(Posting *posting, const HttpAnswer *answer)
{
    if (posting->n_failures++ == 0) {
        _cleanup_free_ char *words = words_of(answer);
        log_warning("the Alertmanager at %s cannot be told: %s; what it is to be told is kept", url_of(posting),
                    words);
    }
    posting->repeat_at_usec = 0;
    posting->repeated = 0;
    int64_t pause = pause_backoff(FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, posting->n_failures);
    retry_in(posting, pause_asked(pause, LAST_RETRY_SECONDS, answer->retry_after_seconds));
}

/* The alert is to blame. If it is active, it will be tried again, but not logged again. */
static void give_up(Posting *posting)
{
    PutAside *aside = find_aside(posting, posting->first);
    if (!aside) {
        log_error("cannot deliver %s to the Alertmanager at %s: %s; dropping this alert, the journal has it",
                  posting->first_words, url_of(posting), posting->refusal);
        aside = &posting->aside[posting->next_aside++ % PUT_ASIDE_MAX];
    }
    *aside = (PutAside) { posting->first, clock_boottime_usec() + PUT_ASIDE_USEC };
    note_taken(posting);
    posting->n_given_up++;
    retry_in(posting, pause_backoff(NARROW_SECONDS, LAST_RETRY_SECONDS, posting->n_given_up));
}

static void note_refusal(Posting *posting, const HttpAnswer *answer)
{
    size_t n = posting->n_sent + posting->n_repeated;
    if (posting->trial != TRIAL_NONE) {
        posting->trial = TRIAL_WAIT;
        note_failure(posting, answer);
        return;
    }
    if (n > 1)
        posting->limit = n / 2;
    else {
        posting->trial = TRIAL_SUSPECT;
        text_set(&posting->refusal, words_of(answer));
    }
    retry_in(posting, NARROW_SECONDS);
}

static void note_success(Posting *posting)
{
    Trial trial = posting->trial;
    posting->trial = TRIAL_NONE;
    if (posting->n_failures > 0)
        log_notice("the Alertmanager at %s is told again", url_of(posting));
    posting->n_failures = 0;
    if (trial == TRIAL_SUSPECT) {
        give_up(posting);
        return;
    }
    if (trial == TRIAL_NONE) {
        note_taken(posting);
        posting->n_given_up = 0;
        posting->repeated += posting->n_repeated;
        if (posting->n_repeated > 0 && posting->is_rest) {
            posting->repeated = 0;
            posting->repeat_at_usec = clock_boottime_usec() + REPEAT_USEC;
        }
    }
    posting->limit = trial == TRIAL_WAIT || posting->limit >= NEWS_MAX ? SIZE_MAX : posting->limit * 2;
    run_in(posting, 0);
}

static void on_answered(const HttpAnswer *answer, void *userdata)
{
    Posting *posting = userdata;
    posting->exchange = NULL;
    AlertmanagerAnswer meaning =
        answer->error ? ALERTMANAGER_FAILED : alertmanager_read(answer->status, answer->body, answer->size);
    switch (meaning) {
    case ALERTMANAGER_TAKEN:
        note_success(posting);
        break;
    case ALERTMANAGER_REFUSED:
        note_refusal(posting, answer);
        break;
    case ALERTMANAGER_FAILED:
        posting->trial = posting->trial == TRIAL_SUSPECT ? TRIAL_NONE : posting->trial;
        note_failure(posting, answer);
        break;
    }
}

static int ask(Posting *posting, const json_t *array)
{
    static char type[] = "Content-Type: application/json";
    const char *base = posting->alertmanager->whole;
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    _cleanup_(wiping_freep) char *root = xstrndup(base, length), *url = xconcat(root, PATH);
    _cleanup_free_ char *body = json_dumps(array, JSON_COMPACT | JSON_ENSURE_ASCII);
    const HttpRequest request = {
        .url = url,
        .credential = posting->credential,
        .plain_allowed = true,
        .direct = true,
        .headers = (char *const[]) { type, NULL },
        .form = body,
        .bytes_max = ANSWER_BYTES_MAX,
        .seconds_max = ANSWER_SECONDS_MAX,
    };
    return body ? http_ask(&posting->exchange, posting->http, &request, on_answered, posting) : -ENOMEM;
}

/* What is due, and nothing while it has to be found out whether an empty array is taken. */
static void fill(Posting *posting, json_t *array, uint64_t now_usec)
{
    int64_t now = clock_now();
    if (posting->trial != TRIAL_NONE)
        return;
    posting->n_sent = posting->n_repeated = 0;
    posting->is_rest = false;
    if (now_usec >= posting->repeat_at_usec)
        repeat(posting, array, now, now_usec);
    if (posting->is_rest && posting->n_repeated == 0) {
        posting->repeated = 0;
        posting->repeat_at_usec = now_usec + REPEAT_USEC;
    }
    add_news(posting, array, now); /* the later of two with the same labels counts */
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Posting *posting = userdata;
    uint64_t now_usec = clock_boottime_usec();
    if (!url_of(posting) || posting->exchange)
        return 0; /* until it is configured, or has been answered */
    posting->pauses = false;
    if (posting->held) {
        run_in(posting, REPEAT_USEC);
        return 0;
    }
    (void)store_end(posting->store); /* first durable, then loud */
    _cleanup_(json_decrefp) json_t *array = json_array();
    fill(posting, array, now_usec);
    if (json_array_size(array) == 0 && posting->trial == TRIAL_NONE)
        run_in(posting, posting->repeat_at_usec - now_usec);
    else if (ask(posting, array) < 0)
        run_in(posting, REPEAT_USEC);
    return 0;
}

/* Of another Alertmanager, or of one whose configuration may have been mended, nothing is known. */
static void forget(Posting *posting)
{
    posting->n_sent = posting->n_repeated = posting->repeated = 0;
    posting->limit = SIZE_MAX;
    posting->trial = TRIAL_NONE;
    posting->pauses = false;
    posting->n_failures = posting->n_given_up = 0;
    posting->repeat_at_usec = 0;
    memset(posting->aside, 0, sizeof posting->aside);
}

int posting_new(Posting **ret, sd_event *event, Store *store)
{
    _cleanup_(posting_freep) Posting *posting = xcalloc(1, sizeof *posting);
    posting->store = store;
    posting->held = true;
    posting->sent = xcalloc(NEWS_MAX, sizeof *posting->sent);
    if (gethostname(posting->host, sizeof posting->host - 1) < 0)
        posting->host[0] = 0;
    int r = timer_new(&posting->timer, event, 0, on_timer, posting);
    if (r < 0)
        return r;
    r = http_new(&posting->http, event);
    if (r < 0)
        return r;
    *ret = TAKE(posting);
    return 0;
}

void posting_free(Posting *posting)
{
    if (!posting)
        return;
    http_cancel(posting->exchange);
    http_free(posting->http);
    sd_event_source_disable_unref(posting->timer);
    free(posting->first_words);
    free(posting->refusal);
    free(posting->sent);
    free(posting);
}

void posting_configure(Posting *posting, const Url *alertmanager, const char *credential)
{
    http_cancel(TAKE(posting->exchange)); /* it may have gone to another one */
    posting->alertmanager = alertmanager;
    posting->credential = credential;
    forget(posting);
    store_feed_alertmanager(posting->store, alertmanager != NULL);
    run_in(posting, 0);
}

void posting_hold(Posting *posting, bool held)
{
    if (posting->held && !held)
        run_in(posting, 0);
    posting->held = held;
}

void posting_soon(Posting *posting)
{
    if (posting->alertmanager && !posting->exchange && !posting->pauses)
        run_in(posting, 0);
}
