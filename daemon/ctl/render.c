#include "ctl/render.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "model/finding.h"

#define COLUMNS_MAX 8

static const char *const colours[N_SEVERITIES] = {
    [SEVERITY_OK] = "\033[32m",      [SEVERITY_NOTICE] = "\033[36m",     [SEVERITY_UNKNOWN] = "\033[35m",
    [SEVERITY_WARNING] = "\033[33m", [SEVERITY_CRITICAL] = "\033[1;31m",
};

static bool use_colours(void)
{
    const char *no_color = getenv("NO_COLOR");
    return !(no_color && *no_color) && isatty(STDOUT_FILENO);
}

static const char *colour_of(const char *severity)
{
    int s = severity_from_string(severity);
    return s >= 0 && use_colours() ? colours[s] : "";
}

static const char *colour_end(void)
{
    return use_colours() ? "\033[0m" : "";
}

static const char *get(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static bool has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value);
}

/* The day is enough for a table. */
static char *day(const json_t *object, const char *key)
{
    const char *text = get(object, key);
    return xstrndup(text, strcspn(text, "T"));
}

typedef struct Table {
    char *(*rows)[COLUMNS_MAX];
    size_t n;
} Table;

static void table_deinit(Table *table)
{
    for (size_t i = 0; i < table->n; i++)
        for (size_t j = 0; j < COLUMNS_MAX; j++)
            free(table->rows[i][j]);
    free(table->rows);
}

/* Takes the cells. The last one says the severity first. */
static void add_row(Table *table, size_t n_cells, char **cells)
{
    table->rows = xgrow(table->rows, table->n, sizeof *table->rows);
    memset(table->rows[table->n], 0, sizeof *table->rows);
    memcpy(table->rows[table->n++], cells, n_cells * sizeof *cells);
}

static void print_table(const Table *table)
{
    size_t width[COLUMNS_MAX] = { 0 };
    for (size_t i = 0; i < table->n; i++)
        for (size_t j = 0; j < COLUMNS_MAX && table->rows[i][j]; j++)
            if (strlen(table->rows[i][j]) > width[j])
                width[j] = strlen(table->rows[i][j]);
    for (size_t i = 0; i < table->n; i++) {
        char *const *cells = table->rows[i];
        for (size_t j = 0; j < COLUMNS_MAX && cells[j]; j++) {
            bool last = j + 1 == COLUMNS_MAX || !cells[j + 1];
            if (!last) {
                printf("%-*s  ", (int)width[j], cells[j]);
                continue;
            }
            size_t word = strcspn(cells[j], " ");
            _cleanup_free_ char *severity = xstrndup(cells[j], word);
            printf("%s%s%s%s\n", colour_of(severity), severity, *colour_of(severity) ? colour_end() : "",
                   cells[j] + word);
        }
    }
}

/* "warning rotation-overdue, name-mismatch" */
static char *verdict(const json_t *endpoint)
{
    Buffer text = { 0 };
    size_t i, n_said = 0;
    json_t *finding;
    const char *last = "";
    buffer_printf(&text, "%s", get(endpoint, "severity"));
    json_array_foreach(json_object_get(endpoint, "findings"), i, finding)
    {
        const char *id = get(finding, "id");
        if (strcmp(id, last) != 0) /* the same at several addresses */
            buffer_printf(&text, "%s%s", n_said++ ? ", " : " ", id);
        last = id;
    }
    return buffer_take_text(&text);
}

void render_endpoints(const json_t *endpoints)
{
    _cleanup_(table_deinit) Table table = { 0 };
    size_t i;
    json_t *e;
    char *head[] = { xstrdup("NAME"),      xstrdup("ENGINE"), xstrdup("SERVED CA"), xstrdup("CLASS"),
                     xstrdup("HALF-LIFE"), xstrdup("ENDS"),   xstrdup("SEVERITY") };
    add_row(&table, ARRAY_SIZE(head), head);
    json_array_foreach(endpoints, i, e)
    {
        const json_t *rotation = json_object_get(e, "rotation");
        char *cells[] = { xstrdup(get(e, "name")),
                          xstrdup(get(e, "engine")),
                          xstrdup(get(e, "served_ca")),
                          xstrdup(get(rotation, "class")),
                          day(rotation, "half_life"),
                          day(e, "not_after"),
                          verdict(e) };
        add_row(&table, ARRAY_SIZE(cells), cells);
    }
    print_table(&table);
}

void render_status(const json_t *status)
{
    const json_t *severities = json_object_get(status, "severities");
    printf("\n%lld endpoints", json_integer_value(json_object_get(status, "endpoints")));
    for (int s = SEVERITY_CRITICAL; s >= SEVERITY_OK; s--) {
        const char *name = severity_to_string((Severity)s);
        long long n = json_integer_value(json_object_get(severities, name));
        if (n > 0)
            printf(", %s%lld %s%s", colour_of(name), n, name, colour_end());
    }
    if (has(status, "next_probe_at"))
        printf("; next probe at %s", get(status, "next_probe_at"));
    puts("");
    if (has(status, "reload_error"))
        printf("%sThe latest reload failed, the configuration of %s goes on:%s\n%s\n", colour_of("critical"),
               get(status, "configured_at"), colour_end(), get(status, "reload_error"));
}

static void print_finding(const json_t *finding, const char *indent)
{
    const char *severity = get(finding, "severity"),
               *endpoint = json_string_value(json_object_get(finding, "endpoint"));
    printf("%s%s%s%s  ", indent, colour_of(severity), severity, colour_end());
    if (endpoint)
        printf("%s  ", endpoint);
    printf("%s", get(finding, "id"));
    if (has(finding, "address"))
        printf("  at %s", get(finding, "address"));
    if (has(finding, "since"))
        printf("  since %s", get(finding, "since"));
    if (has(finding, "due"))
        printf("  due %s", get(finding, "due"));
    printf("\n%s  %s\n%s  Do: %s\n", indent, get(finding, "message"), indent, get(finding, "remedy"));
}

void render_findings(const json_t *findings)
{
    size_t i;
    json_t *finding;
    if (json_array_size(findings) == 0)
        puts("Nothing to report.");
    json_array_foreach(findings, i, finding)
    {
        if (i > 0)
            puts("");
        print_finding(finding, "");
    }
}

static const char *yes_or_no(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "not known";
}

static void print_names(const json_t *certificate)
{
    size_t i;
    json_t *name;
    const json_t *names = json_object_get(certificate, "names");
    if (json_array_size(names) == 0)
        return;
    printf("      names       ");
    json_array_foreach(names, i, name) printf("%s%s", i ? ", " : "", json_string_value(name));
    puts("");
}

static void print_certificate(const json_t *c)
{
    printf("    %s\n", get(c, "role"));
    printf("      subject     %s\n", get(c, "subject"));
    printf("      issuer      %s\n", get(c, "issuer"));
    printf("      valid       %s to %s\n", get(c, "not_before"), get(c, "not_after"));
    printf("      serial      %s\n", get(c, "serial"));
    printf("      sha256      %s\n", get(c, "sha256"));
    printf("      key         %s, signed with %s\n", get(c, "key"), get(c, "signature"));
    print_names(c);
}

static void print_address(const json_t *address)
{
    size_t i;
    json_t *certificate;
    const json_t *tls = json_object_get(address, "tls");
    printf("\n  %s  %s", get(address, "address"), get(address, "outcome"));
    if (has(address, "detail"))
        printf(" at %s: %s", get(address, "stage"), get(address, "detail"));
    printf("\n    probed        %s, took %lld ms\n", get(address, "observed_at"),
           json_integer_value(json_object_get(address, "duration_ms")));
    if (json_array_size(json_object_get(address, "chain")) == 0)
        return;
    if (strcmp(get(address, "seen_at"), get(address, "observed_at")) != 0)
        printf("    last seen     %s\n", get(address, "seen_at"));
    if (has(address, "tls"))
        printf("    tls           %s, %s, %s%s%s\n", get(tls, "version"), get(tls, "cipher"), get(tls, "group"),
               has(tls, "alpn") ? ", ALPN " : "", has(tls, "alpn") ? get(tls, "alpn") : "");
    if (has(address, "plaintext"))
        printf("    without TLS   %s\n", get(address, "plaintext"));
    printf("    trusted       %s\n", yes_or_no(address, "trusted"));
    printf("    name matches  %s\n", yes_or_no(address, "name_matches"));
    json_array_foreach(json_object_get(address, "chain"), i, certificate) print_certificate(certificate);
}

void render_endpoint(const json_t *e)
{
    size_t i;
    json_t *item;
    const json_t *rotation = json_object_get(e, "rotation");
    const char *severity = get(e, "severity");
    printf("%s  %s%s%s\n", get(e, "name"), colour_of(severity), severity, colour_end());
    printf("  endpoint        %s port %lld, %s", get(e, "host"), json_integer_value(json_object_get(e, "port")),
           get(e, "engine"));
    printf("%s%s\n", has(e, "region") ? ", " : "", has(e, "region") ? get(e, "region") : "");
    printf("  CA              configured %s, served %s, ends %s\n", get(e, "configured_ca"),
           get(e, "served_ca"), get(e, "ca_not_after"));
    printf("  certificate     %s to %s\n", get(e, "not_before"), get(e, "not_after"));
    if (has(e, "rotation"))
        printf("  rotation        %s (%s); half-life %s, expected by %s, overdue after %s\n",
               get(rotation, "class"), get(rotation, "source"), get(rotation, "half_life"),
               get(rotation, "expected_by"), get(rotation, "overdue_after"));
    if (has(e, "next_probe_at"))
        printf("  next probe      %s\n", get(e, "next_probe_at"));
    json_array_foreach(json_object_get(e, "findings"), i, item)
    {
        puts("");
        print_finding(item, "  ");
    }
    json_array_foreach(json_object_get(e, "addresses"), i, item) print_address(item);
}
