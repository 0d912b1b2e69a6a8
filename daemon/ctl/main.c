/* dbcertctl: asks the daemon, and renders for people. */

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/text.h"
#include "ctl/calendar.h"
#include "ctl/check.h"
#include "ctl/client.h"
#include "ctl/help.h"
#include "ctl/render.h"
#include "ctl/scan.h"
#include "ctl/silence.h"
#include "ctl/trust.h"
#include "ctl/watch.h"

enum {
    EXIT_USAGE = 2,
};

typedef struct Options {
    const char *socket;
    bool json;
    bool help;
    ScanOptions scan;
    bool scan_only_given; /* an option that is for scan alone */
    bool all;
    bool ics;
    const char *until; /* NULL: not given */
    SilenceOptions silence;
    const char *second; /* word after the command; NULL: there is none */
    TrustOptions trust;
} Options;

/* Asks, and renders the answer's member (or, without one, all of it). */
static int ask(const Options *options, const char *method, const char *path, const char *member,
               void (*render)(const json_t *), json_t **ret_body)
{
    json_t *body = NULL;
    int status = client_ask(options->socket, method, path, &body);
    if (status < 0)
        return EXIT_FAILURE;
    int r = EXIT_SUCCESS;
    if (status != 200)
        r = client_show_error(body);
    else if (options->json)
        client_print_json(body);
    else
        render(member ? json_object_get(body, member) : body);
    if (ret_body)
        *ret_body = body;
    else
        json_decref(body);
    return r;
}

static int run_status(const Options *options, const char *name _unused_)
{
    int r = ask(options, "GET", "/v1/endpoints", "endpoints", render_endpoints, NULL);
    if (r != EXIT_SUCCESS || options->json)
        return r;
    return ask(options, "GET", "/v1/status", NULL, render_status, NULL);
}

/* Names have letters that need no escaping; anything else cannot be a name. */
static char *path_of(const char *name, const char *suffix)
{
    return text_is_name(name) ? xasprintf("/v1/endpoints/%s%s", name, suffix) : NULL;
}

static int no_such_name(const char *name)
{
    fprintf(stderr, "dbcertctl: no endpoint is named \"%s\"\n", name);
    return EXIT_FAILURE;
}

static int run_show(const Options *options, const char *name)
{
    _cleanup_free_ char *path = path_of(name, "");
    return path ? ask(options, "GET", path, NULL, render_endpoint, NULL) : no_such_name(name);
}

static int run_findings(const Options *options, const char *name _unused_)
{
    return ask(options, "GET", "/v1/findings", "findings", render_findings, NULL);
}

static int run_probe(const Options *options, const char *name)
{
    json_t *body = NULL, *address;
    size_t i;
    _cleanup_free_ char *path = path_of(name, "/probe");
    int r = path ? ask(options, "POST", path, NULL, render_endpoint, &body) : no_such_name(name);
    const json_t *addresses = json_object_get(body, "addresses");
    if (json_array_size(addresses) == 0)
        r = EXIT_FAILURE;
    json_array_foreach(addresses, i, address)
    {
        const char *outcome = json_string_value(json_object_get(address, "outcome"));
        if (!outcome || strcmp(outcome, "fetched") != 0)
            r = EXIT_FAILURE;
    }
    json_decref(body);
    return r;
}

static int run_authorities(const Options *options, const char *name _unused_)
{
    return ask(options, "GET", "/v1/authorities", NULL,
               options->all ? render_all_authorities : render_authorities, NULL);
}

static int run_plan(const Options *options, const char *ca)
{
    if (!text_is_name(ca)) {
        fprintf(stderr, "dbcertctl: \"%s\" is no CA identifier; expected one such as rds-ca-rsa2048-g1\n", ca);
        return EXIT_FAILURE;
    }
    _cleanup_free_ char *path = xasprintf("/v1/plan/%s", ca);
    return ask(options, "GET", path, NULL, render_plan, NULL);
}

/* Whether every store accepts every endpoint, now and later. */
static bool all_accepted(const json_t *body)
{
    size_t i, j;
    json_t *store, *verdict;
    json_array_foreach(json_object_get(body, "trust_stores"), i, store)
    {
        json_array_foreach(json_object_get(store, "endpoints"), j, verdict)
        {
            if (trust_refuses(verdict))
                return false;
        }
    }
    return true;
}

static int run_trust(const Options *options, const char *file)
{
    json_t *body = NULL;
    TrustOptions trust = options->trust;
    trust.file = file;
    if (file)
        return trust_file(&trust, options->socket, options->json);
    int r = ask(options, "GET", "/v1/trust", NULL, render_trust, &body);
    if (r == EXIT_SUCCESS && !all_accepted(body))
        r = EXIT_FAILURE;
    json_decref(body);
    return r;
}

static int run_rds(const Options *options, const char *word _unused_)
{
    return ask(options, "GET", "/v1/rds", NULL, render_rds, NULL);
}

static int run_history(const Options *options, const char *name)
{
    _cleanup_free_ char *path = path_of(name, "/history");
    return path ? ask(options, "GET", path, NULL, render_history, NULL) : no_such_name(name);
}

static int run_silence(const Options *options, const char *name)
{
    return silence(&options->silence, options->socket, options->json, name, options->second);
}

static int run_check(const Options *options, const char *name)
{
    return check(options->socket, name);
}

static void draw_status(void *userdata)
{
    (void)run_status(userdata, NULL); /* what goes wrong is in the picture */
}

static int run_watch(const Options *options, const char *word _unused_)
{
    Options copy = *options;
    return watch(draw_status, &copy);
}

static void render_calendar(const json_t *forecast)
{
    calendar_print(forecast, clock_now());
}

static int run_forecast(const Options *options, const char *word _unused_)
{
    _cleanup_free_ char *path =
        options->until ? xasprintf("/v1/forecast?until=%s", options->until) : xstrdup("/v1/forecast");
    return ask(options, "GET", path, NULL, options->ics ? render_calendar : render_forecast, NULL);
}

static const struct {
    const char *name;
    int min, max;     /* words after it */
    const char *what; /* they are */
    int (*run)(const Options *options, const char *word);
} commands[] = {
    { "status", 0, 0, "no arguments", run_status },
    { "watch", 0, 0, "no arguments", run_watch },
    { "show", 1, 1, "the name of one endpoint", run_show },
    { "findings", 0, 0, "no arguments", run_findings },
    { "probe", 1, 1, "the name of one endpoint", run_probe },
    { "check", 0, 1, "the name of one endpoint, or none", run_check },
    { "history", 1, 1, "the name of one endpoint", run_history },
    { "silence", 0, 2, "a name or a finding, a name and a finding, or nothing", run_silence },
    { "forecast", 0, 0, "no arguments", run_forecast },
    { "authorities", 0, 0, "no arguments", run_authorities },
    { "plan", 1, 1, "one CA identifier such as rds-ca-rsa2048-g1", run_plan },
    { "trust", 0, 1, "one file, or none", run_trust },
    { "rds", 0, 0, "no arguments", run_rds },
};

static int usage_error(const char *format, const char *word)
{
    fputs("dbcertctl: ", stderr);
    fprintf(stderr, format, word);
    fputs(". See dbcertctl --help.\n", stderr);
    return EXIT_USAGE;
}

static int unknown_command(const char *word)
{
    Nearest nearest = { .misspelt = word };
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        nearest_offer(&nearest, commands[i].name);
    nearest_offer(&nearest, "scan");
    if (!nearest.word)
        return usage_error("unknown command \"%s\"", word);
    fprintf(stderr, "dbcertctl: unknown command \"%s\"; did you mean \"%s\"?\n", word, nearest.word);
    return EXIT_USAGE;
}

static int run_command(Options *options, int argc, char **argv)
{
    if (options->help)
        return help_print(argv[0]) ? EXIT_SUCCESS : unknown_command(argv[0]);
    if (argc == 0)
        return usage_error("expected a command%s", "");
    if (strcmp(argv[0], "scan") == 0) {
        options->scan.targets = argv + 1;
        options->scan.json = options->json;
        if (options->scan.pem && (options->json || options->scan.show_chain))
            return usage_error("--pem prints nothing else%s", ": leave --json and --show-chain out");
        return scan(&options->scan);
    }
    if (options->scan_only_given)
        return usage_error("--engine, --file, --ca-file, --expect-ca, --timeout, --concurrency, --show-chain "
                           "and --pem are for "
                           "scan, not for %s",
                           argv[0]);
    if (options->json && (strcmp(argv[0], "check") == 0 || strcmp(argv[0], "watch") == 0))
        return usage_error("--json is not for %s", argv[0]);
    if ((options->ics || options->until) && strcmp(argv[0], "forecast") != 0)
        return usage_error("--until and --ics are for forecast, not for %s", argv[0]);
    if ((options->silence.period || options->silence.reason || options->silence.end) &&
        strcmp(argv[0], "silence") != 0)
        return usage_error("--for, --reason and --end are for silence, not for %s", argv[0]);
    if (options->ics && options->json)
        return usage_error("--ics prints nothing else%s", ": leave --json out");
    if (options->all && strcmp(argv[0], "authorities") != 0)
        return usage_error("--all is for authorities, not for %s", argv[0]);
    if (options->trust.password_file && (strcmp(argv[0], "trust") != 0 || argc < 2))
        return usage_error("--password-file is for trust with a FILE, not for %s", argc < 2 ? "none" : argv[0]);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        if (argc - 1 < commands[i].min || argc - 1 > commands[i].max) {
            fprintf(stderr, "dbcertctl: %s takes %s. See dbcertctl %s --help.\n", argv[0], commands[i].what,
                    argv[0]);
            return EXIT_USAGE;
        }
        options->second = argc > 2 ? argv[2] : NULL;
        return commands[i].run(options, argc > 1 ? argv[1] : NULL);
    }
    return unknown_command(argv[0]);
}

static bool set_timeout(Options *options, const char *text)
{
    int64_t *seconds = &options->scan.timeout_seconds;
    return duration_parse(text, seconds) == 0 && *seconds >= 1 && *seconds <= 60;
}

static bool set_concurrency(Options *options, const char *text)
{
    char *end;
    options->scan.concurrency = strtol(text, &end, 10);
    return end != text && !*end && options->scan.concurrency >= 1 && options->scan.concurrency <= 4096;
}

/* Returns an exit status, or -1 to go on. */
static int parse_arguments(int argc, char **argv, Options *options)
{
    enum {
        SOCKET = 256,
        JSON,
        VERSION,
        HELP,
        ALL,
        UNTIL,
        ICS,
        FOR,
        REASON,
        END,
        PASSWORD_FILE,
        FILE_,
        CA_FILE,
        EXPECT_CA,
        TIMEOUT,
        CONCURRENCY,
        ENGINE,
        SHOW_CHAIN,
        PEM
    };
    static const struct option longs[] = {
        { "socket", required_argument, NULL, SOCKET },
        { "json", no_argument, NULL, JSON },
        { "version", no_argument, NULL, VERSION },
        { "help", no_argument, NULL, HELP },
        { "all", no_argument, NULL, ALL },
        { "until", required_argument, NULL, UNTIL },
        { "ics", no_argument, NULL, ICS },
        { "for", required_argument, NULL, FOR },
        { "reason", required_argument, NULL, REASON },
        { "end", required_argument, NULL, END },
        { "password-file", required_argument, NULL, PASSWORD_FILE },
        { "file", required_argument, NULL, FILE_ },
        { "ca-file", required_argument, NULL, CA_FILE },
        { "expect-ca", required_argument, NULL, EXPECT_CA },
        { "timeout", required_argument, NULL, TIMEOUT },
        { "concurrency", required_argument, NULL, CONCURRENCY },
        { "engine", required_argument, NULL, ENGINE },
        { "show-chain", no_argument, NULL, SHOW_CHAIN },
        { "pem", no_argument, NULL, PEM },
        { 0 },
    };
    const char *socket = getenv("DBCERTD_SOCKET");
    *options = (Options) {
        .socket = socket && *socket ? socket : DEFAULT_SOCKET,
        .scan = { .timeout_seconds = 10, .concurrency = 64 },
    };
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) >= 0;) {
        options->scan_only_given |= c >= FILE_;
        switch (c) {
        case SOCKET:
            options->socket = optarg;
            break;
        case JSON:
            options->json = true;
            break;
        case VERSION:
            puts("dbcertctl " DBCERTD_VERSION);
            return EXIT_SUCCESS;
        case HELP:
        case 'h':
            options->help = true;
            break;
        case UNTIL:
            if (instant_parse_day(optarg, &(int64_t) { 0 }) < 0)
                return usage_error("--until %s: expected a day such as 2027-06-30", optarg);
            options->until = optarg;
            break;
        case ICS:
            options->ics = true;
            break;
        case FOR:
            options->silence.period = optarg;
            break;
        case REASON:
            options->silence.reason = optarg;
            break;
        case END:
            options->silence.end = optarg;
            break;
        case ALL:
            options->all = true;
            break;
        case PASSWORD_FILE:
            options->trust.password_file = optarg;
            break;
        case FILE_:
            options->scan.file = optarg;
            break;
        case CA_FILE:
            options->scan.ca_file = optarg;
            break;
        case EXPECT_CA:
            options->scan.expect_ca = optarg;
            break;
        case TIMEOUT:
            if (!set_timeout(options, optarg))
                return usage_error("--timeout %s: expected a duration from 1s to 60s", optarg);
            break;
        case ENGINE:
            options->scan.engine = optarg;
            break;
        case SHOW_CHAIN:
            options->scan.show_chain = true;
            break;
        case PEM:
            options->scan.pem = true;
            break;
        case CONCURRENCY:
            if (!set_concurrency(options, optarg))
                return usage_error("--concurrency %s: expected a number from 1 to 4096", optarg);
            break;
        default:
            fputs("See dbcertctl --help.\n", stderr);
            return EXIT_USAGE;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    Options options;
    int status = parse_arguments(argc, argv, &options);
    if (status < 0) {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
            return EXIT_FAILURE;
        status = run_command(&options, argc - optind, argv + optind);
        curl_global_cleanup();
    }
    if (fflush(stdout) == EOF || ferror(stdout)) {
        fprintf(stderr, "dbcertctl: cannot write: %m\n");
        return EXIT_FAILURE;
    }
    return status;
}
