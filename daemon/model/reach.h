#pragma once

/*
 * Which addresses are probed. The RDS API, a name server or a certificate's owner can name any address; none of
 * them may make dbcertd connect to this host, to its metadata service, or to its neighbours on the link.
 */

#include "model/endpoint.h"

/* What the address is that no server of somebody else's can have: "a loopback address". NULL: an ordinary one.
 */
const char *address_special(const Address *address);

/*
 * Why the endpoint is not probed at this address: a sentence that names the key to set. NULL if it may be, also
 * because its configuration has `loopback = true`. The caller's.
 */
char *endpoint_refusal(const Endpoint *endpoint, const Address *address);
