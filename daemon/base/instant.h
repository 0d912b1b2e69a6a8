#pragma once

/*
 * Instants and durations. An instant is an int64_t of seconds since 1970-01-01T00:00:00Z, so that the year 2125
 * of a hundred-year root is a number like any other. Text is RFC 3339, UTC. Weeks begin on Sunday, as in RDS's
 * windows.
 */

#include <stdbool.h>
#include <stdint.h>

#define INSTANT_NONE  INT64_MIN /* not known */
#define INSTANT_NEVER INT64_MAX /* known not to come */

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    WEEK = 7 * DAY,
};

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

#define INSTANT_TEXT_MAX  48
#define DURATION_TEXT_MAX 48

/* "2026-11-20T21:59:00Z", "-" for the two special values. Writes at most INSTANT_TEXT_MAX bytes; returns text.
 */
const char *instant_text(int64_t instant, char *text);
#define INSTANT_TEXT(t) instant_text((t), (char[INSTANT_TEXT_MAX]) { 0 })

/* Reads that form ("2026-11-20T21:59:00Z", years of four digits). A leap second is the first of the next day.
 * -EINVAL if it is anything else. */
int instant_parse(const char *text, int64_t *ret);

/* The same, or a day ("2026-11-20"): its last second. */
int instant_parse_day(const char *text, int64_t *ret);

/* Calendar months later (or earlier); a day that the month lacks becomes its last one: 31 August - 6 = 28
 * February. */
int64_t instant_add_months(int64_t instant, int months);

/* The earlier one; INSTANT_NONE counts as INSTANT_NEVER. */
int64_t instant_earlier(int64_t a, int64_t b);

/* "90s", "15m", "1h", "7d", "2w", "1h30m": at least one number with its unit. -EINVAL, or -ERANGE over 100
 * years. */
int duration_parse(const char *text, int64_t *ret_seconds);

/* The two largest units: "3d 4h", "45s". Negative durations get a sign. */
const char *duration_text(int64_t seconds, char *text);
#define DURATION_TEXT(t) duration_text((t), (char[DURATION_TEXT_MAX]) { 0 })
