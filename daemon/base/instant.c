#include "base/instant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"

static bool split(int64_t instant, struct tm *ret)
{
    time_t t = instant;
    if (instant == INSTANT_NONE || instant == INSTANT_NEVER || !gmtime_r(&t, ret))
        return false;
    return true;
}

static char *put_digits(char *to, int value, int n, char behind)
{
    for (int i = n; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    to[n] = behind;
    return to + n + 1;
}

/* By hand where the year has four digits: a list of ten thousand endpoints has some twelve each. */
const char *instant_text(int64_t instant, char *text)
{
    struct tm tm;
    if (!split(instant, &tm))
        return strcpy(text, "-");
    if (tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
        return strftime(text, INSTANT_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0 ? text : strcpy(text, "-");
    char *to = put_digits(text, tm.tm_year + 1900, 4, '-');
    to = put_digits(to, tm.tm_mon + 1, 2, '-');
    to = put_digits(to, tm.tm_mday, 2, 'T');
    to = put_digits(to, tm.tm_hour, 2, ':');
    to = put_digits(to, tm.tm_min, 2, ':');
    to = put_digits(to, tm.tm_sec, 2, 'Z');
    *to = 0;
    return text;
}

int instant_parse(const char *text, int64_t *ret)
{
    struct tm tm = { 0 }, again;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end || strlen(text) != strlen("2026-11-20T21:59:00Z"))
        return -EINVAL;
    struct tm minute = tm;
    minute.tm_sec = 0;
    if (!split(timegm(&minute), &again) || again.tm_mday != tm.tm_mday || tm.tm_sec > 60) /* 30 February */
        return -EINVAL;
    *ret = timegm(&tm);
    return 0;
}

int instant_parse_day(const char *text, int64_t *ret)
{
    char last_second[sizeof "2026-11-20T23:59:59Z"];
    if (strlen(text) != strlen("2026-11-20"))
        return instant_parse(text, ret);
    snprintf(last_second, sizeof last_second, "%sT23:59:59Z", text);
    return instant_parse(last_second, ret);
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month] + (month == 1 && leap);
}

int64_t instant_add_months(int64_t instant, int months)
{
    struct tm tm;
    if (!split(instant, &tm))
        return instant;
    int month = tm.tm_year * 12 + tm.tm_mon + months;
    tm.tm_year = month >= 0 ? month / 12 : -((11 - month) / 12);
    tm.tm_mon = month - tm.tm_year * 12;
    int last = days_in_month(tm.tm_year + 1900, tm.tm_mon);
    if (tm.tm_mday > last)
        tm.tm_mday = last;
    return timegm(&tm);
}

int64_t instant_earlier(int64_t a, int64_t b)
{
    if (a == INSTANT_NONE)
        return b;
    if (b == INSTANT_NONE)
        return a;
    return a < b ? a : b;
}

static const struct {
    char letter;
    int64_t seconds;
} units[] = { { 'w', WEEK }, { 'd', DAY }, { 'h', HOUR }, { 'm', MINUTE }, { 's', 1 } };

static const int64_t longest_duration = (int64_t)100 * 366 * DAY;

int duration_parse(const char *text, int64_t *ret_seconds)
{
    int64_t sum = 0;
    if (!*text)
        return -EINVAL;
    while (*text) {
        char *end;
        if (*text < '0' || *text > '9')
            return -EINVAL;
        errno = 0;
        long long n = strtoll(text, &end, 10);
        if (errno == ERANGE)
            return -ERANGE;
        int64_t unit = 0;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
            if (*end == units[i].letter)
                unit = units[i].seconds;
        if (unit == 0)
            return -EINVAL;
        if (n > longest_duration / unit || (sum += n * unit) > longest_duration)
            return -ERANGE;
        text = end + 1;
    }
    *ret_seconds = sum;
    return 0;
}

const char *duration_text(int64_t seconds, char *text)
{
    const char *sign = seconds < 0 ? "-" : "";
    int64_t rest = seconds < 0 ? -seconds : seconds;
    for (size_t i = 1; i < ARRAY_SIZE(units); i++) { /* from days on: nobody says "2w 3d" */
        if (rest < units[i].seconds && units[i].seconds > 1)
            continue;
        int64_t n = rest / units[i].seconds, left = rest % units[i].seconds;
        int64_t next = i + 1 < ARRAY_SIZE(units) ? left / units[i + 1].seconds : 0;
        if (next > 0)
            snprintf(text, DURATION_TEXT_MAX, "%s%lld%c %lld%c", sign, (long long)n, units[i].letter,
                     (long long)next, units[i + 1].letter);
        else
            snprintf(text, DURATION_TEXT_MAX, "%s%lld%c", sign, (long long)n, units[i].letter);
        break;
    }
    return text;
}
