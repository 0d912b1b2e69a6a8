#pragma once

/* HTTP by libcurl on the loop: asks, and hands over the answer. What it means is for who asked. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

#define HTTP_REDIRECTS_MAX 5L
#define HTTP_STALL_SECONDS 20L /* without a byte */

typedef struct Http Http;

int http_new(Http **ret, sd_event *event);
void http_free(Http *http); /* its exchanges have to be over or cancelled */
CLEANUP_OF(Http, http_free);

typedef struct HttpRequest {
    const char *url;
    bool plain_allowed;   /* http:// too, also behind a redirect; else https:// alone */
    char *const *headers; /* "If-None-Match: ..."; NULL: none */
    size_t bytes_max;     /* of the answer's body */
    int64_t seconds_max;  /* for all of it */
} HttpRequest;

/* Borrowed until the callback returns. */
typedef struct HttpAnswer {
    const char *error; /* why there is none; NULL: there is, whatever its status */
    unsigned status;
    const uint8_t *body;
    size_t size;
    const char *etag, *last_modified; /* NULL: it has none */
} HttpAnswer;

typedef struct HttpExchange HttpExchange;

/*
 * GETs a URL, through the proxy that the environment names (https_proxy, no_proxy) if it does. The answer comes
 * from the loop, once, and never from within this call; then the exchange is over. Negative errno if it could
 * not begin.
 */
int http_get(HttpExchange **ret, Http *http, const HttpRequest *request,
             void (*answered)(const HttpAnswer *answer, void *userdata), void *userdata);

/* Gives up one that is not over: there will be no answer. NULL is fine. */
void http_cancel(HttpExchange *exchange);
