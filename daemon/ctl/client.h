#pragma once

#include <jansson.h>

/*
 * Asks the daemon over its status socket; waits for the answer. *ret is the parsed body, the caller's. Returns
 * the HTTP status, or -EIO after saying on standard error what is wrong and what would be right.
 */
int client_ask(const char *socket, const char *method, const char *path, json_t **ret);

/* The same with a body, which is borrowed. */
int client_send(const char *socket, const char *method, const char *path, const json_t *body, json_t **ret);

/* The same for an answer that is a line of text: *ret, escaped and without its end, is the caller's. */
int client_ask_line(const char *socket, const char *path, char **ret);

/* What an answer of the daemon says is wrong, on standard error. EXIT_FAILURE. */
int client_show_error(const json_t *body);

/* The answer as it is. */
void client_print_json(const json_t *body);
