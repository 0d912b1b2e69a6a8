#pragma once

/* HTTP by libcurl on a thread of its own: asks, and hands over the answer on the loop. What it means is for who
 * asked. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

#define HTTP_REDIRECTS_MAX 5L
#define HTTP_STALL_SECONDS 20L /* without a byte */

typedef struct Http Http;

int http_new(Http **ret, sd_event *event);

/* Its exchanges have to be over or cancelled. A thread that does not end in time is abandoned (base/thread.h).
 */
void http_free(Http *http);
CLEANUP_OF(Http, http_free);

/*
 * AWS Signature Version 4, by libcurl. Up to 7.88 it is right for POST forms to a URL without a query; a handle
 * that has signed once goes on signing, so each exchange has one of its own.
 */
typedef struct HttpSignature {
    const char *region, *service; /* "us-east-1", "rds" */
    const char *access_key_id, *secret_access_key;
    const char *session_token; /* a header that is signed, too; NULL: none */
} HttpSignature;

typedef struct HttpRequest {
    const char *url;
    const char *method;     /* NULL: GET, or POST if there is a form */
    bool plain_allowed;     /* http:// too, also behind a redirect; else https:// alone */
    bool direct;            /* no proxy, and no redirect: it is for a server of this very host or network */
    char *const *headers;   /* "If-None-Match: ..."; NULL: none */
    const char *form;       /* application/x-www-form-urlencoded; NULL: no body */
    const char *credential; /* http_credential_fits() it; never sent to another host; NULL: none */
    const HttpSignature *signature; /* NULL: it is not signed; a redirect of what is signed is not followed */
    size_t bytes_max;               /* of the answer's body */
    int64_t seconds_max;            /* for all of it; required */
} HttpRequest;

/* Whether it is "user:password" (RFC 7617) or "Bearer TOKEN" (RFC 6750), in one line. */
bool http_credential_fits(const char *credential);

/* A date of a header (RFC 9110, 5.6.7), in seconds since the epoch; INSTANT_NONE: it is none, or NULL. */
int64_t http_date(const char *text);

/* "a%20b": as a form's value is written (RFC 3986's unreserved characters stay). The caller's. */
char *http_escape(const char *value);

/* Borrowed until the callback returns. */
typedef struct HttpAnswer {
    const char *error; /* why there is none; NULL: there is, whatever its status */
    unsigned status;
    const uint8_t *body;
    size_t size;
    const char *etag, *last_modified; /* NULL: it has none */
    int64_t retry_after_seconds;      /* Retry-After of a 429 or 503; 0: it has none */
} HttpAnswer;

typedef struct HttpExchange HttpExchange;

/*
 * Asks, through the proxy that the environment names (https_proxy, no_proxy) if it does. The answer comes from
 * the loop, once, and never from within this call; then the exchange is over. What was sent and received is
 * wiped afterwards, since there may be secrets in it. No error quotes a user, a password or a query, of a proxy
 * neither. A server that redirects to an address of model/reach.h is not followed there, unless it was asked at
 * that address itself. Negative errno if it could not begin.
 */
int http_ask(HttpExchange **ret, Http *http, const HttpRequest *request,
             void (*answered)(const HttpAnswer *answer, void *userdata), void *userdata);

/* Gives up one that is not over: there will be no answer. NULL is fine. */
void http_cancel(HttpExchange *exchange);
