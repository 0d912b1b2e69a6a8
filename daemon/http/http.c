/*
 * libcurl has a thread of its own, since it may compute, look up or read for long, and a peer has a say in it:
 * GnuTLS computes with a server's key, whatever its size, and libcurl has no hook to look at it before.
 *
 * The loop puts an exchange into `asked`. The thread takes it from there, drives it, and puts it into
 * `finished`, from where the loop takes it and hands over the answer. One that is cancelled is the loop's to
 * free if it is in either; else the thread has it, and finds it in `cancelled`.
 */
#include "http/http.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/thread.h"
#include "http/exchange.h"

#define POLL_MSEC              3600000 /* libcurl's own timers and curl_multi_wakeup() end it sooner */
#define POLL_FAILED_USEC       (100 * USEC_PER_MSEC) /* before the next try */
#define GRACE_USEC             (2 * USEC_PER_SEC)    /* libcurl's own time limit comes first, and says more */
#define DEADLINE_ACCURACY_USEC (100 * USEC_PER_MSEC)

struct Http {
    sd_event *event;
    int fd; /* an eventfd that counts the exchanges in `finished` */
    sd_event_source *source;
    pthread_t thread;
    CURLM *multi; /* the thread's; the loop wakes it by it */

    /* All below is shared, and looked at under the lock alone. */
    pthread_mutex_t lock;
    Queue asked, cancelled, finished;
    bool ending;
};

/* Under the lock. */
static void wake(Http *http)
{
    if (curl_multi_wakeup(http->multi) != CURLM_OK)
        abort(); /* http_new() has tried it */
}

static void finish(Http *http, HttpExchange *exchange, CURLcode code)
{
    exchange_finish(exchange, code);
    thread_lock(&http->lock);
    if (!exchange->cancelled) {
        queue_put(&http->finished, &exchange->link);
        if (eventfd_write(http->fd, 1) < 0)
            abort(); /* as many as it can count are not there */
    }
    thread_unlock(&http->lock);
}

/* Takes what the loop has put into its queues. False: it is to end. */
static bool take_orders(Http *http)
{
    for (;;) {
        thread_lock(&http->lock);
        HttpExchange *cancelled = queue_take(&http->cancelled);
        HttpExchange *asked = cancelled || http->ending ? NULL : queue_take(&http->asked);
        bool ending = http->ending;
        thread_unlock(&http->lock);
        if (cancelled) {
            if (cancelled->curl)
                (void)curl_multi_remove_handle(http->multi, cancelled->curl);
            exchange_free(cancelled);
        } else if (asked) {
            if (curl_multi_add_handle(http->multi, asked->curl) != CURLM_OK)
                finish(http, asked, CURLE_FAILED_INIT);
        } else
            return !ending;
    }
}

static void finish_all(Http *http)
{
    int n_left;
    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &n_left));) {
        HttpExchange *exchange = NULL;
        CURLcode code = message->data.result; /* the message is gone with the handle */
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange) != CURLE_OK)
            continue;
        (void)curl_multi_remove_handle(http->multi, exchange->curl);
        finish(http, exchange, code);
    }
}

/* The thread. */
static void *work(void *userdata)
{
    Http *http = userdata;
    int n_running;
    while (take_orders(http)) {
        (void)curl_multi_perform(http->multi, &n_running); /* what fails is in the messages */
        finish_all(http);
        if (curl_multi_poll(http->multi, NULL, 0, POLL_MSEC, NULL) != CURLM_OK)
            (void)usleep(POLL_FAILED_USEC);
    }
    return NULL;
}

/* On the loop, as all below. */
void http_cancel(HttpExchange *exchange)
{
    if (!exchange)
        return;
    Http *http = exchange->http;
    sd_event_source_disable_unref(TAKE(exchange->deadline));
    thread_lock(&http->lock);
    bool is_ours =
        queue_remove(&http->asked, &exchange->link) || queue_remove(&http->finished, &exchange->link);
    if (!is_ours) {
        exchange->cancelled = true;
        queue_put(&http->cancelled, &exchange->link);
        wake(http);
    }
    thread_unlock(&http->lock);
    if (is_ours)
        exchange_free(exchange);
}

/* One answer. There is none if it was cancelled in the meantime. */
static int on_finished(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *userdata)
{
    Http *http = userdata;
    eventfd_t one;
    if (eventfd_read(fd, &one) < 0)
        return 0;
    thread_lock(&http->lock);
    HttpExchange *exchange = queue_take(&http->finished);
    thread_unlock(&http->lock);
    if (!exchange)
        return 0;
    exchange->answered(&exchange->answer, exchange->userdata);
    sd_event_source_disable_unref(TAKE(exchange->deadline));
    exchange_free(exchange);
    return 0;
}

/* The thread is busy, with this one or another: libcurl has not looked at its own time limit. */
static int on_deadline(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    HttpExchange *exchange = userdata;
    void (*answered)(const HttpAnswer *, void *) = exchange->answered;
    void *asker = exchange->userdata;
    http_cancel(exchange);
    const HttpAnswer answer = {
        .error = "no answer in time: the TLS handshake, or one with another server, takes too long",
        .body = (const uint8_t *)"",
    };
    answered(&answer, asker);
    return 0;
}

int http_ask(HttpExchange **ret, Http *http, const HttpRequest *request,
             void (*answered)(const HttpAnswer *answer, void *userdata), void *userdata)
{
    HttpExchange *exchange = exchange_new(request);
    if (!exchange)
        return -ENOMEM;
    exchange->http = http;
    exchange->answered = answered;
    exchange->userdata = userdata;
    int r = sd_event_add_time_relative(http->event, &exchange->deadline, CLOCK_MONOTONIC,
                                       (uint64_t)request->seconds_max * USEC_PER_SEC + GRACE_USEC,
                                       DEADLINE_ACCURACY_USEC, on_deadline, exchange);
    if (r < 0) {
        exchange_free(exchange);
        return r;
    }
    thread_lock(&http->lock);
    queue_put(&http->asked, &exchange->link);
    wake(http);
    thread_unlock(&http->lock);
    *ret = exchange;
    return 0;
}

static void release(Http *http)
{
    if (http->multi) {
        (void)curl_multi_cleanup(http->multi);
        curl_global_cleanup();
    }
    sd_event_source_disable_unref(http->source);
    sd_event_unref(http->event);
    closep(&http->fd);
    (void)pthread_mutex_destroy(&http->lock); /* the thread has ended */
    free(http);
}

/* libcurl keeps keys and tokens on the heap as well, and does not wipe them. */
static CURLcode start_curl(void)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, wiping_free, wiping_realloc, xstrdup, xcalloc);
}

int http_new(Http **ret, sd_event *event)
{
    Http *http = xcalloc(1, sizeof *http);
    if (pthread_mutex_init(&http->lock, NULL) != 0)
        out_of_memory(); /* nothing else can be wrong */
    http->event = sd_event_ref(event);
    http->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    int r = http->fd < 0 ? -errno : 0;
    if (r >= 0)
        r = sd_event_add_io(event, &http->source, http->fd, EPOLLIN, on_finished, http);
    if (r >= 0 && (start_curl() != CURLE_OK || !(http->multi = curl_multi_init())))
        r = -ENOMEM;
    if (r >= 0 && curl_multi_wakeup(http->multi) != CURLM_OK)
        r = -EMFILE; /* it is a descriptor */
    if (r >= 0)
        r = thread_start(&http->thread, work, http);
    if (r < 0) {
        release(http);
        return r;
    }
    *ret = http;
    return 0;
}

void http_free(Http *http)
{
    if (!http)
        return;
    thread_lock(&http->lock);
    http->ending = true;
    wake(http);
    thread_unlock(&http->lock);
    if (thread_join(http->thread))
        release(http);
    else
        sd_event_source_disable_unref(http->source);
}
