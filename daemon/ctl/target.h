#pragma once

#include "model/endpoint.h"

/*
 * Reads "ENGINE://HOST[:PORT][?KEY[=VALUE]&...]" (IPv6 literals in brackets; keys: ca, verify_name, rotation,
 * maintenance_window, farewell, region, kind, and strict, direct_tls, check_plaintext, which alone are true).
 * Without ENGINE:// the engine is the given one, if that is not NULL. Returns the endpoint, the caller's, or
 * NULL with *ret_error, the caller's.
 */
Endpoint *target_parse(const char *text, const char *engine, char **ret_error);
