#include "http/exchange.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/instant.h"
#include "base/url.h"
#include "model/reach.h"

#define HEADER_BYTES_MAX 512 /* of an ETag */

void exchange_free(HttpExchange *exchange)
{
    if (!exchange)
        return;
    if (exchange->curl)
        curl_easy_cleanup(exchange->curl);
    curl_slist_free_all(exchange->headers);
    free(exchange->form);
    buffer_wipe(&exchange->body);
    strv_free(exchange->used);
    free(exchange->refused);
    free(exchange->etag);
    free(exchange->last_modified);
    free(exchange->failure);
    free(exchange);
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

/* Of the last answer, if redirects led to it. What is not printable is left out: it is sent back one day. */
static char *header_value(CURL *curl, const char *name)
{
    struct curl_header *header;
    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    for (const char *p = header->value; *p; p++)
        if (*p < ' ' || *p >= 0x7f || p - header->value >= HEADER_BYTES_MAX)
            return NULL;
    return xstrdup(header->value);
}

void exchange_finish(HttpExchange *exchange, CURLcode code)
{
    long status = 0;
    curl_off_t retry_after = 0;
    exchange->failure = code == CURLE_OK ? NULL : text_escape_take(reason(exchange, code));
    exchange->etag = header_value(exchange->curl, "ETag");
    exchange->last_modified = header_value(exchange->curl, "Last-Modified");
    exchange->answer = (HttpAnswer) {
        .error = exchange->failure,
        .body = exchange->body.data ? exchange->body.data : (const uint8_t *)"",
        .size = exchange->body.size,
        .etag = exchange->etag,
        .last_modified = exchange->last_modified,
    };
    if (curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
        exchange->answer.status = (unsigned)status;
    if ((status == 429 || status == 503) &&
        curl_easy_getinfo(exchange->curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0)
        exchange->answer.retry_after_seconds = retry_after;
    curl_easy_cleanup(TAKE(exchange->curl));
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
    HttpExchange *exchange = userdata;
    if (size * n > exchange->bytes_max - exchange->body.size)
        return 0;
    buffer_append(&exchange->body, data, size * n);
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
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) == CURLE_OK;
}

int64_t http_date(const char *text)
{
    time_t at = text ? curl_getdate(text, NULL) : -1;
    return at < 0 ? INSTANT_NONE : at;
}

char *http_escape(const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0), *copy = xstrdup(escaped ? escaped : "");
    curl_free(escaped);
    return copy;
}

HttpExchange *exchange_new(const HttpRequest *request)
{
    _cleanup_(exchange_freep) HttpExchange *exchange = xcalloc(1, sizeof *exchange);
    exchange->curl = curl_easy_init();
    exchange->form = xstrdup(request->form);
    exchange->bytes_max = request->bytes_max;
    return exchange->curl && set_question(exchange, request) && set_options(exchange, request) ? TAKE(exchange)
                                                                                               : NULL;
}
