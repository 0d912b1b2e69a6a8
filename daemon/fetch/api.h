#pragma once

/* One question to the RDS API or to STS, signed, page by page, again where that may help. */

#include "http/http.h"
#include "model/discovery.h"
#include "rds/api.h"

#define API_SECONDS         15  /* for one page */
#define API_TRIES           5   /* of one page; the pauses between them double */
#define API_RETRY_AFTER_MAX 30  /* seconds: a round is not held up longer by what one answer asks for */
#define API_PAGE_SIZE       100 /* MaxRecords, the most there is */
#define API_PAGES_MAX       1000

/*
 * What the answers of one question may take, and all that are held: those of every source whose round is
 * running. A hostile API gives pages for ever. 10,000 instances with 10 tags each take some 25 MB.
 */
#define API_LIST_BYTES_MAX (48 * 1024 * 1024)
#define API_HELD_BYTES_MAX (80 * 1024 * 1024)
#define API_LIST_MAX       20000 /* records of all pages: twice the endpoints that dbcertd watches */

typedef enum ApiResult {
    API_ANSWERED,
    API_EXPIRED, /* the credentials are: other ones will do */
    API_REFUSED, /* who asks may not ask that */
    API_UNFIT,   /* nor anybody: the question is no good */
    API_FAILED,  /* there was no answer that could be read */
} ApiResult;

typedef struct ApiQuestion {
    ApiAction action;
    const char *url;       /* borrowed until the end, like all of it */
    const char *region;    /* that it is signed for */
    const char *arguments; /* further ones: "Engine=postgres&IncludeAll=true"; NULL: none */
    const Credentials *credentials;
    uint64_t until_usec; /* boot time: after that no further page is asked for */
} ApiQuestion;

typedef struct ApiCall ApiCall;

/*
 * Where a region does not know the action, the answer has no records. The records of all pages are appended; on
 * any other result but API_ANSWERED they are an incomplete part. The error is a sentence without secrets,
 * borrowed; NULL if it was answered. The call is over with that, and was never answered from within api_ask().
 * Negative errno if it could not begin.
 */
int api_ask(ApiCall **ret, sd_event *event, Http *http, const ApiQuestion *question, ApiRecords *records,
            void (*answered)(ApiResult result, const char *error, void *userdata), void *userdata);

/* NULL is fine. */
void api_cancel(ApiCall *call);
