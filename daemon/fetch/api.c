#include "fetch/api.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/random.h"
#include "http/pause.h"

#define FIRST_PAUSE_USEC    (500 * USEC_PER_MSEC)
#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)
#define MESSAGE_SAID_MAX    300

struct ApiCall {
    sd_event *event;
    Http *http;
    HttpExchange *exchange; /* NULL: it is between two */
    sd_event_source *pause; /* until the next try */
    ApiQuestion question;
    ApiRecords *records;
    char **
        markers; /* that there were, the last of them for the next page: one that comes again would never end */
    unsigned n_tries; /* of this page that failed */
    void (*answered)(ApiResult result, const char *error, void *userdata);
    void *userdata;
};

void api_cancel(ApiCall *call)
{
    if (!call)
        return;
    http_cancel(call->exchange);
    sd_event_source_disable_unref(call->pause);
    sd_event_unref(call->event);
    strv_free(call->markers);
    free(call);
}

static void finish(ApiCall *call, ApiResult result, const char *error)
{
    void (*answered)(ApiResult, const char *, void *) = call->answered;
    void *userdata = call->userdata;
    api_cancel(call);
    answered(result, error, userdata);
}

/* "DescribeDBInstances: ..." */
_printf_(3, 4) static void fail(ApiCall *call, ApiResult result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *why = xvasprintf(format, args);
    va_end(args);
    _cleanup_free_ char *error =
        text_escape_take(xasprintf("%s: %s", api_action_to_string(call->question.action), why));
    finish(call, result, error);
}

static int ask(ApiCall *call);

static void ask_on(ApiCall *call)
{
    int r = ask(call);
    if (r < 0)
        fail(call, API_FAILED, "cannot ask: %s", strerror(-r));
}

static int on_pause_over(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    ApiCall *call = userdata;
    call->pause = sd_event_source_disable_unref(call->pause);
    ask_on(call);
    return 0;
}

/* Between half of a doubling pause and all of it: many bastions do not come again in step. */
static void try_again(ApiCall *call, const char *why, int64_t retry_after_seconds)
{
    uint64_t longest = FIRST_PAUSE_USEC << call->n_tries;
    uint64_t pause = longest / 2 + random_below(longest / 2);
    uint64_t asked = pause_spread_usec(pause_asked(0, API_RETRY_AFTER_MAX, retry_after_seconds));
    pause = MAX(asked, pause);
    if (++call->n_tries >= API_TRIES ||
        sd_event_add_time_relative(call->event, &call->pause, CLOCK_BOOTTIME, pause, TIMER_ACCURACY_USEC,
                                   on_pause_over, call) < 0)
        fail(call, API_FAILED, "%s, %u times in a row", why, call->n_tries);
}

typedef enum Advice {
    ADVICE_AGAIN,
    ADVICE_OTHER_CREDENTIALS,
    ADVICE_WITHOUT,
    ADVICE_NOTHING_THERE,
    ADVICE_NONE,
} Advice;

/* "Common errors" of the RDS API reference, of STS's, and what other services call the same. */
static const struct {
    const char *code;
    Advice advice;
} errors[] = {
    { "Throttling", ADVICE_AGAIN },
    { "ThrottlingException", ADVICE_AGAIN },
    { "ThrottledException", ADVICE_AGAIN },
    { "RequestThrottled", ADVICE_AGAIN },
    { "RequestLimitExceeded", ADVICE_AGAIN },
    { "TooManyRequestsException", ADVICE_AGAIN },
    { "SlowDown", ADVICE_AGAIN },
    { "RequestTimeout", ADVICE_AGAIN },
    { "IDPCommunicationError", ADVICE_AGAIN },
    { "ExpiredToken", ADVICE_OTHER_CREDENTIALS },
    { "ExpiredTokenException", ADVICE_OTHER_CREDENTIALS },
    { "AccessDenied", ADVICE_WITHOUT },
    { "AccessDeniedException", ADVICE_WITHOUT },
    { "UnauthorizedOperation", ADVICE_WITHOUT },
    { "InvalidAction", ADVICE_NOTHING_THERE }, /* a region without proxies, say */
};

static Advice advice_on(unsigned status, const char *code)
{
    for (size_t i = 0; code && i < ARRAY_SIZE(errors); i++)
        if (strcmp(errors[i].code, code) == 0)
            return errors[i].advice;
    return status >= 500 || status == 429 ? ADVICE_AGAIN : ADVICE_NONE;
}

/*
 * Where a signature does not match, the answer quotes what should have been signed, and the session token is
 * part of that: so the first line alone, and never with the token in it. The caller's.
 */
static char *words_of(const ApiCall *call, unsigned status, const char *code, const char *message)
{
    const char *token = call->question.credentials->session_token;
    size_t length = message ? strcspn(message, "\r\n") : 0;
    if (!code)
        return xasprintf("HTTP status %u", status);
    _cleanup_free_ char *line = xstrndup(message ? message : "", MIN(length, MESSAGE_SAID_MAX));
    if (!*line || (token && strstr(line, token)))
        return xstrdup(code);
    return xasprintf("%s: %s", code, line);
}

static void take_error(ApiCall *call, const HttpAnswer *answer)
{
    _cleanup_free_ char *code = NULL, *message = NULL;
    (void)api_parse_error(answer->body, answer->size, &code, &message);
    _cleanup_free_ char *words = words_of(call, answer->status, code, message);
    switch (advice_on(answer->status, code)) {
    case ADVICE_AGAIN:
        try_again(call, words, answer->retry_after_seconds);
        break;
    case ADVICE_OTHER_CREDENTIALS:
        fail(call, API_EXPIRED, "%s", words);
        break;
    case ADVICE_WITHOUT:
        fail(call, API_REFUSED, "%s", words);
        break;
    case ADVICE_NOTHING_THERE:
        finish(call, API_ANSWERED, NULL);
        break;
    case ADVICE_NONE:
        fail(call, API_UNFIT, "%s", words);
        break;
    }
}

/* Takes the marker. */
static void go_on(ApiCall *call, char *marker)
{
    bool again = strv_contains(call->markers, marker);
    strv_append(&call->markers, marker);
    call->n_tries = 0;
    if (again)
        fail(call, API_FAILED, "a page's Marker is one that there was before, so the pages would never end");
    else if (strv_length(call->markers) >= API_PAGES_MAX)
        fail(call, API_FAILED, "there are more than %d pages", API_PAGES_MAX);
    else if (clock_boottime_usec() > call->question.until_usec)
        fail(call, API_FAILED, "there are more pages than could be fetched in time");
    else
        ask_on(call);
}

/* Why no more pages are asked for; NULL if nothing is against it. The caller's. */
static char *excess_of(const ApiRecords *records)
{
    if (records->n > API_LIST_MAX)
        return xasprintf("there are more than %d records", API_LIST_MAX);
    if (records->bytes > API_LIST_BYTES_MAX)
        return xasprintf("its records take more than %d MB", API_LIST_BYTES_MAX / 1024 / 1024);
    if (api_bytes_held() > API_HELD_BYTES_MAX)
        return xasprintf("the answers of all sources together take more than %d MB",
                         API_HELD_BYTES_MAX / 1024 / 1024);
    return NULL;
}

static void take_page(ApiCall *call, const HttpAnswer *answer)
{
    _cleanup_free_ char *why = NULL, *words = NULL, *excess = NULL;
    char *marker = NULL;
    if (api_parse(call->question.action, answer->body, answer->size, call->records, &marker, &why) < 0) {
        words = xasprintf("the answer cannot be read: %s", why ? why : "out of memory");
        try_again(call, words, 0); /* it may have been cut off on its way */
    } else if ((excess = excess_of(call->records))) {
        free(marker);
        fail(call, API_FAILED, "%s", excess);
    } else if (marker)
        go_on(call, marker);
    else
        finish(call, API_ANSWERED, NULL);
}

static void on_answer(const HttpAnswer *answer, void *userdata)
{
    ApiCall *call = userdata;
    call->exchange = NULL;
    if (answer->error)
        try_again(call, answer->error, 0);
    else if (answer->status != 200)
        take_error(call, answer);
    else
        take_page(call, answer);
}

static char *form_of(const ApiCall *call)
{
    const ApiQuestion *q = &call->question;
    Buffer form = { 0 };
    bool sts = q->action == API_ASSUME_ROLE;
    buffer_printf(&form, "Action=%s&Version=%s", api_action_to_string(q->action),
                  sts ? "2011-06-15" : "2014-10-31");
    if (!sts)
        buffer_printf(&form, "&MaxRecords=%d", API_PAGE_SIZE);
    if (q->arguments)
        buffer_printf(&form, "&%s", q->arguments);
    if (call->markers) {
        _cleanup_free_ char *marker = http_escape(call->markers[strv_length(call->markers) - 1]);
        buffer_printf(&form, "&Marker=%s", marker);
    }
    return buffer_take_text(&form);
}

static int ask(ApiCall *call)
{
    const ApiQuestion *q = &call->question;
    _cleanup_free_ char *form = form_of(call);
    const HttpSignature signature = {
        .region = q->region,
        .service = q->action == API_ASSUME_ROLE ? "sts" : "rds",
        .access_key_id = q->credentials->access_key_id,
        .secret_access_key = q->credentials->secret_access_key,
        .session_token = q->credentials->session_token,
    };
    const HttpRequest request = {
        .url = q->url,
        .plain_allowed = strncmp(q->url, "http://", 7) == 0, /* this host's own, the configuration sees to it */
        .form = form,
        .signature = &signature,
        .bytes_max = API_ANSWER_BYTES_MAX,
        .seconds_max = API_SECONDS,
    };
    return http_ask(&call->exchange, call->http, &request, on_answer, call);
}

int api_ask(ApiCall **ret, sd_event *event, Http *http, const ApiQuestion *question, ApiRecords *records,
            void (*answered)(ApiResult result, const char *error, void *userdata), void *userdata)
{
    ApiCall *call = xcalloc(1, sizeof *call);
    *call = (ApiCall) {
        .event = sd_event_ref(event),
        .http = http,
        .question = *question,
        .records = records,
        .answered = answered,
        .userdata = userdata,
    };
    int r = ask(call);
    if (r < 0) {
        api_cancel(call);
        return r;
    }
    *ret = call;
    return 0;
}
