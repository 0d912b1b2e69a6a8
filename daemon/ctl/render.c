#include "ctl/render.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "ctl/table.h"
#include "model/finding.h"

#define NAMES_MAX 4 /* in a cell */

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
    if (table_has(status, "trust") && strcmp(table_text(status, "trust"), "ok") != 0)
        printf("; trust stores and bundles: %s%s%s", colour_of(table_text(status, "trust")),
               table_text(status, "trust"), colour_end());
    if (table_has(status, "rds") && strcmp(table_text(status, "rds"), "ok") != 0)
        printf("; the RDS API: %s%s%s", colour_of(table_text(status, "rds")), table_text(status, "rds"),
               colour_end());
    if (table_has(status, "daemon") && strcmp(table_text(status, "daemon"), "ok") != 0)
        printf("; dbcertd itself: %s%s%s", colour_of(table_text(status, "daemon")),
               table_text(status, "daemon"), colour_end());
    if (json_integer_value(json_object_get(status, "silences")) > 0)
        printf("; silences: %lld", json_integer_value(json_object_get(status, "silences")));
    if (table_has(status, "next_probe_at"))
        printf("; next probe at %s", table_text(status, "next_probe_at"));
    puts("");
    if (table_has(status, "reload_error"))
        printf("%sThe latest reload failed, the configuration of %s goes on:%s\n%s\n", colour_of("critical"),
               table_text(status, "configured_at"), colour_end(), table_text(status, "reload_error"));
}

/* Each line as it is, so that all of them can be pasted; a shell ignores the indent. */
static void print_script(const char *script, const char *indent)
{
    for (size_t length; *script; script += length + (script[length] == '\n')) {
        length = strcspn(script, "\n");
        printf("%s  %.*s\n", indent, (int)length, script);
    }
}

void render_finding(const json_t *finding, const char *indent)
{
    const char *severity = table_text(finding, "severity"),
               *endpoint = json_string_value(json_object_get(finding, "endpoint"));
    printf("%s%s%s%s  ", indent, colour_of(severity), severity, colour_end());
    if (endpoint)
        printf("%s  ", endpoint);
    else if (table_has(finding, "trust_store"))
        printf("trust store %s  ", table_text(finding, "trust_store"));
    else if (table_has(finding, "bundle"))
        printf("bundle %s  ", table_text(finding, "bundle"));
    else if (table_has(finding, "rds"))
        printf("rds %s  ", table_text(finding, "rds"));
    else if (table_has(finding, "daemon"))
        printf("%s itself  ", table_text(finding, "daemon"));
    printf("%s", table_text(finding, "id"));
    if (table_has(finding, "address"))
        printf("  at %s", table_text(finding, "address"));
    if (table_has(finding, "since"))
        printf("  since %s", table_text(finding, "since"));
    if (table_has(finding, "due"))
        printf("  due %s", table_text(finding, "due"));
    if (strcmp(table_text(finding, "state"), "pending") == 0)
        printf("  pending");
    if (table_has(finding, "silenced_until"))
        printf("  silenced until %s", table_text(finding, "silenced_until"));
    printf("\n%s  %s\n", indent, table_text(finding, "message"));
    print_script(table_text(finding, "remedy"), indent);
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
        render_finding(finding, "");
    }
}

/* "orders, shop and 3 more" */
static char *some_names(const json_t *names)
{
    Buffer text = { 0 };
    size_t i, n = json_array_size(names);
    json_t *name;
    json_array_foreach(names, i, name)
    {
        if (i == NAMES_MAX) {
            buffer_printf(&text, " and %zu more", n - i);
            break;
        }
        buffer_printf(&text, "%s%s", i ? ", " : "", json_string_value(name));
    }
    return n ? buffer_take_text(&text) : xstrdup("-");
}

static bool is_in(const json_t *names, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(names, i, item) if (strcmp(json_string_value(item), name) == 0) return true;
    return false;
}

/* The regions that some endpoint is in. */
static json_t *regions_in_use(const json_t *authorities)
{
    json_t *authority, *regions = json_array();
    size_t i;
    json_array_foreach(authorities, i, authority)
    {
        bool used = json_array_size(json_object_get(authority, "served_by")) +
                        json_array_size(json_object_get(authority, "configured_by")) >
                    0;
        if (used && !is_in(regions, table_text(authority, "region")))
            json_array_append_new(regions, json_string(table_text(authority, "region")));
    }
    return regions;
}

static void add_authority(Table *table, const json_t *a)
{
    bool offered = json_is_true(json_object_get(a, "offered"));
    char *cells[] = { xstrdup(table_text(a, "region")),
                      xstrdup(table_text(a, "ca")),
                      table_day(a, "not_after"),
                      xstrdup(offered                                           ? "yes"
                              : strcmp(table_text(a, "offered_by"), "api") == 0 ? "not, says RDS"
                                                                                : "not, says the guide"),
                      xstrdup(json_is_true(json_object_get(a, "rotates")) ? "by itself" : "no"),
                      xstrdup(yes_or_no(a, "trusted")),
                      some_names(json_object_get(a, "served_by")),
                      some_names(json_object_get(a, "configured_by")) };
    add_row(table, ARRAY_SIZE(cells), cells);
}

static void render_some_authorities(const json_t *body, bool all)
{
    _cleanup_(table_deinit) Table table = { 0 };
    const json_t *authorities = json_object_get(body, "authorities"),
                 *catalogue = json_object_get(body, "catalogue");
    json_t *authority, *regions = regions_in_use(authorities);
    size_t i;
    char *head[] = { xstrdup("REGION"),  xstrdup("CA"),      xstrdup("ENDS"),      xstrdup("OFFERED"),
                     xstrdup("ROTATES"), xstrdup("TRUSTED"), xstrdup("SERVED BY"), xstrdup("CONFIGURED FOR") };
    add_row(&table, ARRAY_SIZE(head), head);
    json_array_foreach(authorities, i, authority)
    {
        if (all || is_in(regions, table_text(authority, "region")))
            add_authority(&table, authority);
    }
    print_table(&table);
    printf("\nCatalogue of %s (%s)%s\n", table_text(catalogue, "version"), table_text(catalogue, "origin"),
           all ? "" : "; regions without endpoints are left out, --all has them");
    json_decref(regions);
}

void render_authorities(const json_t *body)
{
    render_some_authorities(body, false);
}

void render_all_authorities(const json_t *body)
{
    render_some_authorities(body, true);
}

void render_plan(const json_t *plan)
{
    static const char *const heads[] = { "trust-store", "Clients' trust stores first",
                                         "bundle",      "What dbcertd itself trusts",
                                         "instance",    "Then the instances",
                                         "configure",   "And what dbcertd expects",
                                         "nothing",     "Nothing is to be done for" };
    const json_t *steps = json_object_get(plan, "steps");
    size_t i, n_blocked = 0, number = 0;
    json_t *step;
    const char *kind = "";
    printf("To %s:\n", table_text(plan, "ca"));
    json_array_foreach(steps, i, step)
    {
        for (size_t h = 0; h < ARRAY_SIZE(heads); h += 2)
            if (strcmp(heads[h], table_text(step, "kind")) == 0 && strcmp(kind, heads[h]) != 0)
                printf("\n%s\n", heads[h + 1]);
        kind = table_text(step, "kind");
        if (strcmp(kind, "nothing") == 0) {
            printf("  %s: %s\n", table_text(step, "subject"), table_text(step, "text"));
            continue;
        }
        printf("  %zu. %s%s%s\n", ++number, table_has(step, "subject") ? table_text(step, "subject") : "",
               table_has(step, "subject") ? ": " : "", table_text(step, "text"));
        if (table_has(step, "restart"))
            printf("     restart: %s\n", table_text(step, "restart"));
        if (table_has(step, "blocked")) {
            printf("     %sin the way: %s%s\n", colour_of("warning"), table_text(step, "blocked"),
                   colour_end());
            n_blocked++;
        }
        print_script(table_text(step, "remedy"), "   ");
    }
    if (json_array_size(steps) == 0)
        puts("\nNo endpoint is watched.");
    else if (number == 0)
        puts("\nNothing is left to do.");
    else
        printf("\n%zu steps, %zu with something in the way\n", number, n_blocked);
}

void render_forecast(const json_t *forecast)
{
    _cleanup_(table_deinit) Table table = { 0 };
    const json_t *events = json_object_get(forecast, "events");
    size_t i;
    json_t *e;
    char *head[] = { xstrdup("WHEN"), xstrdup("WHO"), xstrdup("WHAT"), xstrdup("WHY") };
    add_row(&table, ARRAY_SIZE(head), head);
    json_array_foreach(events, i, e)
    {
        char *who = table_has(e, "trust_store") ? xasprintf("trust store %s", table_text(e, "trust_store"))
                    : table_has(e, "address")
                        ? xasprintf("%s (%s)", table_text(e, "endpoint"), table_text(e, "address"))
                        : xstrdup(table_text(e, "endpoint"));
        char *cells[] = { xstrdup(table_text(e, "at")), who, xstrdup(table_text(e, "kind")),
                          xstrdup(table_text(e, "text")) };
        add_row(&table, ARRAY_SIZE(cells), cells);
    }
    if (json_array_size(events) > 0)
        print_table(&table);
    else
        printf("Nothing is to come until %s.\n", table_text(forecast, "until"));
}

/* "190d 2h (52 %)" */
static char *age_text(const json_t *c)
{
    if (!table_has(c, "age_at_rotation_seconds"))
        return xstrdup("-");
    return xasprintf("%s (%lld %%)",
                     DURATION_TEXT(json_integer_value(json_object_get(c, "age_at_rotation_seconds"))),
                     json_integer_value(json_object_get(c, "age_at_rotation_percent")));
}

void render_history(const json_t *history)
{
    _cleanup_(table_deinit) Table table = { 0 };
    const json_t *certificates = json_object_get(history, "certificates"),
                 *left_out = json_object_get(history, "left_out");
    size_t i;
    json_t *c;
    char *head[] = { xstrdup("ADDRESS"), xstrdup("FROM"), xstrdup("TO"),   xstrdup("SERIAL"),
                     xstrdup("CA"),      xstrdup("MADE"), xstrdup("ENDS"), xstrdup("AGE AT ROTATION") };
    add_row(&table, ARRAY_SIZE(head), head);
    json_array_foreach(certificates, i, c)
    {
        bool current = json_is_true(json_object_get(c, "current"));
        char *cells[] = { xstrdup(table_text(c, "address")),
                          xstrdup(table_text(c, "first_seen")),
                          xstrdup(current ? "now" : table_text(c, "last_seen")),
                          xstrdup(table_text(c, "serial")),
                          xstrdup(table_has(c, "ca") ? table_text(c, "ca") : table_text(c, "issuer")),
                          table_day(c, "not_before"),
                          table_day(c, "not_after"),
                          age_text(c) };
        add_row(&table, ARRAY_SIZE(cells), cells);
    }
    if (json_array_size(certificates) > 0)
        print_table(&table);
    else if (!left_out)
        printf("No certificate of %s was ever seen.\n", table_text(history, "endpoint"));
    if (left_out)
        printf("And %lld others between %s and %s, which are not kept.\n",
               json_integer_value(json_object_get(left_out, "certificates")),
               table_text(left_out, "first_seen"), table_text(left_out, "last_seen"));
}

void render_silences(const json_t *silences)
{
    _cleanup_(table_deinit) Table table = { 0 };
    size_t i;
    json_t *s;
    char *head[] = { xstrdup("ID"),    xstrdup("WHO"), xstrdup("WHAT"),
                     xstrdup("UNTIL"), xstrdup("BY"),  xstrdup("REASON") };
    add_row(&table, ARRAY_SIZE(head), head);
    json_array_foreach(silences, i, s)
    {
        char *cells[] = { xasprintf("%lld", json_integer_value(json_object_get(s, "id"))),
                          xstrdup(table_has(s, "subject") ? table_text(s, "subject") : "all"),
                          xstrdup(table_has(s, "finding") ? table_text(s, "finding") : "everything"),
                          xstrdup(table_text(s, "ends_at")),
                          xstrdup(table_text(s, "author")),
                          xstrdup(table_text(s, "reason")) };
        add_row(&table, ARRAY_SIZE(cells), cells);
    }
    if (json_array_size(silences) > 0)
        print_table(&table);
    else
        puts("Nothing is silenced.");
}
