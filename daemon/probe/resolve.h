#pragma once

/* A host name to all its addresses, IPv4 and IPv6, by c-ares on the loop. Literals need no DNS. */

#include <systemd/sd-event.h>

#include "model/endpoint.h"

#define RESOLVE_ADDRESSES_MAX 64 /* a name of RDS has one, a big Aurora reader endpoint 15 */

typedef struct Resolve Resolve;

/*
 * Called once, from the loop. Either n_addresses > 0, sorted and without doubles, or error says why there are
 * none (borrowed). May free the Resolve.
 */
typedef void (*resolve_fn)(Resolve *resolve, const Address *addresses, size_t n_addresses, const char *error,
                           void *userdata);

/*
 * Has no deadline of its own: whoever waits frees it. Any address may come, this host's own ones, too: the
 * probe refuses those (model/reach.h).
 */
int resolve_new(Resolve **ret, sd_event *event, const Endpoint *endpoint, resolve_fn done, void *userdata);
void resolve_free(Resolve *resolve);
