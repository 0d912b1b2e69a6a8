#include "control/calendar.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"

#define LINE_BYTES_MAX 75 /* RFC 5545, 3.1 */

/* A content line; longer ones go on in the next line behind a space, and never within a character of UTF-8. */
static void write_line(Buffer *calendar, const char *line)
{
    size_t room = LINE_BYTES_MAX;
    while (strlen(line) > room) {
        size_t n = room;
        while (n > 1 && ((unsigned char)line[n] & 0xc0) == 0x80)
            n--;
        buffer_printf(calendar, "%.*s\r\n ", (int)n, line);
        line += n;
        room = LINE_BYTES_MAX - 1;
    }
    buffer_printf(calendar, "%s\r\n", line);
}

/* Commas, semicolons and backslashes are escaped in texts: RFC 5545, 3.3.11. */
static void write_text(Buffer *calendar, const char *name, const char *value)
{
    Buffer line = { 0 };
    buffer_printf(&line, "%s:", name);
    for (; *value; value++)
        buffer_printf(&line, strchr("\\;,", *value) ? "\\%c" : "%c", *value);
    _cleanup_free_ char *text = buffer_take_text(&line);
    write_line(calendar, text);
}

/* "20261120T215900Z" */
static void write_instant(Buffer *calendar, const char *name, int64_t instant)
{
    buffer_printf(calendar, "%s:", name);
    for (const char *c = INSTANT_TEXT(instant); *c; c++)
        if (!strchr("-:", *c))
            buffer_append(calendar, c, 1);
    buffer_printf(calendar, "\r\n");
}

static void write_event(Buffer *calendar, const ForecastEvent *event, int64_t now)
{
    _cleanup_free_ char *uid = xasprintf("%s@dbcertd", event->id);
    _cleanup_free_ char *summary = xasprintf("%s: %s", event->subject, forecast_kind_to_string(event->kind));
    write_line(calendar, "BEGIN:VEVENT");
    write_text(calendar, "UID", uid);
    write_instant(calendar, "DTSTAMP", now);
    write_instant(calendar, "DTSTART", event->at);
    if (event->ends_at != event->at)
        write_instant(calendar, "DTEND", event->ends_at);
    write_text(calendar, "SUMMARY", summary);
    write_text(calendar, "DESCRIPTION", event->text);
    write_line(calendar, "TRANSP:TRANSPARENT");
    write_line(calendar, "END:VEVENT");
}

char *calendar_write(const Forecast *forecast, int64_t now)
{
    Buffer calendar = { 0 };
    write_line(&calendar, "BEGIN:VCALENDAR");
    write_line(&calendar, "VERSION:2.0");
    write_line(&calendar, "PRODID:-//dbcertd//dbcertd " DBCERTD_VERSION "//EN");
    write_line(&calendar, "X-WR-CALNAME:Certificates of databases");
    for (size_t i = 0; i < forecast->n; i++)
        write_event(&calendar, &forecast->items[i], now);
    write_line(&calendar, "END:VCALENDAR");
    return buffer_take_text(&calendar);
}
