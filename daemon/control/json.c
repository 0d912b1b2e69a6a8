#include "control/json.h"

#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/instant.h"
#include "control/json-internal.h"

json_t *json_of_text(const char *value)
{
    if (!value)
        return json_null();
    _cleanup_free_ char *shown = text_escape_lines(value);
    return json_string(shown);
}

json_t *json_of_instant(int64_t value)
{
    return value == INSTANT_NONE || value == INSTANT_NEVER ? json_null() : json_string(INSTANT_TEXT(value));
}

json_t *json_of_list(const char *const *values)
{
    json_t *array = json_array();
    for (; values && *values; values++)
        json_array_append_new(array, json_of_text(*values));
    return array;
}

const char *json_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void json_put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        out_of_memory(); /* also of the value */
}

static json_t *of_state(const Snapshot *snapshot)
{
    json_t *object = json_object();
    json_put(object, "path", json_of_text(snapshot->self->database));
    json_put(object, "error", json_of_text(snapshot->self->unwritable));
    json_put(object, "damaged", json_of_list((const char *const *)snapshot->self->damaged));
    json_put(object, "bytes", json_integer((json_int_t)snapshot->store.bytes));
    json_put(object, "commits", json_integer((json_int_t)snapshot->store.n_commits));
    json_put(object, "longest_commit_ms", json_real((double)snapshot->store.longest_usec / 1000.0));
    return object;
}

json_t *json_of_status(const Snapshot *snapshot)
{
    json_t *severities = json_object(), *object = json_object();
    int64_t next = INSTANT_NONE;
    for (Severity s = 0; s < N_SEVERITIES; s++)
        json_put(severities, severity_to_string(s), json_integer((json_int_t)snapshot_count(snapshot, s)));
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        next = instant_earlier(next, snapshot->endpoints[i]->next_probe_at);
    json_put(object, "version", json_of_text(snapshot->version));
    json_put(object, "config", json_of_text(snapshot->config_path));
    json_put(object, "started_at", json_of_instant(snapshot->started_at));
    json_put(object, "configured_at", json_of_instant(snapshot->reloaded_at));
    json_put(object, "reload_error", json_of_text(snapshot->reload_error));
    json_put(object, "endpoints", json_integer((json_int_t)snapshot->n_endpoints));
    json_put(object, "probing", json_integer((json_int_t)snapshot->n_probing));
    json_put(object, "severities", severities);
    json_put(object, "trust", json_of_text(severity_to_string(snapshot_trust_severity(snapshot))));
    json_put(object, "rds", json_of_text(severity_to_string(snapshot_rds_severity(snapshot))));
    json_put(object, "daemon", json_of_text(severity_to_string(snapshot_self_severity(snapshot))));
    json_put(object, "silences", json_integer((json_int_t)snapshot->silences->n));
    json_put(object, "state", of_state(snapshot));
    json_put(object, "catalogue", json_of_text(snapshot->catalogue->version));
    json_put(object, "next_probe_at", json_of_instant(next));
    return object;
}

json_t *json_of_error(const char *code, const char *message)
{
    json_t *error = json_object(), *object = json_object();
    json_put(error, "code", json_of_text(code));
    json_put(error, "message", json_of_text(message));
    json_put(object, "error", error);
    return object;
}
