#include "control/calendar.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "control/json.h"

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

/* "2026-11-20T21:59:00Z" to "20261120T215900Z" */
static void write_instant(Buffer *calendar, const char *name, const char *instant)
{
    buffer_printf(calendar, "%s:", name);
    for (; *instant; instant++)
        if (!strchr("-:", *instant))
            buffer_append(calendar, instant, 1);
    buffer_printf(calendar, "\r\n");
}

static void write_event(Buffer *calendar, const json_t *event, const char *stamp)
{
    const char *store = json_text_of(event, "trust_store"),
               *subject = *store ? store : json_text_of(event, "endpoint");
    _cleanup_free_ char *uid = xasprintf("%s@dbcertd", json_text_of(event, "id"));
    _cleanup_free_ char *summary = xasprintf("%s: %s", subject, json_text_of(event, "kind"));
    write_line(calendar, "BEGIN:VEVENT");
    write_text(calendar, "UID", uid);
    write_instant(calendar, "DTSTAMP", stamp);
    write_instant(calendar, "DTSTART", json_text_of(event, "at"));
    if (strcmp(json_text_of(event, "at"), json_text_of(event, "ends_at")) != 0)
        write_instant(calendar, "DTEND", json_text_of(event, "ends_at"));
    write_text(calendar, "SUMMARY", summary);
    write_text(calendar, "DESCRIPTION", json_text_of(event, "text"));
    write_line(calendar, "TRANSP:TRANSPARENT");
    write_line(calendar, "END:VEVENT");
}

char *calendar_write(const json_t *forecast, int64_t now)
{
    Buffer calendar = { 0 };
    size_t i;
    json_t *event;
    write_line(&calendar, "BEGIN:VCALENDAR");
    write_line(&calendar, "VERSION:2.0");
    write_line(&calendar, "PRODID:-//dbcertd//dbcertd " DBCERTD_VERSION "//EN");
    write_line(&calendar, "X-WR-CALNAME:Certificates of databases");
    json_array_foreach(json_object_get(forecast, "events"), i, event)
        write_event(&calendar, event, INSTANT_TEXT(now));
    write_line(&calendar, "END:VCALENDAR");
    return buffer_take_text(&calendar);
}
