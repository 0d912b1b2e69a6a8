#include "ctl/show.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "ctl/life.h"
#include "ctl/render.h"
#include "ctl/table.h"

#define EVENTS_MAX 8 /* of what is to come; the forecast has all */

static void print_names(const json_t *certificate)
{
    size_t i;
    json_t *name;
    const json_t *names = json_object_get(certificate, "names");
    json_int_t total = json_integer_value(json_object_get(certificate, "names_total"));
    if (json_array_size(names) == 0) {
        if (total > 0)
            printf("      names       %lld, which are not kept\n", total);
        return;
    }
    printf("      names       ");
    json_array_foreach(names, i, name) printf("%s%s", i ? ", " : "", json_string_value(name));
    if (total > 0)
        printf(" and %lld more", total - (json_int_t)json_array_size(names));
    puts("");
}

static void print_certificate(const json_t *c)
{
    printf("    %s\n", table_text(c, "role"));
    printf("      subject     %s\n", table_text(c, "subject"));
    printf("      issuer      %s\n", table_text(c, "issuer"));
    printf("      valid       %s to %s\n", table_text(c, "not_before"), table_text(c, "not_after"));
    printf("      serial      %s\n", table_text(c, "serial"));
    printf("      sha256      %s\n", table_text(c, "sha256"));
    printf("      key         %s, signed with %s\n", table_text(c, "key"), table_text(c, "signature"));
    print_names(c);
}

static void print_address(const json_t *address)
{
    size_t i;
    json_t *certificate;
    const json_t *tls = json_object_get(address, "tls");
    printf("\n  %s  %s", table_text(address, "address"), table_text(address, "outcome"));
    if (table_has(address, "detail"))
        printf(" at %s: %s", table_text(address, "stage"), table_text(address, "detail"));
    printf("\n    probed        %s, took %lld ms\n", table_text(address, "observed_at"),
           json_integer_value(json_object_get(address, "duration_ms")));
    if (json_array_size(json_object_get(address, "chain")) == 0)
        return;
    if (strcmp(table_text(address, "seen_at"), table_text(address, "observed_at")) != 0)
        printf("    last seen     %s\n", table_text(address, "seen_at"));
    if (table_has(address, "tls"))
        printf("    tls           %s, %s, %s%s%s\n", table_text(tls, "version"), table_text(tls, "cipher"),
               table_text(tls, "group"), table_has(tls, "alpn") ? ", ALPN " : "",
               table_has(tls, "alpn") ? table_text(tls, "alpn") : "");
    if (table_has(address, "plaintext"))
        printf("    without TLS   %s\n", table_text(address, "plaintext"));
    printf("    trusted       %s\n", yes_or_no(address, "trusted"));
    printf("    name matches  %s\n", yes_or_no(address, "name_matches"));
    json_array_foreach(json_object_get(address, "chain"), i, certificate) print_certificate(certificate);
}

static void print_clock(const json_t *clock, int64_t half_life, int64_t now)
{
    int64_t from = instant_of(clock, "not_before"), to = instant_of(clock, "not_after");
    if (from == INSTANT_NONE || to == INSTANT_NONE)
        return;
    _cleanup_free_ char *bar = life_bar(from, to, half_life, now), *left = life_left(to, now),
                        *first = table_day(clock, "not_before"), *last = table_day(clock, "not_after");
    printf("  %-12s  %s  %6s  %s to %s  %s\n", table_text(clock, "role"), bar, left, first, last,
           table_text(clock, "name"));
}

static void print_clocks(const json_t *e)
{
    size_t i;
    json_t *clock;
    int64_t now = clock_now(), half_life = instant_of(json_object_get(e, "rotation"), "half_life");
    json_array_foreach(json_object_get(e, "clocks"), i, clock)
    {
        if (i == 0)
            puts("");
        print_clock(clock, i == 0 ? half_life : INSTANT_NONE, now);
    }
}

void render_endpoint(const json_t *e)
{
    size_t i;
    json_t *item;
    const json_t *rotation = json_object_get(e, "rotation");
    const char *severity = table_text(e, "severity");
    printf("%s%s%s  %s  %s%s%s\n", colour_of(severity), letter_of(severity), colour_end(),
           table_text(e, "name"), colour_of(severity), severity, colour_end());
    printf("  endpoint        %s port %lld, %s", table_text(e, "host"),
           json_integer_value(json_object_get(e, "port")), table_text(e, "engine"));
    printf("%s%s\n", table_has(e, "region") ? ", " : "", table_has(e, "region") ? table_text(e, "region") : "");
    printf("  CA              configured %s, served %s, ends %s\n", table_text(e, "configured_ca"),
           table_text(e, "served_ca"), table_text(e, "ca_not_after"));
    printf("  certificate     %s to %s\n", table_text(e, "not_before"), table_text(e, "not_after"));
    if (table_has(e, "rotation"))
        printf("  rotation        %s (%s); half-life %s, expected by %s, overdue after %s\n",
               table_text(rotation, "class"), table_text(rotation, "source"), table_text(rotation, "half_life"),
               table_text(rotation, "expected_by"), table_text(rotation, "overdue_after"));
    render_rds_of(json_object_get(e, "rds"));
    if (table_has(e, "next_probe_at"))
        printf("  next probe      %s\n", table_text(e, "next_probe_at"));
    print_clocks(e);
    json_array_foreach(json_object_get(e, "findings"), i, item)
    {
        puts("");
        render_finding(item, "  ");
    }
    json_array_foreach(json_object_get(e, "addresses"), i, item) print_address(item);
}

void render_served(const json_t *history)
{
    if (json_array_size(json_object_get(history, "certificates")) == 0 && !json_object_get(history, "left_out"))
        return;
    puts("\nServed");
    render_history(history);
}

void render_coming(const char *name, const json_t *forecast)
{
    size_t i, n = 0;
    json_t *event;
    json_array_foreach(json_object_get(forecast, "events"), i, event)
    {
        if (strcmp(table_text(event, "endpoint"), name) != 0)
            continue;
        if (n++ == 0)
            puts("\nTo come");
        if (n > EVENTS_MAX)
            continue;
        _cleanup_free_ char *when = table_day(event, "at");
        printf("  %s  %-22s  %s\n", when, table_text(event, "kind"), table_text(event, "text"));
    }
    if (n > EVENTS_MAX)
        printf("  and %zu more: dbcertctl forecast\n", n - EVENTS_MAX);
}
