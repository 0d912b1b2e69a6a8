#pragma once

#include "model/endpoint.h"

/*
 * Reads "ENGINE://HOST[:PORT][?KEY=VALUE&...]" (IPv6 literals in brackets; keys: ca, verify_name, rotation,
 * maintenance_window, farewell, region). Returns the endpoint, the caller's, or NULL with *ret_error, the
 * caller's.
 */
Endpoint *target_parse(const char *text, char **ret_error);
