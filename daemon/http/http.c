#include "http/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/escape.h"
#include "base/instant.h"
#include "base/url.h"
#include "model/reach.h"

#define TIMER_ACCURACY_USEC USEC_PER_MSEC
#define HEADER_BYTES_MAX    512 /* of an ETag */

struct Http {
    sd_event *event;
    sd_event_source *timer;
    CURLM *multi;
};

struct HttpExchange {
    Http *http;
    CURL *curl;
    struct curl_slist *headers;
    char *form; /* NULL: none */
    char error[CURL_ERROR_SIZE];
    char **used;   /* "127.0.0.1 8443": the servers and proxies to which the request's own URL led */
    char *refused; /* where a redirect would have led */
    Buffer body;
    size_t bytes_max;
    char *etag, *last_modified;
    void (*answered)(const HttpAnswer *answer, void *userdata);
    void *userdata;
};

static void exchange_free(HttpExchange *exchange)
{
    if (exchange->curl)
        curl_easy_cleanup(exchange->curl);
    curl_slist_free_all(exchange->headers);
    free(exchange->form);
    buffer_wipe(&exchange->body);
    strv_free(exchange->used);
    free(exchange->refused);
    free(exchange->etag);
    free(exchange->last_modified);
    free(exchange);
}

void http_cancel(HttpExchange *exchange)
{
    if (!exchange)
        return;
    (void)curl_multi_remove_handle(exchange->http->multi, exchange->curl);
    exchange_free(exchange);
}

/* libcurl quotes a proxy that it cannot parse, with its password, and hosts that may be the rest of one. */
static char *reason(const HttpExchange *exchange, CURLcode code)
{
    if (exchange->refused)
        return xasprintf("the server redirects to %s, and dbcertd does not follow it there", exchange->refused);
    switch (code) {
    case CURLE_WRITE_ERROR: /* on_body() said so */
        return xasprintf("the answer has more than %zu bytes", exchange->bytes_max);
    case CURLE_UNSUPPORTED_PROTOCOL:
        return xstrdup("only https:// is allowed, also behind a redirect");
    case CURLE_COULDNT_RESOLVE_PROXY:
        return xstrdup("the proxy that the environment names is malformed, or has no address");
    case CURLE_URL_MALFORMAT:
        return xstrdup(curl_easy_strerror(code));
    default: {
        char *text = xstrdup(exchange->error[0] ? exchange->error : curl_easy_strerror(code));
        url_redact_within(text);
        return text;
    }
    }
}

static void finish(HttpExchange *exchange, CURLcode code)
{
    _cleanup_free_ char *error = code == CURLE_OK ? NULL : text_escape_take(reason(exchange, code));
    long status = 0;
    curl_off_t retry_after = 0;
    HttpAnswer answer = {
        .error = error,
        .body = exchange->body.data ? exchange->body.data : (const uint8_t *)"",
        .size = exchange->body.size,
        .etag = exchange->etag,
        .last_modified = exchange->last_modified,
    };
    if (curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
        answer.status = (unsigned)status;
    if ((status == 429 || status == 503) &&
        curl_easy_getinfo(exchange->curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0)
        answer.retry_after_seconds = retry_after;
    (void)curl_multi_remove_handle(exchange->http->multi, exchange->curl);
    exchange->answered(&answer, exchange->userdata);
    exchange_free(exchange);
}

/* Whoever is answered may ask again or cancel another exchange: each look at the list is a new one. */
static void finish_all(Http *http)
{
    int n_left;
    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &n_left));) {
        HttpExchange *exchange = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange) == CURLE_OK && exchange)
            finish(exchange, code);
    }
}

static int on_io(sd_event_source *source _unused_, int fd, uint32_t events, void *userdata)
{
    Http *http = userdata;
    int flags = 0, n_running;
    if (events & (EPOLLIN | EPOLLHUP))
        flags |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        flags |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        flags |= CURL_CSELECT_ERR;
    (void)curl_multi_socket_action(http->multi, fd, flags, &n_running);
    finish_all(http);
    return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Http *http = userdata;
    int n_running;
    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    finish_all(http);
    return 0;
}

/* libcurl says what it waits for; the source is its own word for the socket. */
static int on_socket(CURL *curl _unused_, curl_socket_t fd, int what, void *userdata, void *socket)
{
    Http *http = userdata;
    sd_event_source *source = socket;
    if (what == CURL_POLL_REMOVE) {
        sd_event_source_disable_unref(source);
        return curl_multi_assign(http->multi, fd, NULL) == CURLM_OK ? 0 : -1;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (source)
        return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
    if (sd_event_add_io(http->event, &source, fd, events, on_io, http) < 0)
        return -1;
    return curl_multi_assign(http->multi, fd, source) == CURLM_OK ? 0 : -1;
}

static int on_timeout_changed(CURLM *multi _unused_, long msec, void *userdata)
{
    Http *http = userdata;
    if (msec < 0)
        return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
    int r = sd_event_source_set_time_relative(http->timer, (uint64_t)msec * USEC_PER_MSEC);
    if (r >= 0)
        r = sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT);
    return r < 0 ? -1 : 0;
}

/* libcurl keeps keys and tokens on the heap as well, and does not wipe them. */
static CURLcode start_curl(void)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, wiping_free, wiping_realloc, xstrdup, xcalloc);
}

int http_new(Http **ret, sd_event *event)
{
    _cleanup_(http_freep) Http *http = xcalloc(1, sizeof *http);
    http->event = sd_event_ref(event);
    int r = sd_event_add_time(event, &http->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_timer, http);
    if (r >= 0)
        r = sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
    if (r < 0)
        return r;
    if (start_curl() != CURLE_OK || !(http->multi = curl_multi_init()) ||
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) != CURLM_OK ||
        curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout_changed) != CURLM_OK ||
        curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) != CURLM_OK)
        return -ENOMEM;
    *ret = TAKE(http);
    return 0;
}

void http_free(Http *http)
{
    if (!http)
        return;
    if (http->multi) {
        (void)curl_multi_cleanup(http->multi);
        curl_global_cleanup();
    }
    sd_event_source_disable_unref(http->timer);
    sd_event_unref(http->event);
    free(http);
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
    HttpExchange *exchange = userdata;
    if (size * n > exchange->bytes_max - exchange->body.size)
        return 0;
    buffer_append(&exchange->body, data, size * n);
    return size * n;
}

static char *value_of(const char *line, size_t length, const char *name)
{
    size_t skip = strlen(name);
    if (length <= skip || length > HEADER_BYTES_MAX || strncasecmp(line, name, skip) != 0)
        return NULL;
    while (length > skip && strchr("\r\n ", line[length - 1]))
        length--;
    while (skip < length && line[skip] == ' ')
        skip++;
    for (size_t i = skip; i < length; i++)
        if ((unsigned char)line[i] < ' ' || (unsigned char)line[i] >= 0x7f)
            return NULL; /* it is sent back one day */
    return xstrndup(line + skip, length - skip);
}

static void keep(char **field, char *value)
{
    if (!value)
        return;
    free(*field);
    *field = value;
}

/* With redirects there are several heads; what counts is the last one's. */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
    HttpExchange *exchange = userdata;
    if (size * n >= 5 && strncmp(line, "HTTP/", 5) == 0) {
        free(TAKE(exchange->etag));
        free(TAKE(exchange->last_modified));
        exchange->body.size = 0;
    }
    keep(&exchange->etag, value_of(line, size * n, "etag:"));
    keep(&exchange->last_modified, value_of(line, size * n, "last-modified:"));
    return size * n;
}

static bool add_header(HttpExchange *exchange, const char *header)
{
    struct curl_slist *longer = curl_slist_append(exchange->headers, header);
    exchange->headers = longer ? longer : exchange->headers;
    return longer != NULL;
}

static bool set_signature(HttpExchange *exchange, const HttpSignature *s)
{
    CURL *curl = exchange->curl;
    _cleanup_free_ char *scope = xasprintf("aws:amz:%s:%s", s->region, s->service);
    bool ok = true;
    if (s->session_token) {
        char *token = xconcat("X-Amz-Security-Token: ", s->session_token);
        ok = add_header(exchange, token);
        wiping_free(token);
    }
    return ok && curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK && /* it keeps the keys as long */
           curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, scope) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERNAME, s->access_key_id) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PASSWORD, s->secret_access_key) == CURLE_OK;
}

#define BEARER "Bearer "

bool http_credential_fits(const char *credential)
{
    for (const unsigned char *c = (const unsigned char *)credential; *c; c++)
        if (*c < ' ' || *c == 0x7f)
            return false;
    if (strncmp(credential, BEARER, strlen(BEARER)) != 0)
        return strchr(credential, ':') != NULL;
    const char *token = credential + strlen(BEARER);
    return *token && !strchr(token, ' ');
}

/* libcurl sends either to the first host alone (CURLOPT_UNRESTRICTED_AUTH is off). */
static bool set_credential(CURL *curl, const char *credential)
{
    if (strncmp(credential, BEARER, strlen(BEARER)) == 0)
        return curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, credential + strlen(BEARER)) == CURLE_OK;
    return curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERPWD, credential) == CURLE_OK;
}

static bool has_been_redirected(CURL *curl)
{
    long n = 0;
    return curl_easy_getinfo(curl, CURLINFO_REDIRECT_COUNT, &n) == CURLE_OK && n > 0;
}

/* A proxy may be on this host; who is asked may not lead to another service of it. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose _unused_, struct curl_sockaddr *to)
{
    HttpExchange *exchange = userdata;
    Address address;
    if (to->family == AF_INET || to->family == AF_INET6) {
        address_from_sockaddr(&to->addr, 0, &address);
        const struct sockaddr_in *in = (const struct sockaddr_in *)&to->addr; /* the port is there in both */
        _cleanup_free_ char *where = xasprintf("%s %u", address.text, (unsigned)ntohs(in->sin_port));
        if (!has_been_redirected(exchange->curl))
            strv_append(&exchange->used, TAKE(where));
        else if (address_special(&address) && !strv_contains(exchange->used, where)) {
            text_set(&exchange->refused, xasprintf("%s, %s", address.text, address_special(&address)));
            return CURL_SOCKET_BAD;
        }
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* How it is asked; what is handed over and when it ends is in set_options(). */
static bool set_question(HttpExchange *exchange, const HttpRequest *request)
{
    CURL *curl = exchange->curl;
    bool ok = true;
    for (char *const *header = request->headers; header && *header; header++)
        ok = ok && add_header(exchange, *header);
    if (request->signature)
        ok = ok && set_signature(exchange, request->signature);
    if (request->credential)
        ok = ok && set_credential(curl, request->credential);
    if (request->form)
        ok = ok && curl_easy_setopt(curl, CURLOPT_POSTFIELDS, exchange->form) == CURLE_OK; /* stays ours */
    if (request->method)
        ok = ok && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    if (request->direct)
        ok = ok && curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
    long follows = !request->direct && !request->signature;
    return ok && curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, follows) == CURLE_OK;
}

static bool set_options(HttpExchange *exchange, const HttpRequest *request)
{
    CURL *curl = exchange->curl;
    const char *protocols = request->plain_allowed ? "https,http" : "https";
    return curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
               CURLE_OK && /* RFC 8996 */
           curl_easy_setopt(curl, CURLOPT_MAXREDIRS, HTTP_REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)request->seconds_max) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, HTTP_STALL_SECONDS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L) ==
               CURLE_OK && /* else it waits for its resolver's thread, as long as name servers are silent */
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "dbcertd/" DBCERTD_VERSION) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->error) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PRIVATE, exchange) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, exchange) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange) == CURLE_OK;
}

char *http_escape(const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0), *copy = xstrdup(escaped ? escaped : "");
    curl_free(escaped);
    return copy;
}

int http_ask(HttpExchange **ret, Http *http, const HttpRequest *request,
             void (*answered)(const HttpAnswer *answer, void *userdata), void *userdata)
{
    HttpExchange *exchange = xcalloc(1, sizeof *exchange);
    *exchange = (HttpExchange) {
        .http = http,
        .curl = curl_easy_init(),
        .form = xstrdup(request->form),
        .bytes_max = request->bytes_max,
        .answered = answered,
        .userdata = userdata,
    };
    bool ok = exchange->curl && set_question(exchange, request) && set_options(exchange, request) &&
              curl_multi_add_handle(http->multi, exchange->curl) == CURLM_OK;
    if (!ok) {
        exchange_free(exchange);
        return -ENOMEM;
    }
    *ret = exchange;
    return 0;
}
