#pragma once

/* One endpoint as a page: its clocks, findings, addresses and chains; and what was, and what is to come. */

#include <jansson.h>

void render_endpoint(const json_t *endpoint);

/* What it has served; the events of the forecast that are about it (nothing for NULL). */
void render_served(const json_t *history);
void render_coming(const char *name, const json_t *forecast);
