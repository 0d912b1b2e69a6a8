#include "ctl/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "ctl/help.h"
#include "model/finding.h"

typedef enum Option {
    SOCKET,
    JSON,
    VERSION,
    HELP,
    SORT,
    SEVERITY,
    ENGINE,
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
    SHOW_CHAIN,
    PEM,
    N_OPTIONS,
} Option;

/* commands: that take it, with spaces between; NULL: all; "!": all but these. */
static const struct {
    struct option option;
    const char *commands;
} known[N_OPTIONS] = {
    { { "socket", required_argument, NULL, SOCKET }, NULL },
    { { "json", no_argument, NULL, JSON }, "! check watch" },
    { { "version", no_argument, NULL, VERSION }, NULL },
    { { "help", no_argument, NULL, HELP }, NULL },
    { { "sort", required_argument, NULL, SORT }, "status watch" },
    { { "severity", required_argument, NULL, SEVERITY }, "status watch findings" },
    { { "engine", required_argument, NULL, ENGINE }, "status watch findings scan" },
    { { "all", no_argument, NULL, ALL }, "authorities" },
    { { "until", required_argument, NULL, UNTIL }, "forecast" },
    { { "ics", no_argument, NULL, ICS }, "forecast" },
    { { "for", required_argument, NULL, FOR }, "silence" },
    { { "reason", required_argument, NULL, REASON }, "silence" },
    { { "end", required_argument, NULL, END }, "silence" },
    { { "password-file", required_argument, NULL, PASSWORD_FILE }, "trust" },
    { { "file", required_argument, NULL, FILE_ }, "scan" },
    { { "ca-file", required_argument, NULL, CA_FILE }, "scan" },
    { { "expect-ca", required_argument, NULL, EXPECT_CA }, "scan" },
    { { "timeout", required_argument, NULL, TIMEOUT }, "scan" },
    { { "concurrency", required_argument, NULL, CONCURRENCY }, "scan" },
    { { "show-chain", no_argument, NULL, SHOW_CHAIN }, "scan" },
    { { "pem", no_argument, NULL, PEM }, "scan" },
};

/* Whether the word is in the list. */
static bool lists(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* "status, watch and findings" */
static char *words_of(const char *list)
{
    Buffer words = { 0 };
    for (const char *space; (space = strchr(list, ' ')); list = space + 1)
        buffer_printf(&words, "%.*s%s", (int)(space - list), list, strchr(space + 1, ' ') ? ", " : " and ");
    buffer_printf(&words, "%s", list);
    return buffer_take_text(&words);
}

int options_check(const Options *options, const char *command)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        const char *commands = known[i].commands;
        if (!(options->given & UINT64_C(1) << i) || !commands)
            continue;
        if (commands[0] == '!') {
            if (!lists(commands, command))
                continue;
            return usage_error("--%s is not for %s", known[i].option.name, command);
        }
        if (lists(commands, command))
            continue;
        _cleanup_free_ char *words = words_of(commands);
        return usage_error("--%s is for %s, not for %s", known[i].option.name, words, command);
    }
    return -1;
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

/* Those whose argument may be wrong. Returns an exit status, or -1. */
static int set_checked(Options *options, Option option, const char *text)
{
    switch (option) {
    case SOCKET:
        options->socket = text;
        return *text ? -1 : usage_error("--socket: expected a path, such as " DEFAULT_SOCKET);
    case UNTIL:
        options->until = text;
        return instant_parse_day(text, &(int64_t) { 0 }) < 0
                   ? usage_error("--until %s: expected a day such as 2027-06-30", text)
                   : -1;
    case SORT:
        options->choice.sort = text;
        return choice_sort_is_known(text) ? -1 : usage_error("--sort %s: expected " CHOICE_SORTS, text);
    case SEVERITY:
        options->choice.severity = text;
        return severity_from_string(text) >= 0
                   ? -1
                   : usage_error("--severity %s: expected ok, notice, unknown, warning or critical", text);
    case TIMEOUT:
        return set_timeout(options, text)
                   ? -1
                   : usage_error("--timeout %s: expected a duration from 1s to 60s", text);
    default:
        return set_concurrency(options, text)
                   ? -1
                   : usage_error("--concurrency %s: expected a number from 1 to 4096", text);
    }
}

/* Returns an exit status, or -1. */
static int set(Options *options, Option option, const char *text)
{
    switch (option) {
    case JSON:
        options->json = true;
        break;
    case VERSION:
        puts("dbcertctl " DBCERTD_VERSION);
        return EXIT_SUCCESS;
    case HELP:
        options->help = true;
        break;
    case ENGINE:
        options->scan.engine = options->choice.engine = text;
        break;
    case ALL:
        options->all = true;
        break;
    case ICS:
        options->ics = true;
        break;
    case FOR:
        options->silence.period = text;
        break;
    case REASON:
        options->silence.reason = text;
        break;
    case END:
        options->silence.end = text;
        break;
    case PASSWORD_FILE:
        options->trust.password_file = text;
        break;
    case FILE_:
        options->scan.file = text;
        break;
    case CA_FILE:
        options->scan.ca_file = text;
        break;
    case EXPECT_CA:
        options->scan.expect_ca = text;
        break;
    case SHOW_CHAIN:
        options->scan.show_chain = true;
        break;
    case PEM:
        options->scan.pem = true;
        break;
    default:
        return set_checked(options, option, text);
    }
    return -1;
}

int options_parse(int argc, char **argv, Options *options)
{
    const char *socket = getenv("DBCERTD_SOCKET");
    struct option longs[N_OPTIONS + 1] = { 0 };
    int status = -1;
    for (int i = 0; i < N_OPTIONS; i++)
        longs[i] = known[i].option;
    *options = (Options) {
        .socket = socket && *socket ? socket : DEFAULT_SOCKET,
        .scan = { .timeout_seconds = 10, .concurrency = 64 },
    };
    for (int c; status < 0 && (c = getopt_long(argc, argv, "h", longs, NULL)) >= 0;) {
        if (c == '?') {
            fputs("See dbcertctl --help.\n", stderr);
            return EXIT_USAGE;
        }
        Option option = c == 'h' ? HELP : (Option)c;
        options->given |= UINT64_C(1) << option;
        status = set(options, option, optarg);
    }
    return status;
}
