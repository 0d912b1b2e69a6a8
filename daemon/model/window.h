#pragma once

/* RDS's preferred maintenance window, "ddd:hh:mm-ddd:hh:mm" in UTC, weekly, possibly over the week's end. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Window {
    bool known;
    int32_t start_seconds;  /* since Sunday 00:00 UTC, 0 .. a week */
    int32_t length_seconds; /* 30 minutes (RDS's shortest) up to, not including, a week */
} Window;

#define WINDOW_TEXT_MAX 24

/* -EINVAL if the text is no window, -ERANGE if it is shorter than 30 minutes. */
int window_parse(const char *text, Window *ret);

/* The text again; writes at most WINDOW_TEXT_MAX bytes and returns them. */
const char *window_text(const Window *window, char *text);
#define WINDOW_TEXT(w) window_text((w), (char[WINDOW_TEXT_MAX]) { 0 })

/* The end of the first window that starts at this instant or later. */
int64_t window_end_after(const Window *window, int64_t instant);

/* The end of the first window that ends after this instant: of one that is open now, too. */
int64_t window_next_end(const Window *window, int64_t instant);
