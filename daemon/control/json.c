#include "control/json.h"

#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/instant.h"
#include "control/json-internal.h"

void json_write_list(Buffer *text, const char *key, const char *const *values)
{
    json_text_begin(text, key, '[');
    for (; values && *values; values++)
        json_text_string(text, NULL, *values);
    json_text_end(text, ']');
}

const char *json_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void write_state(Buffer *text, const char *key, const Snapshot *snapshot)
{
    json_text_begin(text, key, '{');
    json_text_string(text, "path", snapshot->self->database);
    json_text_string(text, "error", snapshot->self->unwritable);
    json_write_list(text, "damaged", (const char *const *)snapshot->self->damaged);
    json_text_integer(text, "bytes", snapshot->store.bytes);
    json_text_integer(text, "commits", (int64_t)snapshot->store.n_commits);
    json_text_number(text, "longest_commit_ms", (double)snapshot->store.longest_usec / 1000.0);
    json_text_end(text, '}');
}

static void write_severities(Buffer *text, const char *key, const Snapshot *snapshot)
{
    json_text_begin(text, key, '{');
    for (Severity s = 0; s < N_SEVERITIES; s++)
        json_text_integer(text, severity_to_string(s), (int64_t)snapshot_count(snapshot, s));
    json_text_end(text, '}');
}

void json_write_status(Buffer *text, const Snapshot *snapshot)
{
    int64_t next = INSTANT_NONE;
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        next = instant_earlier(next, snapshot->endpoints[i]->next_probe_at);
    json_text_begin(text, NULL, '{');
    json_text_string(text, "version", snapshot->version);
    json_text_string(text, "config", snapshot->config_path);
    json_text_instant(text, "started_at", snapshot->started_at);
    json_text_instant(text, "configured_at", snapshot->reloaded_at);
    json_text_string(text, "reload_error", snapshot->reload_error);
    json_text_integer(text, "endpoints", (int64_t)snapshot->n_endpoints);
    json_text_integer(text, "probing", (int64_t)snapshot->n_probing);
    write_severities(text, "severities", snapshot);
    json_text_string(text, "trust", severity_to_string(snapshot_trust_severity(snapshot)));
    json_text_string(text, "rds", severity_to_string(snapshot_rds_severity(snapshot)));
    json_text_string(text, "daemon", severity_to_string(snapshot_self_severity(snapshot)));
    json_text_integer(text, "silences", (int64_t)snapshot->silences->n);
    write_state(text, "state", snapshot);
    json_text_string(text, "catalogue", snapshot->catalogue->version);
    json_text_instant(text, "next_probe_at", next);
    json_text_end(text, '}');
}

void json_write_error(Buffer *text, const char *code, const char *message)
{
    json_text_begin(text, NULL, '{');
    json_text_begin(text, "error", '{');
    json_text_string(text, "code", code);
    json_text_string(text, "message", message);
    json_text_end(text, '}');
    json_text_end(text, '}');
}
