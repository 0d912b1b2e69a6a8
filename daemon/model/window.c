#include "model/window.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "base/text.h"

#define SHORTEST_SECONDS (30 * MINUTE)

static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

/* 1970-01-01 was a Thursday. */
#define SUNDAY_BEFORE_EPOCH (-4 * DAY)

static int parse_point(const char *text, int32_t *ret_seconds)
{
    char day[4];
    unsigned hour, minute;
    int length = 0;
    if (sscanf(text, "%3[a-zA-Z]:%2u:%2u%n", day, &hour, &minute, &length) != 3 || length != 9)
        return -EINVAL;
    for (char *c = day; *c; c++)
        *c |= 0x20;
    int i = text_find(day, days, ARRAY_SIZE(days));
    if (i < 0 || hour > 23 || minute > 59)
        return -EINVAL;
    *ret_seconds = i * DAY + (int32_t)hour * HOUR + (int32_t)minute * MINUTE;
    return 0;
}

int window_parse(const char *text, Window *ret)
{
    int32_t start, end;
    if (strlen(text) != 19 || text[9] != '-' || parse_point(text, &start) < 0 ||
        parse_point(text + 10, &end) < 0)
        return -EINVAL;
    int32_t length = (end - start + WEEK) % WEEK;
    if (length < SHORTEST_SECONDS)
        return -ERANGE;
    *ret = (Window) { .known = true, .start_seconds = start, .length_seconds = length };
    return 0;
}

static void print_point(int32_t seconds, char *text, size_t size)
{
    snprintf(text, size, "%s:%02d:%02d", days[seconds / DAY % 7], seconds % DAY / HOUR,
             seconds % HOUR / MINUTE);
}

const char *window_text(const Window *window, char *text)
{
    char start[12], end[12];
    print_point(window->start_seconds, start, sizeof start);
    print_point((window->start_seconds + window->length_seconds) % WEEK, end, sizeof end);
    snprintf(text, WINDOW_TEXT_MAX, "%s-%s", start, end);
    return text;
}

int64_t window_end_after(const Window *window, int64_t instant)
{
    int64_t into_week = ((instant - SUNDAY_BEFORE_EPOCH) % WEEK + WEEK) % WEEK;
    int64_t wait = (window->start_seconds - into_week + WEEK) % WEEK;
    return instant + wait + window->length_seconds;
}

int64_t window_next_end(const Window *window, int64_t instant)
{
    return window_end_after(window, instant - window->length_seconds + 1);
}
