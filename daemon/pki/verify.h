#pragma once

#include "model/state.h"
#include "pki/bundle.h"

/*
 * Verifies a stored chain (RFC 5280, section 6) and the name in its first certificate (RFC 9525), dates left
 * out: those are for the rules, which ask again as time goes by. Never trusts what the server sent for a root.
 * The caller deinits *ret.
 */
void verify_chain(const Bundle *bundle, const Chain *chain, const char *name, Verification *ret);

/* The same for the chain that was seen at an address (there has to be one); replaces what its verification was.
 */
void verify_address(const Bundle *bundle, const Endpoint *endpoint, AddressState *address);

/*
 * Whether the chain proves, to the bundle, that its key is the endpoint's. Dates are left out: an expired
 * certificate still says whose key it is.
 */
bool verify_proves(const Bundle *bundle, const Endpoint *endpoint, const Chain *chain);
