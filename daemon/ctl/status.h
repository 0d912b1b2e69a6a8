#pragma once

/* `dbcertctl status`, `watch` and the choice of endpoints that `findings` shares with them. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is shown, and in which order; zero is everything, as it is configured. */
typedef struct Choice {
    const char *sort;      /* NULL, or one of choice_sorts */
    const char *severity;  /* that and worse; NULL: all */
    const char *engine;    /* an edition may be left out; NULL: all */
    char *const *patterns; /* of names, as a shell's; ends with NULL */
} Choice;

/* What is right for --sort, for messages. */
#define CHOICE_SORTS "name, severity, end, next or engine"

bool choice_sort_is_known(const char *word);

/* The endpoints that are chosen, in order: a new array. Findings that are about one take its name from
 * "endpoint". */
json_t *choose_endpoints(const json_t *endpoints, const Choice *choice);
json_t *choose_findings(const json_t *findings, const Choice *choice);

/* A line for each. */
void render_endpoints(const json_t *endpoints);
