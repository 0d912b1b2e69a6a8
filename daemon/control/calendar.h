#pragma once

/* A forecast as an iCalendar (RFC 5545). */

#include "report/forecast.h"

/* An event keeps its identity from one day to the next. The caller frees. */
char *calendar_write(const Forecast *forecast, int64_t now);
