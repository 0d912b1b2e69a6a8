#include "control/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "base/text.h"

extern const char page_template[]; /* page.html */

/* The axis in units of the drawing; a bar's height. */
#define AXIS   1000.0
#define HEIGHT 18

#define AXIS_YEARS_MAX                                                                                       \
    4 /* before and after now: certificates live three at most, and one from the year 1900 is not to squeeze \
         them */
#define YEAR (366 * DAY)

typedef struct Axis {
    int64_t from, to, now;
} Axis;

static void escaped(Buffer *html, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            buffer_printf(html, "&amp;");
            break;
        case '<':
            buffer_printf(html, "&lt;");
            break;
        case '>':
            buffer_printf(html, "&gt;");
            break;
        case '"':
            buffer_printf(html, "&quot;");
            break;
        default:
            buffer_append(html, text, 1);
        }
}

static void attribute(Buffer *html, const char *name, const char *value)
{
    buffer_printf(html, " %s=\"", name);
    escaped(html, value ? value : "");
    buffer_printf(html, "\"");
}

static const Certificate *server_of(const EndpointState *state)
{
    return state->oldest ? address_certificate(state->oldest) : NULL;
}

/* From the first beginning to the last end of any server's certificate. */
static Axis axis_of(const Snapshot *snapshot, int64_t now)
{
    Axis axis = { .from = now - 30 * DAY, .to = now + 30 * DAY, .now = now };
    for (size_t i = 0; i < snapshot->n_endpoints; i++) {
        const Certificate *server = server_of(snapshot->endpoints[i]);
        if (server && server->not_before < axis.from)
            axis.from = server->not_before;
        if (server && server->not_after > axis.to)
            axis.to = server->not_after;
    }
    if (axis.from < now - AXIS_YEARS_MAX * YEAR)
        axis.from = now - AXIS_YEARS_MAX * YEAR;
    if (axis.to > now + AXIS_YEARS_MAX * YEAR)
        axis.to = now + AXIS_YEARS_MAX * YEAR;
    return axis;
}

static double place(const Axis *axis, int64_t at)
{
    double x = (double)(at - axis->from) / (double)(axis->to - axis->from) * AXIS;
    return x < 0 ? 0 : MIN(x, AXIS);
}

static void block(Buffer *html, const Axis *axis, const char *class, int64_t from, int64_t to, int y,
                  int height)
{
    double x = place(axis, from), width = place(axis, to) - x;
    if (width > 0)
        buffer_printf(html, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", class, x,
                      y, width, height);
}

static void tick(Buffer *html, const Axis *axis, const char *class, int64_t at)
{
    if (at != INSTANT_NONE && at >= axis->from && at <= axis->to)
        buffer_printf(html, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/>", class,
                      place(axis, at), place(axis, at), HEIGHT);
}

static void write_bar(Buffer *html, const EndpointState *state, const Certificate *server, const Axis *axis)
{
    const Rotation *r = &state->rotation;
    int64_t gone_until = MIN(axis->now, server->not_after);
    buffer_printf(html,
                  "<svg viewBox=\"0 0 %g %d\" preserveAspectRatio=\"none\" role=\"img\"><title>valid %.10s "
                  "to %.10s",
                  AXIS, HEIGHT, INSTANT_TEXT(server->not_before), INSTANT_TEXT(server->not_after));
    if (r->half_life != INSTANT_NONE)
        buffer_printf(html, ", half-life %.10s", INSTANT_TEXT(r->half_life));
    if (state->ca_not_after != INSTANT_NONE)
        buffer_printf(html, ", CA to %.10s", INSTANT_TEXT(state->ca_not_after));
    buffer_printf(html, "</title>");
    block(html, axis, "rest", server->not_before, server->not_after, 4, HEIGHT - 8);
    block(html, axis, "gone", server->not_before, gone_until, 4, HEIGHT - 8);
    if (r->due_at != INSTANT_NONE && r->overdue_after != INSTANT_NONE)
        block(html, axis, "window", r->due_at, r->overdue_after, 6, HEIGHT - 12);
    tick(html, axis, "half", r->half_life);
    tick(html, axis, "today", axis->now);
    if (state->ca_not_after != INSTANT_NONE)
        buffer_printf(html,
                      state->ca_not_after <= axis->to ? "<path class=\"ca\" d=\"M%.1f 3l5 6-5 6-5-6z\"/>"
                                                      : "<path class=\"ca\" d=\"M%.1f 9l-7 4v-8z\"/>",
                      place(axis, state->ca_not_after));
    buffer_printf(html, "</svg>");
}

/* The same id may be found at several addresses. */
static void write_found(Buffer *html, const FindingList *findings)
{
    const char *between = "";
    for (size_t i = 0; i < findings->n; i++) {
        const Finding *f = &findings->items[i];
        if (f->pending || (i > 0 && findings->items[i - 1].id == f->id && !findings->items[i - 1].pending))
            continue;
        buffer_printf(html, "%s%s%s", between, finding_to_string(f->id),
                      f->silenced_until != INSTANT_NONE ? " (silenced)" : "");
        between = ", ";
    }
}

static void write_row(Buffer *html, const EndpointState *state, const Axis *axis)
{
    const Endpoint *e = state->endpoint;
    const Certificate *server = server_of(state);
    const char *severity = severity_to_string(state->severity);
    int64_t at = INSTANT_NONE;
    const char *next = endpoint_state_next(state, axis->now, &at);
    buffer_printf(html, "<tr class=\"%s\" data-severity=\"%s\"", severity, severity);
    attribute(html, "data-name", e->name);
    attribute(html, "data-engine", e->engine_name);
    attribute(html, "data-region", e->region);
    buffer_printf(html, "><td><abbr title=\"%s\">%s</abbr></td><th scope=\"row\"><a href=\"/v1/endpoints/",
                  severity, severity_letter(state->severity));
    escaped(html, e->name);
    buffer_printf(html, "\">");
    escaped(html, e->name);
    buffer_printf(html, "</a></th><td class=\"engine\">");
    escaped(html, e->engine_name);
    buffer_printf(html, "</td><td class=\"life\">");
    if (server)
        write_bar(html, state, server, axis);
    else
        buffer_printf(html, "<span class=\"faint\">no certificate was seen yet</span>");
    buffer_printf(html, "</td><td class=\"left\">");
    if (server)
        buffer_printf(html, "%" PRId64 "d", (server->not_after - axis->now) / DAY);
    buffer_printf(html, "</td><td class=\"next\">");
    if (next)
        buffer_printf(html, "%s %.10s", next, INSTANT_TEXT(at));
    buffer_printf(html, "</td><td class=\"found\">");
    write_found(html, &state->findings);
    buffer_printf(html, "</td></tr>\n");
}

/* The years, with their names where there is room, and today. */
static void write_axis(Buffer *html, const Snapshot *snapshot _unused_, const Axis *axis)
{
    int64_t january;
    buffer_printf(html,
                  "<svg viewBox=\"0 0 %g 30\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"time from "
                  "%.10s to %.10s\">",
                  AXIS, INSTANT_TEXT(axis->from), INSTANT_TEXT(axis->to));
    for (int year = atoi(INSTANT_TEXT(axis->from)) + 1; year <= atoi(INSTANT_TEXT(axis->to)); year++) {
        _cleanup_free_ char *text = xasprintf("%d-01-01T00:00:00Z", year);
        if (instant_parse(text, &january) == 0)
            buffer_printf(html, "<line class=\"year\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"30\"/>",
                          place(axis, january), place(axis, january));
    }
    buffer_printf(html, "<line class=\"today\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"30\"/></svg>",
                  place(axis, axis->now), place(axis, axis->now));
    buffer_printf(html, "%.10s to %.10s, years marked", INSTANT_TEXT(axis->from), INSTANT_TEXT(axis->to));
}

static void write_others(Buffer *html, const char *what, Severity severity)
{
    if (severity > SEVERITY_OK)
        buffer_printf(html, "; %s: <b class=\"%s\">%s</b>", what, severity_to_string(severity),
                      severity_to_string(severity));
}

static void write_summary(Buffer *html, const Snapshot *snapshot, const Axis *axis)
{
    buffer_printf(html, "<p>%zu endpoints", snapshot->n_endpoints);
    for (int s = SEVERITY_CRITICAL; s >= SEVERITY_OK; s--)
        if (snapshot_count(snapshot, (Severity)s) > 0)
            buffer_printf(html, ", <b class=\"%s\">%zu %s</b>", severity_to_string((Severity)s),
                          snapshot_count(snapshot, (Severity)s), severity_to_string((Severity)s));
    write_others(html, "trust stores and bundles", snapshot_trust_severity(snapshot));
    write_others(html, "the RDS API", snapshot_rds_severity(snapshot));
    write_others(html, "dbcertd itself", snapshot_self_severity(snapshot));
    buffer_printf(html, ". <span class=\"faint\">dbcertd %s, as of %s</span></p>", snapshot->version,
                  INSTANT_TEXT(axis->now));
    if (snapshot->n_endpoints == 0)
        buffer_printf(
            html,
            "<p>Nothing is watched yet: add endpoints to dbcertd.conf, then systemctl reload dbcertd.</p>");
    if (snapshot->reload_error) {
        buffer_printf(html, "<p class=\"bad\">The latest reload failed, the older configuration goes on:\n");
        escaped(html, snapshot->reload_error);
        buffer_printf(html, "</p>");
    }
}

static const struct {
    const char *word;
    void (*write)(Buffer *html, const Snapshot *snapshot, const Axis *axis);
} parts[] = {
    { "@SUMMARY@", write_summary },
    { "@AXIS@", write_axis },
};

#define NONCE "@NONCE@"
#define ROWS  "@ROWS@"

/* Writes what an @ in the template stands for. Returns how much of the template that was. */
static size_t write_part(Buffer *html, const char *at, const Snapshot *snapshot, const Axis *axis,
                         const char *nonce)
{
    if (strncmp(at, NONCE, strlen(NONCE)) == 0) {
        buffer_printf(html, "%s", nonce);
        return strlen(NONCE);
    }
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (strncmp(at, parts[i].word, strlen(parts[i].word)) == 0) {
            parts[i].write(html, snapshot, axis);
            return strlen(parts[i].word);
        }
    buffer_append(html, at, 1);
    return 1;
}

/* The part is the place in the template. */
static bool write_page(Pieces *pieces, const Snapshot *snapshot, Buffer *html)
{
    const Axis axis = pieces->to ? (Axis) { pieces->from, pieces->to, pieces->now }
                                 : axis_of(snapshot, pieces->now); /* one for all rows */
    const char *at = page_template + pieces->part;
    const EndpointState *state;
    size_t plain = strcspn(at, "@");
    pieces->from = axis.from;
    pieces->to = axis.to;
    if (plain > 0)
        buffer_append(html, at, plain);
    else if (strncmp(at, ROWS, strlen(ROWS)) != 0)
        plain = write_part(html, at, snapshot, &axis, pieces->nonce);
    else if ((state = walk_next(&pieces->walk, snapshot)))
        write_row(html, state, &axis);
    else
        plain = strlen(ROWS);
    pieces->part += plain;
    return page_template[pieces->part];
}

Pieces *page_pieces(int64_t now, const unsigned char nonce[PAGE_NONCE_BYTES], char **ret_policy)
{
    Pieces *pieces = xcalloc(1, sizeof *pieces);
    pieces->write = write_page;
    pieces->now = now;
    pieces->nonce = text_hex(nonce, PAGE_NONCE_BYTES);
    *ret_policy =
        xasprintf("default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; connect-src 'self'; "
                  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                  pieces->nonce, pieces->nonce);
    return pieces;
}
