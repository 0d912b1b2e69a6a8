#pragma once

/* A forecast as an iCalendar (RFC 5545). */

#include <jansson.h>
#include <stdint.h>

/* forecast: as the status socket has it; an event keeps its identity from one day to the next. The caller
 * frees. */
char *calendar_write(const json_t *forecast, int64_t now);
