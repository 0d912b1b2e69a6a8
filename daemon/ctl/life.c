#include "ctl/life.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "ctl/table.h"

int64_t instant_of(const json_t *object, const char *key)
{
    int64_t instant;
    const char *text = json_string_value(json_object_get(object, key));
    return text && instant_parse(text, &instant) == 0 ? instant : INSTANT_NONE;
}

/* Where an instant stands, from 0 to LIFE_WIDTH - 1. */
static size_t place(int64_t at, int64_t from, int64_t to)
{
    if (at <= from)
        return 0;
    if (at >= to || to <= from)
        return LIFE_WIDTH - 1;
    return (size_t)((double)(at - from) / (double)(to - from) * LIFE_WIDTH);
}

char *life_bar(int64_t not_before, int64_t not_after, int64_t half_life, int64_t now)
{
    char *bar = xcalloc(1, LIFE_WIDTH + 3), *inside = bar + 1;
    size_t here = place(now, not_before, not_after);
    bool over = now > not_after;
    bar[0] = '[';
    for (size_t i = 0; i < LIFE_WIDTH; i++)
        inside[i] = i < here || over ? '=' : '-';
    if (half_life != INSTANT_NONE)
        inside[place(half_life, not_before, not_after)] = '|';
    inside[here] = over ? 'X' : '>';
    inside[LIFE_WIDTH] = ']';
    return bar;
}

char *life_left(int64_t not_after, int64_t now)
{
    int64_t left = not_after - now;
    if (left > -2 * DAY && left < 2 * DAY)
        return xasprintf("%lldh", (long long)(left / HOUR));
    return xasprintf("%lldd", (long long)(left / DAY));
}

char *life_next(const json_t *endpoint)
{
    const json_t *next = json_object_get(endpoint, "next");
    _cleanup_free_ char *when = table_day(next, "at");
    return table_has(endpoint, "next") ? xasprintf("%s %s", table_text(next, "what"), when) : xstrdup("-");
}
