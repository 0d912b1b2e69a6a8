/* What dbcertd leans on beside the servers themselves: bundles, trust stores, the RDS API. */

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "ctl/render.h"
#include "ctl/table.h"

/* "yes", "no", "not known", "-" where nothing is asked. */
static char *acceptance(const json_t *verdict, const char *key, bool asked)
{
    return xstrdup(asked ? yes_or_no(verdict, key) : "-");
}

void render_verdicts(const json_t *verdicts)
{
    _cleanup_(table_deinit) Table table = { 0 };
    size_t i;
    json_t *v;
    char *head[] = { xstrdup("ENDPOINT"),   xstrdup("SERVES"),  xstrdup("ACCEPTED"),
                     xstrdup("CONFIGURED"), xstrdup("WILL BE"), xstrdup("WHY NOT") };
    add_row(&table, ARRAY_SIZE(head), head);
    json_array_foreach(verdicts, i, v)
    {
        bool refused_later = json_is_false(json_object_get(v, "next_accepted"));
        char *cells[] = { xstrdup(table_text(v, "endpoint")),
                          xstrdup(table_text(v, "served")),
                          acceptance(v, "accepted", true),
                          xstrdup(table_text(v, "next_ca")),
                          acceptance(v, "next_accepted", table_has(v, "next_ca")),
                          xstrdup(table_has(v, "reason") ? table_text(v, "reason")
                                  : refused_later        ? "the configured CA's root is not in it"
                                                         : "-") };
        add_row(&table, ARRAY_SIZE(cells), cells);
    }
    print_table(&table);
}

static void print_findings(const json_t *holder)
{
    size_t i;
    json_t *finding;
    json_array_foreach(json_object_get(holder, "findings"), i, finding)
    {
        puts("");
        render_finding(finding, "  ");
    }
}

void render_trust(const json_t *body)
{
    size_t i;
    json_t *item;
    const json_t *stores = json_object_get(body, "trust_stores"), *bundles = json_object_get(body, "bundles");
    json_array_foreach(bundles, i, item)
    {
        long long n = json_integer_value(json_object_get(item, "certificates"));
        printf("bundle %s\n  %lld certificate%s, of %s, last answer %s\n", table_text(item, "url"), n,
               PLURAL(n), table_text(item, "modified_at"), table_text(item, "answered_at"));
        if (table_has(item, "error"))
            printf("  the latest question failed: %s\n", table_text(item, "error"));
        print_findings(item);
        puts("");
    }
    json_array_foreach(stores, i, item)
    {
        long long n = json_integer_value(json_object_get(item, "certificates"));
        printf("trust store %s: %s\n  %s, %lld certificate%s, the last ends %s\n\n", table_text(item, "name"),
               table_text(item, "path"), table_text(item, "format"), n, PLURAL(n),
               table_text(item, "not_after"));
        render_verdicts(json_object_get(item, "endpoints"));
        print_findings(item);
        puts("");
    }
    if (json_array_size(stores) == 0)
        puts("No trust stores are configured (trust_stores in dbcertd.conf(5)); dbcertctl trust FILE looks at "
             "any file.");
}

/* What the API says of an endpoint, in a few lines; nothing if it says nothing. */
void render_rds_of(const json_t *rds)
{
    const json_t *maintenance = json_object_get(rds, "pending_maintenance");
    if (!json_is_object(rds))
        return;
    printf("  RDS says        %s %s, %s %s, %s", table_text(rds, "kind"), table_text(rds, "identifier"),
           table_text(rds, "engine"), table_text(rds, "engine_version"), table_text(rds, "status"));
    printf(" (rds %s)\n", table_text(rds, "source"));
    if (table_has(rds, "ca_certificate_identifier"))
        printf("                  %s, certificate valid till %s\n",
               table_text(rds, "ca_certificate_identifier"), table_text(rds, "valid_till"));
    if (table_has(rds, "pending_ca_certificate_identifier"))
        printf("                  to become %s\n", table_text(rds, "pending_ca_certificate_identifier"));
    if (json_is_object(maintenance))
        printf("                  pending ca-certificate-rotation: to be applied %s, forced %s\n",
               table_text(maintenance, "current_apply_date"), table_text(maintenance, "forced_apply_date"));
    if (table_has(rds, "missing_since"))
        printf("                  not named any more since %s\n", table_text(rds, "missing_since"));
}

static char *number(const json_t *object, const char *key)
{
    return xasprintf("%lld", (long long)json_integer_value(json_object_get(object, key)));
}

void render_rds(const json_t *body)
{
    _cleanup_(table_deinit) Table table = { 0 };
    const json_t *sources = json_object_get(body, "sources");
    size_t i;
    json_t *source;
    char *head[] = { xstrdup("NAME"),       xstrdup("REGION"),    xstrdup("CREDENTIALS"), xstrdup("ANSWERED"),
                     xstrdup("DISCOVERED"), xstrdup("UNWATCHED"), xstrdup("LATEST ROUND") };
    add_row(&table, ARRAY_SIZE(head), head);
    json_array_foreach(sources, i, source)
    {
        char *cells[] = { xstrdup(table_text(source, "name")),
                          xstrdup(table_text(source, "region")),
                          xstrdup(table_text(source, "credentials")),
                          xstrdup(table_text(source, "answered_at")),
                          number(source, "discovered"),
                          number(source, "unwatched"),
                          xstrdup(table_has(source, "error")         ? table_text(source, "error")
                                  : table_has(source, "refused")     ? table_text(source, "refused")
                                  : table_has(source, "answered_at") ? "ok"
                                                                     : "not over yet") };
        add_row(&table, ARRAY_SIZE(cells), cells);
    }
    if (json_array_size(sources) == 0) {
        puts("The RDS API is not asked (rds in dbcertd.conf(5)).");
        return;
    }
    print_table(&table);
    json_array_foreach(sources, i, source) print_findings(source);
}
