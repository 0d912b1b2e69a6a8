#include "report/forecast.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "rules/case.h"

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

/* One certificate of one endpoint. */
typedef struct Outlook {
    const Case *c;
    bool several; /* the endpoint has others, too */
    Forecast *forecast;
} Outlook;

_printf_(5, 6) static void add(const Outlook *o, ForecastKind kind, int64_t at, int64_t ends_at,
                               const char *format, ...)
{
    if (at == INSTANT_NONE || ends_at <= o->c->now || at > o->forecast->until)
        return;
    Buffer text = { 0 };
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *words = xvasprintf(format, args);
    va_end(args);
    buffer_printf(&text, "%s", words);
    forecast_append(o->forecast, (ForecastEvent) {
                                     .at = at,
                                     .ends_at = ends_at,
                                     .kind = kind,
                                     .subject = xstrdup(o->c->state->endpoint->name),
                                     .address = o->several ? xstrdup(o->c->address->address.text) : NULL,
                                     .id = xasprintf("%s-%s-%.16s", o->c->state->endpoint->name,
                                                     forecast_kind_to_string(kind), o->c->server->sha256),
                                     .text = text_printable(&text), /* there are names of CAs in it */
                                 });
}

static void foresee_rotation(const Outlook *o)
{
    static const ForecastKind beginnings[] = {
        [CLASS_ONLINE] = FORECAST_HALF_LIFE,
        [CLASS_RESTART] = FORECAST_NOTICE,
        [CLASS_ACM] = FORECAST_RENEWAL,
    };
    static const char *const words[] = {
        [CLASS_ONLINE] = "reaches its half-life: RDS rotates it in the next maintenance window",
        [CLASS_RESTART] = "is announced for replacement: a restart has to be scheduled",
        [CLASS_ACM] = "is renewed by AWS Certificate Manager from here on",
    };
    const Rotation *r = &o->c->rotation;
    const Window *window = &o->c->state->endpoint->maintenance_window;
    const char *serial = o->c->server->serial;
    if (r->due_at == INSTANT_NONE)
        return;
    add(o, beginnings[r->class], r->due_at, r->due_at, "certificate %s %s", serial, words[r->class]);
    if (r->class == CLASS_ONLINE && window->known) {
        int64_t due = window_end_after(window, r->due_at), next = window_next_end(window, o->c->now);
        int64_t end = MAX(due, next);
        add(o, FORECAST_WINDOW, end - window->length_seconds, end,
            "the maintenance window %s should bring a new certificate in place of %s", WINDOW_TEXT(window),
            serial);
    }
    add(o, FORECAST_OVERDUE, r->overdue_after, r->overdue_after,
        "certificate %s is overdue if it has not been rotated by then", serial);
    add(o, FORECAST_CRITICAL, r->critical_from, r->critical_from,
        "certificate %s is critical if it has not been rotated by then", serial);
}

static void foresee_ends(const Outlook *o)
{
    const Certificate *server = o->c->server;
    add(o, FORECAST_CERTIFICATE, server->not_after, server->not_after, "certificate %s ends", server->serial);
    for (size_t i = 0; i < o->c->path->n; i++) {
        const Certificate *ca = o->c->path->certificates[i];
        bool root = ca->role == ROLE_ROOT;
        add(o, root ? FORECAST_ROOT : FORECAST_INTERMEDIATE, ca->not_after, ca->not_after, "the %s \"%s\" ends",
            certificate_role_to_string(ca->role), certificate_label(ca));
    }
}

/* Addresses of one instance share a certificate: it is told of once. */
static bool is_told(const EndpointState *state, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        const Certificate *a = address_certificate(&state->addresses[i]),
                          *b = address_certificate(&state->addresses[j]);
        if (b && strcmp(a->sha256, b->sha256) == 0)
            return true;
    }
    return false;
}

static void foresee_endpoint(EndpointState *state, const Policy *policy, int64_t now, Forecast *forecast)
{
    for (size_t i = 0; i < state->n_addresses; i++) {
        if (!state->addresses[i].seen || is_told(state, i))
            continue;
        Case c = { .state = state, .address = &state->addresses[i], .policy = policy, .now = now };
        case_look(&c);
        const Outlook outlook = { .c = &c, .several = state->n_addresses > 1, .forecast = forecast };
        foresee_rotation(&outlook);
        foresee_ends(&outlook);
    }
}

static void foresee_store(const TrustStoreState *state, int64_t now, Forecast *forecast)
{
    if (state->last_end <= now || state->last_end > forecast->until)
        return;
    forecast_append(forecast, (ForecastEvent) {
                                  .at = state->last_end,
                                  .ends_at = state->last_end,
                                  .kind = FORECAST_TRUST_STORE,
                                  .subject = xstrdup(state->store->name),
                                  .id = xasprintf("trust-store-%s", state->store->name),
                                  .text = xasprintf("the last certificate in %s ends", state->store->path),
                              });
}

void forecast_make(const Snapshot *snapshot, int64_t now, int64_t until, Forecast *ret)
{
    const Policy policy = { .catalogue = snapshot->catalogue };
    *ret = (Forecast) { .until = until == INSTANT_NONE ? now + FORECAST_DAYS * (int64_t)DAY : until };
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        foresee_endpoint(snapshot->endpoints[i], &policy, now, ret);
    for (size_t i = 0; i < snapshot->n_trust_stores; i++)
        foresee_store(snapshot->trust_stores[i], now, ret);
    forecast_sort(ret);
}
