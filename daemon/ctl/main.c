/* dbcertctl: asks the daemon, and renders for people. */

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/text.h"
#include "control/calendar.h"
#include "control/json.h"
#include "ctl/check.h"
#include "ctl/client.h"
#include "ctl/help.h"
#include "ctl/options.h"
#include "ctl/render.h"
#include "ctl/scan.h"
#include "ctl/show.h"
#include "ctl/silence.h"
#include "ctl/status.h"
#include "ctl/trust.h"
#include "ctl/watch.h"

#define WORDS_MAX 1000 /* patterns */

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

/* Asks for a list, and shows what is chosen of it. */
static int ask_for_some(const Options *options, const char *path, const char *member,
                        json_t *(*choose)(const json_t *list, const Choice *choice),
                        void (*render)(const json_t *))
{
    json_t *body = NULL;
    int status = client_ask(options->socket, "GET", path, &body);
    if (status < 0)
        return EXIT_FAILURE;
    if (status != 200) {
        int r = client_show_error(body);
        json_decref(body);
        return r;
    }
    json_t *list = json_object_get(body, member), *chosen = choose(list, &options->choice);
    if (options->json) {
        json_object_set(body, member, chosen);
        client_print_json(body);
    } else if (json_array_size(chosen) == 0 && json_array_size(list) > 0)
        puts("None of them is chosen by these options and patterns.");
    else
        render(chosen);
    json_decref(chosen);
    json_decref(body);
    return EXIT_SUCCESS;
}

static void render_fleet(const json_t *endpoints)
{
    if (json_array_size(endpoints) > 0)
        render_endpoints(endpoints);
    else
        puts("Nothing is watched yet: add endpoints to /etc/dbcertd/dbcertd.conf, then systemctl reload "
             "dbcertd.");
}

static int run_status(const Options *options, const char *name _unused_)
{
    int r = ask_for_some(options, "/v1/endpoints", "endpoints", choose_endpoints, render_fleet);
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
    json_t *forecast = NULL;
    _cleanup_free_ char *path = path_of(name, ""), *history = path_of(name, "/history");
    int r = path ? ask(options, "GET", path, NULL, render_endpoint, NULL) : no_such_name(name);
    if (r != EXIT_SUCCESS || options->json)
        return r;
    r = ask(options, "GET", history, NULL, render_served, NULL);
    if (r == EXIT_SUCCESS && client_ask(options->socket, "GET", "/v1/forecast", &forecast) < 0)
        r = EXIT_FAILURE;
    render_coming(name, forecast);
    json_decref(forecast);
    return r;
}

static int run_findings(const Options *options, const char *name _unused_)
{
    return ask_for_some(options, "/v1/findings", "findings", choose_findings, render_findings);
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
    return silence_run(&options->silence, options->socket, options->json, name, options->second);
}

static int run_check(const Options *options, const char *name)
{
    return check_run(options->socket, name);
}

static void draw_status(void *userdata)
{
    (void)run_status(userdata, NULL); /* what goes wrong is in the picture */
}

static int run_watch(const Options *options, const char *word _unused_)
{
    Options copy = *options;
    return watch_run(draw_status, &copy);
}

/* The daemon's forecast again; what has no date is left out. */
static void read_forecast(const json_t *body, Forecast *ret)
{
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(body, "events"), i, event)
    {
        const char *store = json_text_of(event, "trust_store");
        int kind = forecast_kind_from_string(json_text_of(event, "kind"));
        ForecastEvent e = { .kind = (ForecastKind)kind };
        if (kind < 0 || instant_parse(json_text_of(event, "at"), &e.at) < 0 ||
            instant_parse(json_text_of(event, "ends_at"), &e.ends_at) < 0)
            continue;
        e.subject = xstrdup(*store ? store : json_text_of(event, "endpoint"));
        e.id = xstrdup(json_text_of(event, "id"));
        e.text = xstrdup(json_text_of(event, "text"));
        forecast_append(ret, e);
    }
}

static void render_calendar(const json_t *body)
{
    _cleanup_(forecast_deinit) Forecast forecast = { 0 };
    read_forecast(body, &forecast);
    _cleanup_free_ char *calendar = calendar_write(&forecast, clock_now());
    fputs(calendar, stdout);
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
    { "status", 0, WORDS_MAX, "patterns of names, or none", run_status },
    { "watch", 0, WORDS_MAX, "patterns of names, or none", run_watch },
    { "show", 1, 1, "the name of one endpoint", run_show },
    { "findings", 0, WORDS_MAX, "patterns of names, or none", run_findings },
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
        return usage_error("expected a command");
    int status = options_check(options, argv[0]);
    if (status >= 0)
        return status;
    if (strcmp(argv[0], "scan") == 0) {
        options->scan.targets = argv + 1;
        options->scan.json = options->json;
        if (options->scan.pem && (options->json || options->scan.show_chain))
            return usage_error("--pem prints nothing else: leave --json and --show-chain out");
        return scan_run(&options->scan);
    }
    if (options->ics && options->json)
        return usage_error("--ics prints nothing else: leave --json out");
    if (options->trust.password_file && argc < 2)
        return usage_error("--password-file is for trust with a FILE");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        if (argc - 1 < commands[i].min || argc - 1 > commands[i].max) {
            fprintf(stderr, "dbcertctl: %s takes %s. See dbcertctl %s --help.\n", argv[0], commands[i].what,
                    argv[0]);
            return EXIT_USAGE;
        }
        options->second = argc > 2 ? argv[2] : NULL;
        options->choice.patterns = argv + 1;
        return commands[i].run(options, argc > 1 ? argv[1] : NULL);
    }
    return unknown_command(argv[0]);
}

int main(int argc, char **argv)
{
    Options options;
    if (prctl(PR_SET_DUMPABLE, 0) < 0) /* a trust store's password is in no core file */
        fprintf(stderr, "dbcertctl: cannot keep secrets out of core files, ignoring: %m\n");
    json_set_alloc_funcs(xmalloc, free);
    int status = options_parse(argc, argv, &options);
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
