#pragma once

/*
 * One exchange on libcurl: how it is asked, and what is made of the answer. It is made on the loop; then it
 * belongs to http.c's thread until it is finished. None of the functions here looks at more than the exchange.
 */

#include <curl/curl.h>

#include "base/buffer.h"
#include "base/queue.h"
#include "http/http.h"

struct HttpExchange {
    Link link;

    /* Of http.c: for the loop alone, but for `cancelled`, which is shared under its lock. */
    Http *http;
    sd_event_source *deadline;
    void (*answered)(const HttpAnswer *answer, void *userdata);
    void *userdata;
    bool cancelled;

    CURL *curl; /* NULL: it is finished */
    struct curl_slist *headers;
    char *form; /* NULL: none */
    char error[CURL_ERROR_SIZE];
    char **used;   /* "127.0.0.1 8443": the servers and proxies to which the request's own URL led */
    char *refused; /* where a redirect would have led */
    Buffer body;
    size_t bytes_max;
    char *etag, *last_modified;
    char *failure;     /* NULL: there is an answer */
    HttpAnswer answer; /* as soon as it is finished */
};

/* NULL if libcurl does not take it. */
HttpExchange *exchange_new(const HttpRequest *request);

void exchange_free(HttpExchange *exchange);
CLEANUP_OF(HttpExchange, exchange_free);

/* Puts the answer together, and gives up libcurl's handle, which no multi handle may hold. */
void exchange_finish(HttpExchange *exchange, CURLcode code);
