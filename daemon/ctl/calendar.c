#include "ctl/calendar.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "ctl/client.h"

#define LINE_BYTES_MAX 75 /* RFC 5545, 3.1 */

/* A content line; longer ones go on in the next line behind a space, and never within a character of UTF-8. */
static void print_line(const char *line)
{
    size_t room = LINE_BYTES_MAX;
    while (strlen(line) > room) {
        size_t n = room;
        while (n > 1 && ((unsigned char)line[n] & 0xc0) == 0x80)
            n--;
        printf("%.*s\r\n ", (int)n, line);
        line += n;
        room = LINE_BYTES_MAX - 1;
    }
    printf("%s\r\n", line);
}

/* Commas, semicolons and backslashes are escaped in texts: RFC 5545, 3.3.11. */
static void print_text(const char *name, const char *value)
{
    Buffer line = { 0 };
    buffer_printf(&line, "%s:", name);
    for (; *value; value++)
        buffer_printf(&line, strchr("\\;,", *value) ? "\\%c" : "%c", *value);
    _cleanup_free_ char *text = buffer_take_text(&line);
    print_line(text);
}

/* "2026-11-20T21:59:00Z" to "20261120T215900Z" */
static void print_instant(const char *name, const char *instant)
{
    printf("%s:", name);
    for (; *instant; instant++)
        if (!strchr("-:", *instant))
            putchar(*instant);
    printf("\r\n");
}

static void print_event(const json_t *event, const char *stamp)
{
    const char *store = client_text(event, "trust_store"),
               *subject = *store ? store : client_text(event, "endpoint");
    _cleanup_free_ char *uid = xasprintf("%s@dbcertd", client_text(event, "id"));
    _cleanup_free_ char *summary = xasprintf("%s: %s", subject, client_text(event, "kind"));
    print_line("BEGIN:VEVENT");
    print_text("UID", uid);
    print_instant("DTSTAMP", stamp);
    print_instant("DTSTART", client_text(event, "at"));
    if (strcmp(client_text(event, "at"), client_text(event, "ends_at")) != 0)
        print_instant("DTEND", client_text(event, "ends_at"));
    print_text("SUMMARY", summary);
    print_text("DESCRIPTION", client_text(event, "text"));
    print_line("TRANSP:TRANSPARENT");
    print_line("END:VEVENT");
}

void calendar_print(const json_t *forecast, int64_t now)
{
    size_t i;
    json_t *event;
    print_line("BEGIN:VCALENDAR");
    print_line("VERSION:2.0");
    print_line("PRODID:-//dbcertd//dbcertctl " DBCERTD_VERSION "//EN");
    print_line("X-WR-CALNAME:Certificates of databases");
    json_array_foreach(json_object_get(forecast, "events"), i, event) print_event(event, INSTANT_TEXT(now));
    print_line("END:VCALENDAR");
}
