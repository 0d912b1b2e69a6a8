#include "ctl/scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/instant.h"
#include "control/json.h"
#include "ctl/catalogue.h"
#include "ctl/help.h"
#include "ctl/render.h"
#include "ctl/show.h"
#include "ctl/status.h"
#include "ctl/target.h"
#include "pki/bundle.h"
#include "pki/facts.h"
#include "pki/verify.h"
#include "probe/probe-run.h"
#include "rules/rule.h"

#define FILE_BYTES_MAX (32 * 1024 * 1024)

enum {
    EXIT_SOME_FAILED = 1,
};

typedef struct Scan {
    const ScanOptions *options;
    sd_event *event;
    Catalogue *catalogue;
    Pool *pool;
    Bundle *bundle, *system; /* NULL: chains are not verified */
    EndpointState **states;
    size_t n, n_started, n_done, n_failed;
    bool tells_progress;
} Scan;

/* One target on its way. */
typedef struct Job {
    Scan *scan;
    EndpointState *state;
} Job;

static void scan_deinit(Scan *scan)
{
    for (size_t i = 0; i < scan->n; i++)
        endpoint_state_free(scan->states[i]);
    free(scan->states);
    pool_free(scan->pool);
    bundle_free(scan->bundle);
    bundle_free(scan->system);
    catalogue_free(scan->catalogue);
    sd_event_unref(scan->event);
}

static bool add_target(Scan *scan, const char *text)
{
    _cleanup_free_ char *error = NULL;
    _cleanup_(endpoint_unrefp) Endpoint *endpoint = target_parse(text, scan->options->engine, &error);
    if (!endpoint) {
        fprintf(stderr, "dbcertctl: %s\n", error);
        return false;
    }
    if (scan->n == SCAN_TARGETS_MAX) {
        fprintf(stderr, "dbcertctl: more than %d targets\n", SCAN_TARGETS_MAX);
        return false;
    }
    if (!endpoint->ca && scan->options->expect_ca && !endpoint_is_acm(endpoint))
        endpoint->ca = xstrdup(scan->options->expect_ca);
    if (endpoint_is_acm(endpoint) && !scan->system) {
        scan->system = bundle_new();
        if (bundle_add_system(scan->system) < 0)
            fputs("dbcertctl: the system trusts no root, so chains of AWS Certificate Manager are not "
                  "verified; expected "
                  "the package ca-certificates\n",
                  stderr);
    }
    scan->states = xgrow(scan->states, scan->n, sizeof *scan->states);
    scan->states[scan->n++] = endpoint_state_new(endpoint);
    return true;
}

/* One target a line; empty lines and those that begin with # are passed over. */
static bool add_file(Scan *scan, const char *path)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    char *rest = NULL;
    bool ok = true;
    int r = file_read_stream(strcmp(path, "-") == 0 ? "/dev/stdin" : path, FILE_BYTES_MAX, &text);
    if (r < 0) {
        fprintf(stderr, "dbcertctl: %s: %s\n", path, strerror(-r));
        return false;
    }
    for (char *line = strtok_r((char *)text.data, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        line += strspn(line, " \t");
        line[strcspn(line, " \t")] = 0;
        if (*line && *line != '#')
            ok &= add_target(scan, line);
    }
    return ok;
}

static bool read_bundle(Scan *scan, const char *path)
{
    _cleanup_(buffer_deinit) Buffer pem = { 0 };
    _cleanup_(strv_freep) char **errors = NULL;
    int r = file_read_stream(path, BUNDLE_BYTES_MAX, &pem);
    if (r < 0) {
        fprintf(stderr, "dbcertctl: %s: %s\n", path, strerror(-r));
        return false;
    }
    scan->bundle = bundle_new();
    r = bundle_add(scan->bundle, path, pem.data, pem.size, NULL, &errors);
    for (size_t i = 0; errors && errors[i]; i++)
        fprintf(stderr, "dbcertctl: %s\n", errors[i]);
    return r >= 0;
}

/* To a terminal, unless it is shown the lines themselves: each of them is progress enough. */
static bool tells_progress(const ScanOptions *options)
{
    return isatty(STDERR_FILENO) && !(options->json && isatty(STDOUT_FILENO));
}

static void show_progress(const Scan *scan)
{
    if (!scan->tells_progress)
        return;
    fprintf(stderr, "\r\033[K");
    if (scan->n_done < scan->n)
        fprintf(stderr, "%zu of %zu probed, %zu failed", scan->n_done, scan->n, scan->n_failed);
}

static bool was_fetched(const EndpointState *state)
{
    for (size_t i = 0; i < state->n_addresses; i++)
        if (!state->addresses[i].latest || state->addresses[i].latest->outcome != OUTCOME_FETCHED)
            return false;
    return state->n_addresses > 0;
}

/* Why what was not fetched was not. */
static void print_failures(const Scan *scan, FILE *to)
{
    for (size_t i = 0; i < scan->n; i++) {
        const EndpointState *state = scan->states[i];
        if (state->unresolved_detail)
            fprintf(to, "%s: %s\n", state->endpoint->name, state->unresolved_detail);
        for (size_t j = 0; j < state->n_addresses; j++) {
            const Observation *o = state->addresses[j].latest;
            if (o->outcome != OUTCOME_FETCHED)
                fprintf(to, "%s (%s): %s at %s: %s\n", state->endpoint->name, o->address.text,
                        outcome_to_string(o->outcome), stage_to_string(o->stage), o->detail);
        }
    }
}

/* Subjects are foreign bytes: the endpoint's name, the address and the role have to do. */
static void print_pem(const EndpointState *state)
{
    for (size_t i = 0; i < state->n_addresses; i++) {
        const AddressState *address = &state->addresses[i];
        for (size_t j = 0; address->seen && j < address->seen->chain.n; j++) {
            const Certificate *c = address->seen->chain.certificates[j];
            _cleanup_free_ char *pem = certificate_to_pem(c);
            printf("# %s (%s): %s, serial %s, %s to %s\n%s", state->endpoint->name, address->address.text,
                   certificate_role_to_string(c->role), c->serial, INSTANT_TEXT(c->not_before),
                   INSTANT_TEXT(c->not_after), pem);
        }
    }
}

static void print_result(Scan *scan, EndpointState *state)
{
    const Policy at_once = { .unreachable_after = 1, .catalogue = scan->catalogue };
    if (scan->options->pem) {
        print_pem(state);
        return;
    }
    rule_evaluate_endpoint(state, &at_once, clock_now());
    if (!scan->options->json)
        return; /* the tables come at the end, in the order that was asked for */
    Buffer line = { 0 };
    for (size_t part = 0; json_write_endpoint(&line, state, part, false);)
        part++;
    puts((const char *)line.data); /* main looks at stdout's error flag */
    buffer_deinit(&line);
}

static void print_tables(const Scan *scan)
{
    size_t i;
    json_t *endpoint, *endpoints = json_array();
    for (i = 0; i < scan->n; i++)
        json_array_append_new(endpoints, json_of_endpoint(scan->states[i], false));
    render_endpoints(endpoints);
    printf("\n%zu probed, %zu failed\n", scan->n_done, scan->n_failed);
    print_failures(scan, stdout);
    json_array_foreach(endpoints, i, endpoint)
    {
        if (!scan->options->show_chain)
            break;
        puts("");
        render_endpoint(endpoint);
    }
    json_decref(endpoints);
}

static void start_more(Scan *scan);

static size_t on_resolved(ProbeRun *run _unused_, const Address *addresses _unused_, size_t n,
                          const char *error, void *userdata)
{
    Job *job = userdata;
    if (n == 0)
        endpoint_state_note_unresolved(job->state, error, clock_now());
    return n;
}

static void on_observed(ProbeRun *run _unused_, Observation *observation, void *userdata)
{
    Job *job = userdata;
    EndpointState *state = job->state;
    if (endpoint_state_note(state, observation))
        verify_address(endpoint_is_acm(state->endpoint) ? job->scan->system : job->scan->bundle,
                       state->endpoint, endpoint_state_find(state, observation->address.text));
}

static bool on_checks(ProbeRun *run _unused_, const Address *address _unused_, void *userdata _unused_)
{
    return true; /* who asks for it in a scan wants it now */
}

static void on_checked(ProbeRun *run _unused_, Observation *observation, void *userdata)
{
    Job *job = userdata;
    endpoint_state_note_check(job->state, observation);
}

static void job_over(Job *job)
{
    Scan *scan = job->scan;
    scan->n_done++;
    scan->n_failed += !was_fetched(job->state);
    print_result(scan, job->state);
    free(job);
    show_progress(scan);
    if (scan->n_done == scan->n)
        (void)sd_event_exit(scan->event, 0);
}

static void on_done(ProbeRun *run, void *userdata)
{
    Job *job = userdata;
    Scan *scan = job->scan;
    probe_run_free(run);
    job_over(job);
    start_more(scan);
}

static const ProbeRunEvents events = {
    .resolved = on_resolved,
    .observed = on_observed,
    .done = on_done,
    .checks = on_checks,
    .checked = on_checked,
};

static void start_more(Scan *scan)
{
    const ScanOptions *options = scan->options;
    while (scan->n_started < scan->n && scan->n_started - scan->n_done < (size_t)options->concurrency) {
        Job *job = xcalloc(1, sizeof *job);
        *job = (Job) { .scan = scan, .state = scan->states[scan->n_started++] };
        const ProbeRunParams params = {
            .endpoint = job->state->endpoint,
            .pool = scan->pool,
            .timeout_usec = (uint64_t)options->timeout_seconds * USEC_PER_SEC,
        };
        ProbeRun *run;
        int r = probe_run_new(&run, scan->event, &params, &events, job);
        if (r >= 0)
            continue;
        fprintf(stderr, "dbcertctl: %s: cannot start a probe: %s\n", job->state->endpoint->name, strerror(-r));
        job_over(job);
    }
}

int scan_run(const ScanOptions *options)
{
    _cleanup_(scan_deinit)
        Scan scan = { .options = options, .pool = pool_new(), .tells_progress = tells_progress(options) };
    bool ok = true;
    for (char **target = options->targets; target && *target; target++)
        ok &= add_target(&scan, *target);
    if (options->file)
        ok &= add_file(&scan, options->file);
    if (options->ca_file)
        ok &= read_bundle(&scan, options->ca_file);
    if (ok && scan.n == 0) {
        fputs("dbcertctl: scan: no targets; expected ENGINE://HOST[:PORT]... or --file FILE\n", stderr);
        ok = false;
    }
    scan.catalogue = ctl_catalogue();
    if (!ok || !scan.catalogue)
        return EXIT_USAGE;

    int r = sd_event_new(&scan.event);
    if (r < 0) {
        fprintf(stderr, "dbcertctl: %s\n", strerror(-r));
        return EXIT_SOME_FAILED;
    }
    show_progress(&scan);
    start_more(&scan);
    r = sd_event_loop(scan.event);
    if (options->pem)
        print_failures(&scan, stderr);
    else if (!options->json)
        print_tables(&scan);
    return r < 0 || scan.n_failed > 0 ? EXIT_SOME_FAILED : EXIT_SUCCESS;
}
