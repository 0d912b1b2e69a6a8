#include "control/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "control/process.h"

typedef struct Label {
    const char *name, *value; /* value: NULL is written as "" */
} Label;

static void append_escaped(Buffer *text, const char *value)
{
    while (*value) {
        size_t plain = strcspn(value, "\\\"\n");
        buffer_append(text, value, plain);
        value += plain;
        if (*value) {
            buffer_printf(text, "\\%c", *value == '\n' ? 'n' : *value);
            value++;
        }
    }
}

/* One sample: name{label="value",...} value. Labels end with one without a name. */
static void sample(Buffer *text, const char *name, const Label *labels, double value)
{
    buffer_append(text, name, strlen(name));
    for (const Label *label = labels; label && label->name; label++) {
        buffer_printf(text, "%s%s=\"", label == labels ? "{" : ",", label->name);
        append_escaped(text, label->value ? label->value : "");
        buffer_append(text, "\"", 1);
    }
    buffer_printf(text, "%s %.17g\n", labels && labels->name ? "}" : "", value);
}

static void family(Buffer *text, const char *name, const char *type, const char *help)
{
    buffer_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_instant(Buffer *text, const char *name, const Label *labels, int64_t at)
{
    if (at != INSTANT_NONE && at != INSTANT_NEVER)
        sample(text, name, labels, (double)at);
}

static void write_daemon(Buffer *text, const Snapshot *snapshot)
{
    family(text, "dbcertd_build_info", "gauge", "The version that runs.");
    sample(text, "dbcertd_build_info", (Label[]) { { "version", snapshot->version }, { 0 } }, 1);
    family(text, "dbcertd_config_last_reload_successful", "gauge",
           "Whether the configuration was taken when it was last read.");
    sample(text, "dbcertd_config_last_reload_successful", NULL, snapshot->reload_error ? 0 : 1);
    family(text, "dbcertd_endpoints", "gauge", "Endpoints by the severity of the worst that is found of them.");
    for (int s = 0; s < N_SEVERITIES; s++)
        sample(text, "dbcertd_endpoints", (Label[]) { { "severity", severity_to_string((Severity)s) }, { 0 } },
               (double)snapshot_count(snapshot, (Severity)s));
    family(text, "dbcertd_store_size_bytes", "gauge", "The size of the database in the state directory.");
    sample(text, "dbcertd_store_size_bytes", NULL, (double)snapshot->store.bytes);
}

static void write_endpoints(Buffer *text, const Snapshot *snapshot)
{
    family(text, "dbcertd_endpoint_info", "gauge",
           "What an endpoint is, and which CA it is set to and serves.");
    for (size_t i = 0; i < snapshot->n_endpoints; i++) {
        const EndpointState *state = snapshot->endpoints[i];
        const Endpoint *e = state->endpoint;
        char port[8];
        snprintf(port, sizeof port, "%" PRId64, e->port);
        sample(text, "dbcertd_endpoint_info",
               (Label[]) {
                   { "endpoint", e->name },
                   { "host", e->host },
                   { "port", port },
                   { "engine", e->engine_name },
                   { "region", e->region },
                   { "rotation_class", state->oldest ? rotation_class_to_string(state->rotation.class) : NULL },
                   { "configured_ca", endpoint_next_ca(e) },
                   { "served_ca", state->served_ca },
                   { 0 } },
               1);
    }
}

static void write_clocks(Buffer *text, const char *name, const EndpointState *state,
                         const AddressState *address, bool ends)
{
    const Certificate *clocks[N_CLOCKS];
    address_clocks(address, clocks);
    for (int role = 0; role < N_CLOCKS; role++)
        if (clocks[role])
            write_instant(text, name,
                          (Label[]) { { "endpoint", state->endpoint->name },
                                      { "address", address->address.text },
                                      { "role", certificate_role_to_string((CertificateRole)role) },
                                      { 0 } },
                          ends ? clocks[role]->not_after : clocks[role]->not_before);
}

static void write_dates(Buffer *text, const Snapshot *snapshot, const char *name, const char *help, bool ends)
{
    family(text, name, "gauge", help);
    for (size_t i = 0; i < snapshot->n_endpoints; i++) {
        const EndpointState *state = snapshot->endpoints[i];
        for (size_t j = 0; j < state->n_addresses; j++)
            write_clocks(text, name, state, &state->addresses[j], ends);
    }
}

static void write_rotations(Buffer *text, const Snapshot *snapshot)
{
    static const struct {
        const char *name, *help;
        size_t offset;
        bool of_certificate;
    } instants[] = {
        { "dbcertd_certificate_half_life_timestamp_seconds",
          "The half-life of the certificate that has to be replaced first.", offsetof(Rotation, half_life),
          true },
        { "dbcertd_rotation_expected_timestamp_seconds", "By when the next rotation should have come.",
          offsetof(Rotation, expected_by), false },
        { "dbcertd_rotation_overdue_timestamp_seconds", "After this the rotation is overdue.",
          offsetof(Rotation, overdue_after), false },
    };
    for (size_t k = 0; k < ARRAY_SIZE(instants); k++) {
        family(text, instants[k].name, "gauge", instants[k].help);
        for (size_t i = 0; i < snapshot->n_endpoints; i++) {
            const EndpointState *state = snapshot->endpoints[i];
            if (!state->oldest)
                continue;
            Label labels[] = { { "endpoint", state->endpoint->name }, { 0 }, { 0 }, { 0 } };
            if (instants[k].of_certificate) {
                labels[1] = (Label) { "address", state->oldest->address.text };
                labels[2] = (Label) { "role", certificate_role_to_string(ROLE_SERVER) };
            }
            write_instant(text, instants[k].name, labels,
                          *(const int64_t *)((const char *)&state->rotation + instants[k].offset));
        }
    }
}

/* One for each subject and id, with its worst severity: the same may be so at several addresses. */
static void write_findings_of(Buffer *text, const Subject *subject)
{
    bool given[N_FINDINGS] = { false };
    Severity worst[N_FINDINGS] = { 0 };
    for (size_t i = 0; i < subject->findings->n; i++) {
        const Finding *f = &subject->findings->items[i];
        if (f->pending)
            continue;
        given[f->id] = true;
        if (f->severity > worst[f->id])
            worst[f->id] = f->severity;
    }
    for (int id = 0; id < (int)N_FINDINGS; id++)
        if (given[id])
            sample(text, "dbcertd_finding",
                   (Label[]) { { subject_kind_label(subject->kind), subject->name },
                               { "finding", finding_to_string((FindingId)id) },
                               { "severity", severity_to_string(worst[id]) },
                               { 0 } },
                   1);
}

static void write_findings(Buffer *text, const Snapshot *snapshot)
{
    Subject subject;
    family(text, "dbcertd_finding", "gauge", "What is found now; see dbcertd-findings(7).");
    for (size_t i = 0; snapshot_subject(snapshot, i, &subject); i++)
        write_findings_of(text, &subject);
}

static void write_probes(Buffer *text, const Snapshot *snapshot)
{
    const Figures *figures = snapshot->figures;
    uint64_t below = 0;
    char bound[32];
    family(text, "dbcertd_probe_timestamp_seconds", "gauge", "When an address was last probed.");
    for (size_t i = 0; i < snapshot->n_endpoints; i++) {
        const EndpointState *state = snapshot->endpoints[i];
        for (size_t j = 0; j < state->n_addresses; j++)
            if (state->addresses[j].latest)
                write_instant(text, "dbcertd_probe_timestamp_seconds",
                              (Label[]) { { "endpoint", state->endpoint->name },
                                          { "address", state->addresses[j].address.text },
                                          { 0 } },
                              state->addresses[j].latest->observed_at);
    }
    family(text, "dbcertd_probes_total", "counter", "Probes of addresses since the start, by how they ended.");
    for (size_t i = 0; i < n_engines && i < FIGURES_ENGINES_MAX; i++)
        for (int o = 0; o < N_OUTCOMES; o++)
            if (figures->probes[i][o] > 0)
                sample(text, "dbcertd_probes_total",
                       (Label[]) {
                           { "engine", engines[i].name }, { "outcome", outcome_to_string((Outcome)o) }, { 0 } },
                       (double)figures->probes[i][o]);
    family(text, "dbcertd_probe_duration_seconds", "histogram", "How long the probe of an address took.");
    for (size_t i = 0; i < N_FIGURES_BOUNDS; i++) {
        below += figures->durations[i];
        snprintf(bound, sizeof bound, "%g", (double)figures_bounds_msec[i] / 1000);
        sample(text, "dbcertd_probe_duration_seconds_bucket", (Label[]) { { "le", bound }, { 0 } },
               (double)below);
    }
    sample(text, "dbcertd_probe_duration_seconds_bucket", (Label[]) { { "le", "+Inf" }, { 0 } },
           (double)figures->n_durations);
    sample(text, "dbcertd_probe_duration_seconds_sum", NULL, (double)figures->duration_sum_usec / USEC_PER_SEC);
    sample(text, "dbcertd_probe_duration_seconds_count", NULL, (double)figures->n_durations);
}

/* What is asked of others, and when it last answered. */
static void write_sources(Buffer *text, const Snapshot *snapshot)
{
    family(text, "dbcertd_bundle_answered_timestamp_seconds", "gauge",
           "When a bundle that is fetched was last answered for.");
    for (size_t i = 0; i < snapshot->n_sources; i++)
        write_instant(text, "dbcertd_bundle_answered_timestamp_seconds",
                      (Label[]) { { "bundle", snapshot->sources[i]->url }, { 0 } },
                      snapshot->sources[i]->answered_at);
    family(text, "dbcertd_rds_answered_timestamp_seconds", "gauge",
           "When the RDS API last answered all that it was asked.");
    for (size_t i = 0; i < snapshot->n_rds_sources; i++)
        write_instant(text, "dbcertd_rds_answered_timestamp_seconds",
                      (Label[]) { { "rds", snapshot->rds_sources[i]->source->name }, { 0 } },
                      snapshot->rds_sources[i]->answered_at);
}

static void write_process(Buffer *text, const Snapshot *snapshot)
{
    Process process = process_look();
    const struct {
        const char *name, *type, *help;
        double value;
    } figures[] = {
        { "process_cpu_seconds_total", "counter", "User and system CPU time spent in seconds.",
          process.cpu_seconds },
        { "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", process.resident_bytes },
        { "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", process.virtual_bytes },
        { "process_open_fds", "gauge", "Number of open file descriptors.", process.open_fds },
        { "process_max_fds", "gauge", "Maximum number of open file descriptors.", process.max_fds },
        { "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
          (double)snapshot->started_at },
    };
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        if (isnan(figures[i].value))
            continue;
        family(text, figures[i].name, figures[i].type, figures[i].help);
        sample(text, figures[i].name, NULL, figures[i].value);
    }
}

char *metrics_write(const Snapshot *snapshot)
{
    Buffer text = { 0 };
    write_daemon(&text, snapshot);
    write_endpoints(&text, snapshot);
    write_dates(&text, snapshot, "dbcertd_certificate_not_before_timestamp_seconds",
                "When a certificate of the chain began to be valid.", false);
    write_dates(&text, snapshot, "dbcertd_certificate_not_after_timestamp_seconds", "When it ends.", true);
    write_rotations(&text, snapshot);
    write_findings(&text, snapshot);
    write_probes(&text, snapshot);
    write_sources(&text, snapshot);
    write_process(&text, snapshot);
    return buffer_take_text(&text);
}
