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
        buffer_append(text, label == labels ? "{" : ",", 1);
        buffer_append(text, label->name, strlen(label->name));
        buffer_append(text, "=\"", 2);
        append_escaped(text, label->value ? label->value : "");
        buffer_append(text, "\"", 1);
    }
    if (labels && labels->name)
        buffer_append(text, "}", 1);
    if (value >= 0 && value < 1e15 && value == (double)(int64_t)value)
        buffer_printf(text, " %" PRId64 "\n", (int64_t)value); /* by far the most, and the quicker way */
    else
        buffer_printf(text, " %.17g\n", value);
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

static void write_info(Buffer *text, const EndpointState *state)
{
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

static void write_clocks(Buffer *text, const char *name, const EndpointState *state, bool ends)
{
    for (size_t i = 0; i < state->n_addresses; i++) {
        const AddressState *address = &state->addresses[i];
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
}

#define NOT_BEFORE "dbcertd_certificate_not_before_timestamp_seconds"
#define NOT_AFTER  "dbcertd_certificate_not_after_timestamp_seconds"
#define HALF_LIFE  "dbcertd_certificate_half_life_timestamp_seconds"
#define EXPECTED   "dbcertd_rotation_expected_timestamp_seconds"
#define OVERDUE    "dbcertd_rotation_overdue_timestamp_seconds"
#define FINDING    "dbcertd_finding"
#define PROBED     "dbcertd_probe_timestamp_seconds"

static void write_not_before(Buffer *text, const EndpointState *state)
{
    write_clocks(text, NOT_BEFORE, state, false);
}

static void write_not_after(Buffer *text, const EndpointState *state)
{
    write_clocks(text, NOT_AFTER, state, true);
}

static void write_half_life(Buffer *text, const EndpointState *state)
{
    if (state->oldest)
        write_instant(text, HALF_LIFE,
                      (Label[]) { { "endpoint", state->endpoint->name },
                                  { "address", state->oldest->address.text },
                                  { "role", certificate_role_to_string(ROLE_SERVER) },
                                  { 0 } },
                      state->rotation.half_life);
}

static void write_rotation(Buffer *text, const char *name, const EndpointState *state, int64_t at)
{
    if (state->oldest)
        write_instant(text, name, (Label[]) { { "endpoint", state->endpoint->name }, { 0 } }, at);
}

static void write_expected(Buffer *text, const EndpointState *state)
{
    write_rotation(text, EXPECTED, state, state->rotation.expected_by);
}

static void write_overdue(Buffer *text, const EndpointState *state)
{
    write_rotation(text, OVERDUE, state, state->rotation.overdue_after);
}

/* One for each subject and id, with its worst severity: the same may be so at several addresses. */
static void write_findings_of(Buffer *text, const SubjectView *subject)
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
            sample(text, FINDING,
                   (Label[]) { { subject_kind_label(subject->kind), subject->name },
                               { "finding", finding_to_string((FindingId)id) },
                               { "severity", severity_to_string(worst[id]) },
                               { 0 } },
                   1);
}

static void write_findings(Buffer *text, const EndpointState *state)
{
    const SubjectView subject = subject_of_endpoint(state);
    write_findings_of(text, &subject);
}

static void write_other_findings(Buffer *text, const Snapshot *snapshot)
{
    SubjectView subject;
    for (size_t i = snapshot->n_endpoints; snapshot_subject(snapshot, i, &subject); i++)
        write_findings_of(text, &subject);
}

static void write_probed(Buffer *text, const EndpointState *state)
{
    for (size_t i = 0; i < state->n_addresses; i++)
        if (state->addresses[i].latest)
            write_instant(text, PROBED,
                          (Label[]) { { "endpoint", state->endpoint->name },
                                      { "address", state->addresses[i].address.text },
                                      { 0 } },
                          state->addresses[i].latest->observed_at);
}

static void write_histogram(Buffer *text, const char *name, const char *help, const Histogram *histogram,
                            const HistogramBounds bounds)
{
    uint64_t below = 0;
    char bound[32], series[128];
    family(text, name, "histogram", help);
    snprintf(series, sizeof series, "%s_bucket", name);
    for (size_t i = 0; bounds[i] != 0; i++) {
        below += histogram->counts[i];
        snprintf(bound, sizeof bound, "%g", (double)bounds[i] / USEC_PER_SEC);
        sample(text, series, (Label[]) { { "le", bound }, { 0 } }, (double)below);
    }
    sample(text, series, (Label[]) { { "le", "+Inf" }, { 0 } }, (double)histogram->n);
    snprintf(series, sizeof series, "%s_sum", name);
    sample(text, series, NULL, (double)histogram->sum_usec / USEC_PER_SEC);
    snprintf(series, sizeof series, "%s_count", name);
    sample(text, series, NULL, (double)histogram->n);
}

static void write_probes(Buffer *text, const Snapshot *snapshot)
{
    const Counters *counters = snapshot->counters;
    family(text, "dbcertd_probes_total", "counter", "Probes of addresses since the start, by how they ended.");
    for (size_t i = 0; i < n_engines && i < COUNTERS_ENGINES_MAX; i++)
        for (int o = 0; o < N_OUTCOMES; o++)
            if (counters->probes[i][o] > 0)
                sample(text, "dbcertd_probes_total",
                       (Label[]) {
                           { "engine", engines[i].name }, { "outcome", outcome_to_string((Outcome)o) }, { 0 } },
                       (double)counters->probes[i][o]);
    write_histogram(text, "dbcertd_probe_duration_seconds", "How long the probe of an address took.",
                    &counters->durations, counters_probe_bounds);
    write_histogram(text, "dbcertd_loop_busy_seconds",
                    "How long each thing that the loop did took; all others wait so long.", &counters->loop,
                    counters_loop_bounds);
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
    } counters[] = {
        { "process_cpu_seconds_total", "counter", "User and system CPU time spent in seconds.",
          process.cpu_seconds },
        { "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", process.resident_bytes },
        { "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", process.virtual_bytes },
        { "process_open_fds", "gauge", "Number of open file descriptors.", process.open_fds },
        { "process_max_fds", "gauge", "Maximum number of open file descriptors.", process.max_fds },
        { "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
          (double)snapshot->started_at },
    };
    for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
        if (isnan(counters[i].value))
            continue;
        family(text, counters[i].name, counters[i].type, counters[i].help);
        sample(text, counters[i].name, NULL, counters[i].value);
    }
}

/* One sample or more of each endpoint; the samples of a family stand together. */
static const struct {
    const char *name, *help;
    void (*write)(Buffer *text, const EndpointState *state);
    void (*finish)(Buffer *text, const Snapshot *snapshot); /* what is no endpoint's; NULL: nothing */
} families[] = {
    { "dbcertd_endpoint_info", "What an endpoint is, and which CA it is set to and serves.", write_info, NULL },
    { NOT_BEFORE, "When a certificate of the chain began to be valid.", write_not_before, NULL },
    { NOT_AFTER, "When it ends.", write_not_after, NULL },
    { HALF_LIFE, "The half-life of the certificate that has to be replaced first.", write_half_life, NULL },
    { EXPECTED, "By when the next rotation should have come.", write_expected, NULL },
    { OVERDUE, "After this the rotation is overdue.", write_overdue, NULL },
    { FINDING, "What is found now; see dbcertd-findings(7).", write_findings, write_other_findings },
    { PROBED, "When an address was last probed.", write_probed, NULL },
};

/* The part is the family. */
static bool write_piece(Pieces *pieces, const Snapshot *snapshot, Buffer *text)
{
    size_t part = pieces->part;
    if (part == 0 && !pieces->walk.last)
        write_daemon(text, snapshot);
    if (part == ARRAY_SIZE(families)) {
        write_probes(text, snapshot);
        write_sources(text, snapshot);
        write_process(text, snapshot);
        return false;
    }
    if (!pieces->walk.last)
        family(text, families[part].name, "gauge", families[part].help);
    const EndpointState *state = walk_next(&pieces->walk, snapshot);
    if (state) {
        families[part].write(text, state);
        return true;
    }
    if (pieces->walk.lost)
        return false;
    if (families[part].finish)
        families[part].finish(text, snapshot);
    walk_deinit(&pieces->walk);
    pieces->part++;
    return true;
}

Pieces *metrics_pieces(void)
{
    Pieces *pieces = xcalloc(1, sizeof *pieces);
    pieces->write = write_piece;
    return pieces;
}
