#pragma once

/* JSON of the status socket, for people: tables and paragraphs, colours only on a terminal and never with
 * NO_COLOR. */

#include <jansson.h>

/* One line about all of them. */
void render_status(const json_t *status);

/* A paragraph per finding; and one. */
void render_findings(const json_t *findings);
void render_finding(const json_t *finding, const char *indent);

/* The CAs of the regions in use, or of all. */
void render_authorities(const json_t *body);
void render_all_authorities(const json_t *body);

/* Bundles, trust stores, and whether the stores accept what is served; then the verdicts alone. */
void render_trust(const json_t *body);
void render_verdicts(const json_t *verdicts);

/* The sources that the RDS API is asked for, with their findings; and what it says of one endpoint. */
void render_rds(const json_t *body);
void render_rds_of(const json_t *rds);

/* What is to come, a line each. */
void render_forecast(const json_t *forecast);

/* A line per certificate that was ever served. */
void render_history(const json_t *history);

/* A line per silence. */
void render_silences(const json_t *silences);

/* The steps, under a heading for each kind. */
void render_plan(const json_t *plan);
