#include "model/forecast.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static const char *const kinds[] = {
    [FORECAST_HALF_LIFE] = "half-life",
    [FORECAST_WINDOW] = "maintenance-window",
    [FORECAST_NOTICE] = "notice",
    [FORECAST_RENEWAL] = "renewal",
    [FORECAST_OVERDUE] = "overdue",
    [FORECAST_CRITICAL] = "critical",
    [FORECAST_CERTIFICATE] = "certificate-ends",
    [FORECAST_INTERMEDIATE] = "intermediate-ends",
    [FORECAST_ROOT] = "root-ends",
    [FORECAST_TRUST_STORE] = "trust-store-ends",
};
DEFINE_STRING_TABLE(forecast_kind, ForecastKind, kinds);

void forecast_append(Forecast *forecast, ForecastEvent event)
{
    forecast->items = xgrow(forecast->items, forecast->n, sizeof *forecast->items);
    forecast->items[forecast->n++] = event;
}

static int compare(const void *a, const void *b)
{
    const ForecastEvent *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    int r = strcmp(x->subject, y->subject);
    return r != 0 ? r : (int)x->kind - (int)y->kind;
}

void forecast_sort(Forecast *forecast)
{
    if (forecast->n > 0)
        qsort(forecast->items, forecast->n, sizeof *forecast->items, compare);
}

void forecast_deinit(Forecast *forecast)
{
    for (size_t i = 0; i < forecast->n; i++) {
        free(forecast->items[i].subject);
        free(forecast->items[i].address);
        free(forecast->items[i].id);
        free(forecast->items[i].text);
    }
    free(forecast->items);
    *forecast = (Forecast) { 0 };
}
