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
 * Whether the bundle trusts a chain that another bundle trusts, as far as that is known without a signature to
 * check: the way up begins with an intermediate that this bundle has proven, too. False: it has to be verified.
 */
bool verify_known(const Bundle *bundle, const Verification *elsewhere);

/*
 * Whether this server may be given what is made of a secret: the chain, which it has to have shown in this very
 * connection, verifies now, in full, with its dates, for a server, with the endpoint's name, against the bundle
 * as it is. Nothing that was found out before counts. On false *ret_reason says why, "its certificate expired
 * ..."; the caller's.
 */
bool verify_authorises(const Bundle *bundle, const Endpoint *endpoint, const Chain *chain, int64_t now,
                       char **ret_reason);
