#include "fetch/download.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/text.h"
#include "fetch/pause.h"

#define TIMER_ACCURACY_USEC USEC_PER_SEC
#define HEADERS_BYTES_MAX   8192
#define STATUS_OK           200
#define STATUS_NOT_MODIFIED 304
#define NAMELESS            "it" /* to the reader; what it says of it is said without */
#define JITTER              10   /* part of the interval by which a fleet of bastions is spread */

struct Download {
    Http *http;
    HttpExchange *exchange; /* NULL: none is on its way */
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
    sd_event_source_disable_unref(d->timer);
    bundle_free(d->bundle);
    wiping_free(d->url);
    wiping_free(d->credential);
    free(d->etag);
    free(d->last_modified);
    bundle_source_deinit(&d->source);
    free(d);
}

const Bundle *download_bundle(const Download *d)
{
    return d->bundle;
}

BundleSource *download_source(Download *d)
{
    return &d->source;
}

bool download_is_pending(const Download *d)
{
    return !d->bundle && d->source.answered_at == INSTANT_NONE && d->n_failures == 0;
}

void download_inherit(Download *d, Download *from)
{
    if (d->bundle || !from->bundle)
        return;
    d->bundle = TAKE(from->bundle);
    d->etag = TAKE(from->etag);
    d->last_modified = TAKE(from->last_modified);
    d->source.modified_at = from->source.modified_at;
    d->source.n_certificates = bundle_size(d->bundle);
}

/* "DIRECTORY/global-bundle.pem-3f2a...": for people the name, for the URL the hash. */
static char *path_of(const char *directory, const char *url)
{
    const char *name = strrchr(url, '/') + 1;
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return xasprintf("%s/%.*s-%08x", directory, length > 100 ? 100 : (int)length, name,
                     (unsigned)(text_hash(url) & 0xffffffff));
}

/* RFC 9110, 5.6.7: the form that servers send. */
static int64_t http_date(const char *text)
{
    struct tm tm = { 0 };
    const char *end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;
    return end && !*end ? timegm(&tm) : INSTANT_NONE;
}

static void write_line(Buffer *text, const char *name, const char *value)
{
    if (value && *value != '-')
        buffer_printf(text, "%s: %s\n", name, value);
}

/* What the next question and the next start need to know. */
static int save_headers(const Download *d)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    _cleanup_free_ char *path = xasprintf("%s.headers", d->source.path);
    write_line(&text, "URL", d->source.url);
    write_line(&text, "ETag", d->etag);
    write_line(&text, "Last-Modified", d->last_modified);
    write_line(&text, "Modified", INSTANT_TEXT(d->source.modified_at));
    write_line(&text, "Changed", INSTANT_TEXT(d->source.changed_at));
    write_line(&text, "Answered", INSTANT_TEXT(d->source.answered_at));
    write_line(&text, "Refused", d->source.refused);
    return file_replace(path, text.data, text.size, false);
}

static char *saved(const Buffer *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = (const char *)text->data; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0)
            return xstrndup(line + length + 2, strcspn(line + length + 2, "\n"));
    }
    return NULL;
}

static int64_t saved_instant(const Buffer *text, const char *name)
{
    _cleanup_free_ char *value = saved(text, name);
    int64_t instant;
    return value && instant_parse(value, &instant) == 0 ? instant : INSTANT_NONE;
}

static void load_headers(Download *d)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    _cleanup_free_ char *path = xasprintf("%s.headers", d->source.path), *url = NULL;
    if (file_read(path, HEADERS_BYTES_MAX, &text) < 0 || !(url = saved(&text, "URL")) ||
        strcmp(url, d->source.url) != 0)
        return;
    d->etag = saved(&text, "ETag");
    d->last_modified = saved(&text, "Last-Modified");
    d->source.modified_at = saved_instant(&text, "Modified");
    d->source.changed_at = saved_instant(&text, "Changed");
    d->source.answered_at = saved_instant(&text, "Answered");
    d->source.refused = saved(&text, "Refused");
}

static void rename_kept(const char *from, const char *to)
{
    static const char *const suffixes[] = { "", ".previous", ".refused" };
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        _cleanup_free_ char *old = xconcat(from, suffixes[i]), *new = xconcat(to, suffixes[i]);
        if (access(new, F_OK) == 0)
            (void)unlink(old);
        else
            (void)rename(old, new);
    }
}

/* Errors are the next start's: what cannot be removed now is tried again then. */
void download_scrub(const char *directory)
{
    _cleanup_(strv_freep) char **paths = NULL;
    _cleanup_free_ char *pattern = xasprintf("%s/*.headers", directory);
    (void)file_glob(pattern, &paths); /* a directory that cannot be read is reported when it is used */
    for (char **path = paths; path && *path; path++) {
        _cleanup_(buffer_wipe) Buffer text = { 0 };
        _cleanup_free_ char *url = file_read(*path, HEADERS_BYTES_MAX, &text) < 0 ? NULL : saved(&text, "URL");
        _cleanup_free_ char *shown = url ? url_redact(url) : NULL;
        if (!shown || strcmp(shown, url) == 0 || !strrchr(shown, '/'))
            continue;
        _cleanup_free_ char *from = xstrndup(*path, strlen(*path) - strlen(".headers")),
                            *to = path_of(directory, shown);
        (void)unlink(*path);
        rename_kept(from, to);
    }
}

static Bundle *load_bundle(const char *path, char ***warnings)
{
    _cleanup_(buffer_deinit) Buffer data = { 0 };
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    int r = file_read(path, BUNDLE_BYTES_MAX, &data);
    if (r == -ENOENT)
        return NULL;
    if (r < 0)
        strv_append(warnings, xasprintf("%s: cannot read: %s", path, strerror(-r)));
    else
        r = bundle_add(bundle, path, data.data, data.size, NULL, warnings);
    return r > 0 ? TAKE(bundle) : NULL;
}

/* "Amazon RDS us-east-1 Root CA RSA2048 G1 (to 2061-05-25)" for each that the other one has not. */
static char **names_not_in(const Bundle *bundle, const Bundle *other)
{
    char **names = NULL;
    for (size_t i = 0; i < bundle_size(bundle); i++) {
        const Certificate *c = bundle_certificate(bundle, i);
        if (!bundle_has(other, c->sha256))
            strv_append(&names, xasprintf("%s (to %.10s)", certificate_label(c), INSTANT_TEXT(c->not_after)));
    }
    return names;
}

static void note_news(BundleSource *source, const Bundle *before, const Bundle *now)
{
    strv_free(source->came);
    strv_free(source->went);
    source->came = names_not_in(now, before);
    source->went = names_not_in(before, now);
}

/* A file that was damaged has the one before it behind it; then all is asked for anew. */
static void load_kept(Download *d, char ***warnings)
{
    _cleanup_free_ char *previous_path = xasprintf("%s.previous", d->source.path);
    _cleanup_(bundle_freep) Bundle *previous = load_bundle(previous_path, warnings);
    d->bundle = load_bundle(d->source.path, warnings);
    load_headers(d);
    if (d->bundle && previous && d->source.changed_at != INSTANT_NONE)
        note_news(&d->source, previous, d->bundle);
    if (!d->bundle) {
        d->bundle = TAKE(previous);
        free(TAKE(d->etag));
        free(TAKE(d->last_modified));
        d->source.answered_at = INSTANT_NONE;
    }
    d->source.n_certificates = d->bundle ? bundle_size(d->bundle) : 0;
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
    for (size_t i = 0; i < bundle_size(kept); i++) {
        const Certificate *c = bundle_certificate(kept, i);
        const char *endpoint = bundle_has(fresh, c->sha256) ? NULL : d->events->used_by(c->sha256, d->userdata);
        if (endpoint)
            return xasprintf("it lacks the root \"%s\", which %s leads to now", certificate_label(c), endpoint);
    }
    return NULL;
}

static bool is_same(const Bundle *a, const Bundle *b)
{
    for (size_t i = 0; i < bundle_size(a); i++)
        if (!bundle_has(b, bundle_certificate(a, i)->sha256))
            return false;
    return bundle_size(a) == bundle_size(b);
}

static void refuse(Download *d, const HttpAnswer *answer, char *why)
{
    _cleanup_free_ char *path = xasprintf("%s.refused", d->source.path);
    text_make_printable(why); /* there are names out of certificates in it, and it is kept in a line */
    text_set(&d->source.refused, why);
    (void)file_replace(path, answer->body, answer->size,
                       false); /* to be looked at; the finding says the rest */
}

/* Returns whether another bundle is in use now. Takes fresh. */
static bool adopt(Download *d, const HttpAnswer *answer, Bundle *fresh)
{
    BundleSource *source = &d->source;
    int64_t now = clock_now(), modified = http_date(answer->last_modified);
    bool is_news = !d->bundle || !is_same(fresh, d->bundle);
    text_set(&source->refused, NULL);
    text_set(&d->etag, xstrdup(answer->etag));
    text_set(&d->last_modified, xstrdup(answer->last_modified));
    source->modified_at = modified != INSTANT_NONE && modified <= now ? modified
                          : is_news                                   ? now
                                                                      : source->modified_at;
    if (!is_news) {
        bundle_free(fresh);
        return false;
    }
    if (d->bundle) {
        note_news(source, d->bundle, fresh);
        source->changed_at = now;
    }
    bundle_free(d->bundle);
    d->bundle = fresh;
    source->n_certificates = bundle_size(fresh);
    int r = file_replace(source->path, answer->body, answer->size, true);
    if (r < 0)
        text_set(&source->error, xasprintf("%s: cannot keep it: %s", source->path, strerror(-r)));
    return true;
}

/* What came with status 200. */
static bool consider(Download *d, const HttpAnswer *answer)
{
    _cleanup_(strv_freep) char **errors = NULL;
    _cleanup_(bundle_freep) Bundle *fresh = bundle_new();
    int n = bundle_add(fresh, NAMELESS, answer->body, answer->size, NULL, &errors);
    char *why = n < 0 ? xstrdup(errors[0] + strlen(NAMELESS ": ")) : objection(d, fresh);
    if (why) {
        refuse(d, answer, why);
        return false;
    }
    return adopt(d, answer, TAKE(fresh));
}

/* Until the next question; after a failure as long as the server asks for, if that is longer. */
static void arm(Download *d, int64_t retry_after_seconds)
{
    int64_t interval = d->source.interval_seconds, pause = fetch_pause(interval, d->n_failures);
    uint64_t usec = (uint64_t)pause * USEC_PER_SEC; /* the interval itself is spread already */
    if (d->n_failures > 0)
        usec =
            fetch_spread_usec(fetch_pause_asked(pause, interval, retry_after_seconds), clock_boottime_usec());
    (void)sd_event_source_set_time_relative(d->timer, usec);
    (void)sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
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

static void on_answer(const HttpAnswer *answer, void *userdata)
{
    Download *d = userdata;
    bool adopted = false;
    d->exchange = NULL;
    d->source.awaited = false;
    if (answer->error)
        note_failure(d, xstrdup(answer->error));
    else if (answer->status != STATUS_OK && answer->status != STATUS_NOT_MODIFIED)
        note_failure(d, xasprintf("the server answers with HTTP status %u", answer->status));
    else {
        int64_t since = d->source.failing_since;
        note_success(d);
        if (answer->status == STATUS_OK)
            adopted = consider(d, answer);
        else
            text_set(&d->source.refused, NULL); /* the server is back at what is in use */
        int r = save_headers(d);
        if (r < 0)
            text_set(&d->source.error, xasprintf("%s: cannot keep it: %s", d->source.path, strerror(-r)));
        if (d->source.error)
            d->source.failing_since = since != INSTANT_NONE ? since : d->source.answered_at;
    }
    arm(d, answer->retry_after_seconds);
    d->events->changed(adopted, d->userdata);
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
    uint64_t spread_usec = (uint64_t)params->interval_seconds * USEC_PER_SEC / JITTER;
    d->http = http;
    d->events = events;
    d->userdata = userdata;
    d->url = xstrdup(params->url->whole);
    d->credential = xstrdup(params->credential);
    d->plain_allowed = params->plain_allowed;
    d->source = (BundleSource) {
        .url = xstrdup(params->url->shown),
        .path = path_of(params->directory, params->url->shown),
        .interval_seconds =
            params->interval_seconds - (int64_t)(clock_boottime_usec() % spread_usec / USEC_PER_SEC),
        .answered_at = INSTANT_NONE,
        .failing_since = INSTANT_NONE,
        .modified_at = INSTANT_NONE,
        .changed_at = INSTANT_NONE,
        .changes_at = INSTANT_NEVER,
    };
    load_kept(d, warnings);
    int64_t pause = first_pause(d, params->asked, clock_now());
    d->source.awaited = pause == 0;
    int r = sd_event_add_time_relative(event, &d->timer, CLOCK_BOOTTIME, (uint64_t)pause * USEC_PER_SEC,
                                       TIMER_ACCURACY_USEC, on_timer, d);
    if (r < 0)
        return r;
    *ret = TAKE(d);
    return 0;
}
