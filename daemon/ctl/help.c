#include "ctl/help.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/status.h"
#include "model/engine.h"

/* A screen of 24 lines. */
static const char overview[] = "dbcertctl [--socket PATH] [--json] COMMAND\n"
                               "Asks dbcertd about the TLS certificates of databases.\n"
                               "\n"
                               "  status          a line per endpoint\n"
                               "  watch           the same, again and again, until q\n"
                               "  show NAME       everything about one: dates, addresses, chains, findings\n"
                               "  findings        what is wrong, with what to type\n"
                               "  history NAME    the certificates that one has served\n"
                               "  silence         what nobody is told of at present; makes and ends silences\n"
                               "  probe NAME      probe it now, and show it\n"
                               "  check [NAME]    one line and a status, for Nagios and its kind\n"
                               "  forecast        what is to come: half-lives, windows, notices, ends\n"
                               "  authorities     Amazon's CAs: where, until when, and who uses them\n"
                               "  plan CA         the steps to move to a CA, in order\n"
                               "  trust [FILE]    whether clients' trust stores accept what is served\n"
                               "  rds             what the RDS API was asked, and what stands in the way\n"
                               "  scan TARGET...  probe without the daemon\n"
                               "\n"
                               "      --socket PATH  default: $DBCERTD_SOCKET, else " DEFAULT_SOCKET "\n"
                               "      --json         print JSON\n"
                               "      --version, --help\n"
                               "\n"
                               "dbcertctl COMMAND --help says more of each; dbcertctl(1) is the manual.\n";

#define CHOOSING                                                                      \
    "      --severity SEVERITY  that and worse: notice, unknown, warning, critical\n" \
    "      --engine ENGINE      only that one; an edition may be left out\n"
#define CHOICES CHOOSING "      --sort WHAT          by " CHOICE_SORTS "\n"

static const struct {
    const char *command, *text;
} texts[] = {
    { "status", "dbcertctl [--json] status [PATTERN...]\n"
                "A line per endpoint, and one about all of them: its severity (C critical,\n"
                "W warning, U unknown, N notice), its certificate's life with half-life (|) and\n"
                "now (>), what is left, what comes next, what is found. Patterns of names are a\n"
                "shell's.\n"
                "\n" CHOICES },
    { "watch", "dbcertctl watch [PATTERN...]\n"
               "The status, drawn again every two seconds; q ends it.\n"
               "\n" CHOICES },
    { "show", "dbcertctl [--json] show NAME\n"
              "Everything about one endpoint: its clocks, findings, addresses and chains,\n"
              "what it has served, and what is to come.\n" },
    { "findings", "dbcertctl [--json] findings [PATTERN...]\n"
                  "What is wrong now, since when, and what to type.\n"
                  "\n" CHOOSING },
    { "history", "dbcertctl [--json] history NAME\n"
                 "The certificates that an endpoint has served, from when to when, and how old\n"
                 "each was when it was replaced. Also of one that is not configured any more.\n" },
    { "silence", "dbcertctl [--json] silence\n"
                 "dbcertctl silence [NAME] [FINDING] --for TIME --reason TEXT\n"
                 "dbcertctl silence --end ID\n"
                 "Lists silences; makes one of an endpoint, of a finding, or of both; ends one.\n"
                 "\n"
                 "      --for TIME     how long, from 10s to 366d, such as 14d\n"
                 "      --reason TEXT  why\n"
                 "      --end ID       end that one now\n" },
    { "probe", "dbcertctl [--json] probe NAME\n"
               "Probes an endpoint now, and shows it. Exits with 1 if that failed.\n" },
    { "check", "dbcertctl check [NAME]\n"
               "One line with performance data about one endpoint or all, for Nagios.\n"
               "Exits with 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN).\n" },
    { "forecast", "dbcertctl [--json] forecast [--until DATE] [--ics]\n"
                  "What is to come if everything stays as it is.\n"
                  "\n"
                  "      --until DATE  to the end of a day such as 2027-06-30 (default: a year)\n"
                  "      --ics         as an iCalendar\n" },
    { "authorities", "dbcertctl [--json] authorities [--all]\n"
                     "Amazon's CAs: where, until when, and who uses them.\n"
                     "\n"
                     "      --all  also in regions without endpoints\n" },
    { "plan", "dbcertctl [--json] plan CA\n"
              "The steps to move every endpoint to a CA such as rds-ca-rsa2048-g1, in order.\n" },
    { "trust", "dbcertctl [--json] trust\n"
               "dbcertctl [--json] trust FILE [--password-file FILE]\n"
               "Whether clients with the configured trust stores, or with FILE, accept what is\n"
               "served and what will be. Exits with 1 if one does not.\n"
               "\n"
               "      --password-file FILE  its first line opens FILE\n" },
    { "rds", "dbcertctl [--json] rds\n"
             "What the RDS API was asked: regions, endpoints, and what stands in the way.\n" },
    { "scan", "dbcertctl [--json] scan TARGET...\n"
              "dbcertctl [--json] scan --file FILE\n"
              "Probes without the daemon. A target is ENGINE://HOST[:PORT][?KEY=VALUE&...].\n"
              "Exits with 1 if a certificate was not fetched.\n"
              "\n"
              "      --engine ENGINE  of targets that are HOST[:PORT] alone\n"
              "      --file FILE      more targets, one a line; - for standard input\n"
              "      --ca-file FILE   verify chains against this bundle\n"
              "      --expect-ca CA   what targets should serve, such as rds-ca-rsa2048-g1\n"
              "      --timeout TIME   for each probe (default: 10s)\n"
              "      --concurrency N  probes at once (default: 64)\n"
              "      --show-chain     also everything that every address served\n"
              "      --pem            nothing but the certificates that were served, as PEM\n"
              "\n"
              "Keys: ca, verify_name, region, rotation, maintenance_window, farewell, kind;\n"
              "and strict, direct_tls, check_plaintext, which need no value.\n"
              "Engines:\n" ENGINE_NAMES_1 ",\n" ENGINE_NAMES_2 ",\n" ENGINE_NAMES_3 ".\n" },
};

int usage_error(const char *format, ...)
{
    va_list args;
    fputs("dbcertctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(". See dbcertctl --help.\n", stderr);
    return EXIT_USAGE;
}

bool help_print(const char *command)
{
    const char *text = command ? NULL : overview;
    for (size_t i = 0; command && i < ARRAY_SIZE(texts); i++)
        if (strcmp(texts[i].command, command) == 0)
            text = texts[i].text;
    return text && fputs(text, stdout) >= 0;
}
