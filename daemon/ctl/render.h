#pragma once

/* JSON of the status socket, for people: tables and paragraphs, colours only on a terminal and never with
 * NO_COLOR. */

#include <jansson.h>

/* A line per endpoint. */
void render_endpoints(const json_t *endpoints);

/* One line about all of them. */
void render_status(const json_t *status);

/* Everything about one. */
void render_endpoint(const json_t *endpoint);

/* A paragraph per finding. */
void render_findings(const json_t *findings);
