#include "fetch/download.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/text.h"
#include "base/timer.h"
#include "fetch/kept.h"
#include "http/pause.h"

#define TIMER_ACCURACY_USEC USEC_PER_SEC
#define STATUS_OK           200
#define STATUS_NOT_MODIFIED 304
#define NAMELESS            "it" /* to the reader; what it says of it is said without */
#define NEWS_MAX            200  /* certificates; the global bundle has 108 */

struct Download {
    Http *http;
    HttpExchange *exchange; /* NULL: none is on its way */
    Worker *worker;
    Job *reading, *parsing, *saving; /* what is kept, and what was fetched; NULL: that is not going on */
    sd_event_source *timer;
    const DownloadEvents *events;
    void *userdata;
    char *url, *credential; /* secret, as far as they are not in the source's URL */
    bool plain_allowed;
    unsigned n_failures; /* in a row */
    Bundle *bundle;
    char *etag, *last_modified; /* of what is kept */
    BundleSource source;
};

void download_free(Download *d)
{
    if (!d)
        return;
    http_cancel(d->exchange);
    worker_cancel(d->worker, d->reading);
    worker_cancel(d->worker, d->parsing);
    worker_cancel(d->worker, d->saving);
    sd_event_source_disable_unref(d->timer);
    bundle_free_later(d->bundle, d->worker);
    wiping_free(d->url);
    wiping_free(d->credential);
    free(d->etag);
    free(d->last_modified);
    bundle_source_deinit(&d->source);
    free(d);
}

Bundle *download_bundle(const Download *d)
{
    return d->bundle;
}

BundleSource *download_source(Download *d)
{
    return &d->source;
}

bool download_is_pending(const Download *d)
{
    return d->reading || (!d->bundle && d->source.answered_at == INSTANT_NONE && d->n_failures == 0);
}

/* "Amazon RDS us-east-1 Root CA RSA2048 G1 (to 2061-05-25)" for each that the other one has not, as many as are
 * named; and of how many more. */
static char **names_not_in(const Bundle *bundle, const Bundle *other, size_t *ret_more)
{
    char **names = NULL;
    size_t n = 0;
    for (size_t i = 0; i < bundle_size(bundle); i++) {
        const Certificate *c = bundle_certificate(bundle, i);
        if (!bundle_has(other, c->sha256) && n++ < NEWS_MAX)
            strv_append(&names, xasprintf("%s (to %.10s)", certificate_label(c), INSTANT_TEXT(c->not_after)));
    }
    *ret_more = n > NEWS_MAX ? n - NEWS_MAX : 0;
    return names;
}

static void note_news(BundleSource *source, const Bundle *before, const Bundle *now)
{
    strv_free(source->came);
    strv_free(source->went);
    source->came = names_not_in(now, before, &source->n_more_came);
    source->went = names_not_in(before, now, &source->n_more_went);
}

/* What is kept: read without the download, which may be beside the loop. */
typedef struct Kept {
    Download *download; /* the loop's alone, as this: */
    Worker *worker;
    char *path;
    Bundle *bundle, *previous; /* NULL: there is none */
    char **warnings;
} Kept;

static void run_kept(void *data)
{
    Kept *kept = data;
    kept_read(kept->path, &kept->bundle, &kept->previous, &kept->warnings);
}

/* Falls back to PATH.previous where PATH is damaged, and then asks without conditions. */
static void take_kept(Download *d, Kept *kept)
{
    d->bundle = TAKE(kept->bundle);
    kept_read_headers(&d->source, &d->etag, &d->last_modified);
    if (d->bundle && kept->previous && d->source.changed_at != INSTANT_NONE)
        note_news(&d->source, kept->previous, d->bundle);
    if (!d->bundle) {
        d->bundle = TAKE(kept->previous);
        free(TAKE(d->etag));
        free(TAKE(d->last_modified));
        d->source.answered_at = INSTANT_NONE;
    }
    d->source.n_certificates = d->bundle ? bundle_size(d->bundle) : 0;
}

static void on_kept(void *data)
{
    Kept *kept = data;
    Download *d = kept->download;
    d->reading = NULL;
    take_kept(d, kept);
    d->events->changed(d->bundle != NULL, d->userdata);
}

static void free_kept(void *data)
{
    Kept *kept = data;
    bundle_free_later(kept->bundle, kept->worker);
    bundle_free_later(kept->previous, kept->worker);
    strv_free(kept->warnings);
    free(kept->path);
    free(kept);
}

static const JobType kept_type = { .run = run_kept, .done = on_kept, .free = free_kept };

static void load_kept(Download *d, bool in_loop, char ***warnings)
{
    Kept *kept = xcalloc(1, sizeof *kept);
    kept->download = d;
    kept->worker = d->worker;
    kept->path = xstrdup(d->source.path);
    if (in_loop) {
        d->reading = worker_submit(d->worker, &kept_type, kept);
        return;
    }
    run_kept(kept);
    take_kept(d, kept);
    for (size_t i = 0; kept->warnings && kept->warnings[i]; i++)
        strv_append(warnings, xstrdup(kept->warnings[i]));
    free_kept(kept);
}

/* A reload does not read again what is used, nor forget what could not be kept in a file. */
static void inherit(Download *d, const Download *from)
{
    if (from->bundle)
        d->bundle = bundle_ref(from->bundle);
    d->etag = xstrdup(from->etag);
    d->last_modified = xstrdup(from->last_modified);
    d->source.refused = xstrdup(from->source.refused);
    d->source.modified_at = from->source.modified_at;
    d->source.changed_at = from->source.changed_at;
    d->source.answered_at = from->source.answered_at;
    for (char **name = from->source.came; name && *name; name++)
        strv_append(&d->source.came, xstrdup(*name));
    for (char **name = from->source.went; name && *name; name++)
        strv_append(&d->source.went, xstrdup(*name));
    d->source.n_more_came = from->source.n_more_came;
    d->source.n_more_went = from->source.n_more_went;
    d->source.n_certificates = from->source.n_certificates;
}

/* Why it must not take the place of what there is; NULL if it may. The caller's. */
static char *objection(const Download *d, const Bundle *fresh)
{
    const Bundle *kept = d->bundle;
    if (!kept)
        return NULL;
    if (bundle_size(fresh) * 2 < bundle_size(kept))
        return xasprintf("it has %zu certificate%s, less than half of the %zu before", bundle_size(fresh),
                         PLURAL(bundle_size(fresh)), bundle_size(kept));
    const Certificate *root;
    const char *endpoint = d->events->lost_by(kept, fresh, &root, d->userdata);
    return endpoint
               ? xasprintf("it lacks the root \"%s\", which %s leads to now", certificate_label(root), endpoint)
               : NULL;
}

static bool is_same(const Bundle *a, const Bundle *b)
{
    for (size_t i = 0; i < bundle_size(a); i++)
        if (!bundle_has(b, bundle_certificate(a, i)->sha256))
            return false;
    return bundle_size(a) == bundle_size(b);
}

static void refuse(Download *d, char *why)
{
    text_set(&d->source.refused, text_escape_take(why)); /* names out of certificates are in it */
}

/* Returns whether another bundle is in use now. Takes fresh. */
static bool adopt(Download *d, const char *etag, const char *last_modified, Bundle *fresh)
{
    BundleSource *source = &d->source;
    int64_t now = clock_now(), modified = http_date(last_modified);
    bool is_news = !d->bundle || !is_same(fresh, d->bundle);
    text_set(&source->refused, NULL);
    text_set(&d->etag, xstrdup(etag));
    text_set(&d->last_modified, xstrdup(last_modified));
    source->modified_at = modified != INSTANT_NONE && modified <= now ? modified
                          : is_news                                   ? now
                                                                      : source->modified_at;
    if (!is_news) {
        bundle_free_later(fresh, d->worker);
        return false;
    }
    if (d->bundle) {
        note_news(source, d->bundle, fresh);
        source->changed_at = now;
    }
    bundle_free_later(d->bundle, d->worker);
    d->bundle = fresh;
    source->n_certificates = bundle_size(fresh);
    return true;
}

/* Until the next question; after a failure as long as the server asks for, if that is longer. */
static void arm(Download *d, int64_t retry_after_seconds)
{
    int64_t interval = d->source.interval_seconds, pause = pause_until_next(interval, d->n_failures);
    uint64_t usec = (uint64_t)pause * USEC_PER_SEC; /* the interval itself is spread already */
    if (d->n_failures > 0)
        usec = pause_spread_usec(pause_asked(pause, interval, retry_after_seconds));
    timer_arm(d->timer, usec);
}

static void note_failure(Download *d, char *error)
{
    BundleSource *source = &d->source;
    if (d->n_failures++ == 0)
        source->failing_since = source->answered_at != INSTANT_NONE ? source->answered_at : clock_now();
    text_set(&source->error, error);
}

static void note_success(Download *d)
{
    d->n_failures = 0;
    d->source.failing_since = INSTANT_NONE;
    d->source.answered_at = clock_now();
    text_set(&d->source.error, NULL);
}

/* What an answer leaves behind, written beside the loop: a disk may be slow. */
typedef struct Save {
    Download *download; /* the loop's alone, as these: */
    int64_t failing_since;
    bool is_news;
    char *path;
    Buffer adopted, refused, headers;
    int r;
} Save;

static void run_save(void *data)
{
    Save *save = data;
    save->r = kept_write(save->path, &save->adopted, &save->refused, &save->headers);
}

static void on_saved(void *data)
{
    const Save *save = data;
    Download *d = save->download;
    d->saving = NULL;
    if (save->r < 0) {
        text_set(&d->source.error, xasprintf("%s: cannot keep it: %s", d->source.path, strerror(-save->r)));
        d->source.failing_since =
            save->failing_since != INSTANT_NONE ? save->failing_since : d->source.answered_at;
    }
    arm(d, 0);
    d->events->changed(save->is_news, d->userdata);
}

static void free_save(void *data)
{
    Save *save = data;
    buffer_deinit(&save->adopted);
    buffer_deinit(&save->refused);
    buffer_deinit(&save->headers);
    free(save->path);
    free(save);
}

static const JobType save_type = { .run = run_save, .done = on_saved, .free = free_save };

static void save_answer(Download *d, Save *save)
{
    save->download = d;
    save->path = xstrdup(d->source.path);
    save->headers = kept_headers(&d->source, d->etag, d->last_modified);
    d->saving = worker_submit(d->worker, &save_type, save);
}

/* A body of status 200, parsed beside the loop: its sender chose how long that takes. */
typedef struct Parse {
    Download *download; /* the loop's alone, as this: */
    Worker *worker;
    Buffer body;
    char *etag, *last_modified;
    Bundle *bundle;
    char **errors;
    int n; /* certificates, or a negative errno */
} Parse;

static void run_parse(void *data)
{
    Parse *parse = data;
    parse->bundle = bundle_new_list();
    parse->n = bundle_add(parse->bundle, NAMELESS, parse->body.data, parse->body.size, NULL, &parse->errors);
}

/* First durable, then used. */
static void on_parsed(void *data)
{
    Parse *parse = data;
    Download *d = parse->download;
    Save *save = xcalloc(1, sizeof *save);
    save->failing_since = d->source.failing_since;
    d->parsing = NULL;
    d->source.awaited = false;
    note_success(d);
    char *why = parse->n < 0 ? xstrdup(parse->errors[0] + strlen(NAMELESS ": ")) : objection(d, parse->bundle);
    if (why)
        refuse(d, why);
    else
        save->is_news = adopt(d, parse->etag, parse->last_modified, TAKE(parse->bundle));
    if (why || save->is_news) {
        *(why ? &save->refused : &save->adopted) = parse->body;
        parse->body = (Buffer) { 0 };
    }
    save_answer(d, save);
}

static void free_parse(void *data)
{
    Parse *parse = data;
    bundle_free_later(parse->bundle, parse->worker);
    buffer_deinit(&parse->body);
    strv_free(parse->errors);
    free(parse->etag);
    free(parse->last_modified);
    free(parse);
}

static const JobType parse_type = { .run = run_parse, .done = on_parsed, .free = free_parse };

static void parse_answer(Download *d, const HttpAnswer *answer)
{
    Parse *parse = xcalloc(1, sizeof *parse);
    parse->download = d;
    parse->worker = d->worker;
    parse->etag = xstrdup(answer->etag);
    parse->last_modified = xstrdup(answer->last_modified);
    buffer_append(&parse->body, answer->body, answer->size);
    d->parsing = worker_submit(d->worker, &parse_type, parse);
}

static void on_answer(const HttpAnswer *answer, void *userdata)
{
    Download *d = userdata;
    d->exchange = NULL;
    if (!answer->error && answer->status == STATUS_OK) {
        parse_answer(d, answer);
        return;
    }
    d->source.awaited = false;
    if (!answer->error && answer->status == STATUS_NOT_MODIFIED) {
        Save *save = xcalloc(1, sizeof *save);
        save->failing_since = d->source.failing_since;
        note_success(d);
        text_set(&d->source.refused, NULL); /* the server is back at what is in use */
        save_answer(d, save);
        return;
    }
    note_failure(d, answer->error ? xstrdup(answer->error)
                                  : xasprintf("the server answers with HTTP status %u", answer->status));
    arm(d, answer->retry_after_seconds);
    d->events->changed(false, d->userdata);
}

static void ask(Download *d)
{
    _cleanup_(strv_freep) char **headers = NULL;
    if (d->etag)
        strv_append(&headers, xasprintf("If-None-Match: %s", d->etag));
    if (d->last_modified)
        strv_append(&headers, xasprintf("If-Modified-Since: %s", d->last_modified));
    const HttpRequest request = {
        .url = d->url,
        .credential = d->credential,
        .plain_allowed = d->plain_allowed,
        .headers = headers,
        .bytes_max = BUNDLE_BYTES_MAX,
        .seconds_max = DOWNLOAD_SECONDS,
    };
    int r = http_ask(&d->exchange, d->http, &request, on_answer, d);
    if (r >= 0)
        return;
    d->source.awaited = false;
    note_failure(d, xasprintf("cannot ask: %s", strerror(-r)));
    arm(d, 0);
    d->events->changed(false, d->userdata);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    ask(userdata);
    return 0;
}

/* A restart does not ask again what was answered lately. */
static int64_t first_pause(const Download *d, bool asked, int64_t now)
{
    const BundleSource *source = &d->source;
    if (asked || source->answered_at == INSTANT_NONE || source->answered_at > now)
        return 0;
    int64_t due = source->answered_at + source->interval_seconds - now;
    return due > 0 ? due : 0;
}

int download_new(Download **ret, sd_event *event, Http *http, const DownloadParams *params,
                 const DownloadEvents *events, void *userdata, char ***warnings)
{
    _cleanup_(download_freep) Download *d = xcalloc(1, sizeof *d);
    d->http = http;
    d->events = events;
    d->userdata = userdata;
    d->url = xstrdup(params->url->whole);
    d->credential = xstrdup(params->credential);
    d->plain_allowed = params->plain_allowed;
    d->source = (BundleSource) {
        .url = xstrdup(params->url->shown),
        .path = kept_path(params->directory, params->url->shown),
        .interval_seconds = (int64_t)(pause_spread_usec(params->interval_seconds) / USEC_PER_SEC),
        .answered_at = INSTANT_NONE,
        .failing_since = INSTANT_NONE,
        .modified_at = INSTANT_NONE,
        .changed_at = INSTANT_NONE,
        .changes_at = INSTANT_NEVER,
    };
    d->worker = params->worker;
    if (params->from && !params->from->reading)
        inherit(d, params->from);
    else
        load_kept(d, params->in_loop, warnings);
    int64_t pause = first_pause(d, params->asked, clock_now());
    d->source.awaited = pause == 0;
    int r = sd_event_add_time_relative(event, &d->timer, CLOCK_BOOTTIME, (uint64_t)pause * USEC_PER_SEC,
                                       TIMER_ACCURACY_USEC, on_timer, d);
    if (r < 0)
        return r;
    *ret = TAKE(d);
    return 0;
}
