#include "sink/alertmanager.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"

/* Without news of dbcertd's an alert goes on for that long: a bastion that is down is no reason for it to be
 * over. */
#define STANDS_FOR DAY

/* What happened and does not last. */
#define EVENT_LASTS HOUR

/* A label without a value is none. Foreign bytes that are no UTF-8 are left out: an Alertmanager would refuse
 * all. */
static void put(json_t *object, const char *key, const char *value)
{
    if (value && *value)
        (void)json_object_set_new(object, key, json_string(value)); /* no UTF-8: nothing is set */
}

static void put_instant(json_t *object, const char *key, int64_t at)
{
    put(object, key, INSTANT_TEXT(at));
}

static void add(json_t *array, SubjectKind about, const char *subject, const Finding *finding,
                Severity severity, const char *instance, int64_t begins_at, int64_t ends_at)
{
    json_t *labels = json_object(), *annotations = json_object(), *alert = json_object();
    _cleanup_free_ char *remedy = steps_script(&finding->steps);
    put(labels, "alertname", finding_to_string(finding->id));
    put(labels, "severity", severity_to_string(severity));
    put(labels, subject_kind_label(about), subject);
    put(labels, "address", finding->address);
    put(labels, "ca", finding->ca);
    put(labels, "instance", instance);
    put(labels, "job", "dbcertd");
    put(annotations, "summary", finding->message);
    put(annotations, "remedy", remedy);
    if (finding->due != INSTANT_NONE)
        put_instant(annotations, "due", finding->due);
    json_object_set_new(alert, "labels", labels);
    json_object_set_new(alert, "annotations", annotations);
    put_instant(alert, "startsAt", begins_at);
    put_instant(alert, "endsAt", MAX(ends_at, begins_at));
    json_array_append_new(array, alert);
}

static int64_t begins_at(const Finding *finding, int64_t otherwise)
{
    return finding->since == INSTANT_NONE || finding->since > otherwise ? otherwise : finding->since;
}

/* The API of version 1, and some that stand in front of one, say "error" with status 200. */
static bool is_error(const uint8_t *body, size_t size)
{
    json_error_t ignored;
    json_t *object = json_loadb((const char *)body, size, JSON_DISABLE_EOF_CHECK, &ignored);
    const char *status = json_string_value(json_object_get(object, "status"));
    bool error = (status && strcmp(status, "error") == 0) || json_is_string(json_object_get(object, "error")) ||
                 json_is_integer(json_object_get(object, "code"));
    json_decref(object);
    return error;
}

static bool is_page(const uint8_t *body, size_t size)
{
    size_t i = 0;
    while (i < size && strchr(" \t\r\n", body[i]))
        i++;
    return i < size && body[i] == '<';
}

AlertmanagerAnswer alertmanager_read(unsigned status, const uint8_t *body, size_t size)
{
    switch (status) {
    case 200:
    case 202:
    case 204:
        return is_page(body, size) || is_error(body, size) ? ALERTMANAGER_FAILED : ALERTMANAGER_TAKEN;
    case 400: /* an alert is not valid; 413: there are too many; 422: it does not fit the schema */
    case 413:
    case 422:
        return ALERTMANAGER_REFUSED;
    default:
        return ALERTMANAGER_FAILED;
    }
}

void alertmanager_add(json_t *array, const Transition *t, const char *instance, int64_t now)
{
    const Finding *f = &t->finding;
    unsigned severities = finding_info(f->id)->severities | 1U << f->severity;
    if (finding_is_event(f->id)) {
        add(array, t->about, t->subject, f, f->severity, instance, t->at, now + EVENT_LASTS);
        return;
    }
    for (int s = 0; s < N_SEVERITIES; s++) {
        bool stands = t->kind != TRANSITION_RESOLVED && (Severity)s == f->severity;
        if (severities & 1U << s)
            add(array, t->about, t->subject, f, (Severity)s, instance, begins_at(f, t->at),
                stands ? now + STANDS_FOR : t->at);
    }
}

void alertmanager_repeat(json_t *array, SubjectKind about, const char *subject, const Finding *finding,
                         Severity said, const char *instance, int64_t now)
{
    add(array, about, subject, finding, said, instance, begins_at(finding, now), now + STANDS_FOR);
}
