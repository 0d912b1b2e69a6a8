#pragma once

#include <jansson.h>

/* The answer of /v1/forecast as an iCalendar (RFC 5545) on standard output; now: when it is written. */
void calendar_print(const json_t *forecast, int64_t now);
