#pragma once

/* What is to come, by the certificates as they are now. Pure. */

#include "report/snapshot.h"

typedef enum ForecastKind {
    FORECAST_HALF_LIFE,   /* class online: RDS rotates from here on */
    FORECAST_WINDOW,      /* and in this maintenance window */
    FORECAST_NOTICE,      /* class restart: RDS announces, somebody schedules */
    FORECAST_RENEWAL,     /* class acm: ACM renews from here on */
    FORECAST_OVERDUE,     /* if nothing has come by then */
    FORECAST_CRITICAL,    /* the same */
    FORECAST_CERTIFICATE, /* ends: the three clocks */
    FORECAST_INTERMEDIATE,
    FORECAST_ROOT,
    FORECAST_TRUST_STORE, /* its last certificate ends */
} ForecastKind;
DECLARE_STRING_TABLE(forecast_kind, ForecastKind);

typedef struct ForecastEvent {
    int64_t at;
    int64_t ends_at; /* of a window; else the same */
    ForecastKind kind;
    char *subject; /* an endpoint's name; a trust store's with FORECAST_TRUST_STORE */
    char *address; /* where an endpoint has several; NULL: it does not matter */
    char *id;      /* the same event has the same one tomorrow */
    char *text;
} ForecastEvent;

typedef struct Forecast {
    int64_t until;
    ForecastEvent *items; /* in order of time */
    size_t n;
} Forecast;

void forecast_append(Forecast *forecast, ForecastEvent event); /* takes what it holds */
void forecast_sort(Forecast *forecast);
void forecast_deinit(Forecast *forecast);

#define FORECAST_DAYS 365 /* if nobody says until when */

/*
 * What is to come after now and until then (INSTANT_NONE: FORECAST_DAYS), if everything stays as it is: of
 * every certificate that some endpoint serves, and of trust stores.
 */
void forecast_make(const Snapshot *snapshot, int64_t now, int64_t until, Forecast *ret);
