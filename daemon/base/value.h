#pragma once

/*
 * Values: foreign text whose form was checked. Each function says whether a text is such a value; a part that
 * takes text from a peer, a file or the configuration asks it once, where the text comes in. Values that only
 * RDS has are in rds/value.h.
 */

#include <stdbool.h>

#define HOST_NAME_BYTES_MAX 253 /* RFC 1035, 3.1: 255 on the wire */

typedef bool (*IsValue)(const char *text);

/* A copy of the text if it is such a value, else NULL; NULL for NULL. The caller's. */
char *value_copy(IsValue is, const char *text);

/*
 * Labels of letters, digits and hyphens, 1 to 63 each, none with a hyphen at an end (RFC 1123, 2.1), perhaps
 * with a dot at the end. The underscore, which is not in the RFC, is allowed: resolvers look such names up.
 */
bool value_is_host(const char *text);

/* Absolute, and can be shown and quoted (base/shell.h); at most 4095 bytes (PATH_MAX). */
bool value_is_path(const char *text);

/* Letters, digits and . _ - with a letter or a digit first, at most 128: names in the configuration. */
bool value_is_name(const char *text);
