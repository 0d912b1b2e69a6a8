#pragma once

/* One endpoint as a page: its clocks, findings, addresses and chains; and what was, and what is to come. */

#include <jansson.h>

void render_endpoint(const json_t *endpoint);

/* The same, with the certificates that it served, and the events of the forecast that are about it. */
void render_page(const json_t *endpoint, const json_t *history, const json_t *forecast);
