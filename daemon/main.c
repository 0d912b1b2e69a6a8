/* argv, load, run. */

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/app.h"
#include "app/load.h"
#include "base/alloc.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/thread.h"
#include "config/key.h"
#include "model/finding.h"

#define DEFAULT_CONFIG "/etc/dbcertd/dbcertd.conf"

/* For what a journald that is slow still has to take; with the 0.8 seconds that probes have, a stop takes a
 * second. */
#define FLUSH_USEC (150 * USEC_PER_MSEC)

enum {
    EXIT_USAGE = 2,
    EXIT_CONFIGURATION = 78, /* EX_CONFIG */
};

static const char usage[] = "dbcertd [--config FILE] [--check-config]\n"
                            "Watches the TLS certificates of databases on Amazon RDS and says when a\n"
                            "rotation is overdue.\n"
                            "\n"
                            "      --config FILE    read FILE, and dbcertd.d/*.conf beside it\n"
                            "                       (default: " DEFAULT_CONFIG ")\n"
                            "      --check-config   read everything, say what is wrong, and exit\n"
                            "      --list-keys      print the configuration's keys with their defaults\n"
                            "      --list-findings  print what may be found, with severities and remedies\n"
                            "      --version        print the version\n"
                            "      --help           print this\n"
                            "\n"
                            "Exits with 0, 1 for a failure while running, 2 for wrong arguments, 78 for a\n"
                            "wrong configuration.\n"
                            "See dbcertd(8), dbcertd.conf(5), dbcertd-findings(7), dbcertctl(1).\n";

typedef struct Options {
    const char *config;
    bool check_only;
} Options;

/* Tab-separated: name, its kind, default, how it may be written, what it takes, what it is for. */
static void print_key(const char *name, const Key *key, void *userdata _unused_)
{
    _cleanup_free_ char *example = key_example(key), *takes = key_takes(key);
    const char *kind = key->type == KEY_GROUP ? "group" : key->type == KEY_GROUP_LIST ? "groups" : "key";
    printf("%s\t%s\t%s\t%s\t%s\t%s\n", name, kind, key->fallback ? key->fallback : "-", example ? example : "-",
           takes, key->help ? key->help : "-");
}

/* Tab-separated: id, what it is about, severities, the keys that move it, what it means, what to type,
 * MESSAGE_ID. */
static void print_findings(void)
{
    for (int i = 0; i < (int)N_FINDINGS; i++) {
        const FindingInfo *info = finding_info((FindingId)i);
        const char *between = "";
        printf("%s\t%s\t", info->word, subject_kind_to_string(info->subject));
        for (int severity = 0; severity < N_SEVERITIES; severity++)
            if (info->severities & 1U << severity) {
                printf("%s%s", between, severity_to_string((Severity)severity));
                between = ", ";
            }
        printf("\t%s\t%s\t%s\t%s\n", info->thresholds ? info->thresholds : "-", info->meaning, info->remedy,
               info->message_id);
    }
}

/* Returns an exit status, or -1 to go on. */
static int parse_arguments(int argc, char **argv, Options *options)
{
    enum { CONFIG = 256, CHECK_CONFIG, LIST_KEYS, LIST_FINDINGS, VERSION, HELP };
    static const struct option longs[] = {
        { "config", required_argument, NULL, CONFIG },
        { "check-config", no_argument, NULL, CHECK_CONFIG },
        { "list-keys", no_argument, NULL, LIST_KEYS },
        { "list-findings", no_argument, NULL, LIST_FINDINGS },
        { "version", no_argument, NULL, VERSION },
        { "help", no_argument, NULL, HELP },
        { 0 },
    };
    *options = (Options) { .config = DEFAULT_CONFIG };
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) >= 0;) {
        switch (c) {
        case CONFIG:
            options->config = optarg;
            break;
        case CHECK_CONFIG:
            options->check_only = true;
            break;
        case LIST_KEYS:
            key_for_each(print_key, NULL);
            return EXIT_SUCCESS;
        case LIST_FINDINGS:
            print_findings();
            return EXIT_SUCCESS;
        case VERSION:
            puts("dbcertd " DBCERTD_VERSION);
            return EXIT_SUCCESS;
        case HELP:
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            fputs("See dbcertd --help.\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "dbcertd: unexpected argument \"%s\". See dbcertd --help.\n", argv[optind]);
        return EXIT_USAGE;
    }
    return -1;
}

/* Each probe holds a socket or two. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return; /* as in the service, which may not ask for more */
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("cannot raise the limit of open files, ignoring: %m");
}

static int run(int argc, char **argv)
{
    _cleanup_(strv_freep) char **errors = NULL, **warnings = NULL;
    _cleanup_(app_freep) App *app = NULL;
    Loaded *loaded = NULL;
    Options options;
    int status = parse_arguments(argc, argv, &options);
    if (status >= 0)
        return status;

    json_set_alloc_funcs(xmalloc, free);
    const char *level = getenv("SYSTEMD_LOG_LEVEL");
    if (level && strcmp(level, "debug") == 0)
        log_set_max_level(LOG_DEBUG);
    if (prctl(PR_SET_DUMPABLE, 0) <
        0) /* before the first secret is read: none is in a core file or for a tracer */
        log_warning("cannot keep secrets out of core files, ignoring: %m");
    int r = load_configuration(options.config, options.check_only, &loaded, &errors, &warnings);
    for (size_t i = 0; warnings && warnings[i]; i++)
        log_warning("%s", warnings[i]);
    for (size_t i = 0; errors && errors[i]; i++)
        log_error("%s", errors[i]);
    if (r < 0)
        return EXIT_CONFIGURATION;
    if (options.check_only) {
        const Config *config = loaded->config;
        printf("%s: %zu endpoints, %zu trusted certificates, no errors\n", options.config, config->n_endpoints,
               bundle_size(loaded->bundle));
        for (size_t i = 0; i < config->n_sources; i++)
            printf("%s: rds %s is to be asked for more\n", options.config, config->sources[i]->name);
        loaded_free(loaded);
        return EXIT_SUCCESS;
    }

    log_never_wait();
    raise_file_limit();
    r = app_new(&app, loaded);
    if (r >= 0)
        r = app_run(app);
    app_free(TAKE(app));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);
    log_flush(FLUSH_USEC);
    if (thread_was_abandoned())
        _exit(status); /* what exit() tears down may still be in use */
    return status;
}
