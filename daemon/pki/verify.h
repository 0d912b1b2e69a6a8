#pragma once

#include "model/observation.h"
#include "pki/bundle.h"

/*
 * Verifies a stored chain (RFC 5280, section 6) and the name in its first certificate (RFC 9525), dates left
 * out: those are for the rules, which ask again as time goes by. Never trusts what the server sent for a root.
 * The caller deinits *ret.
 */
void verify_chain(const Bundle *bundle, const Chain *chain, const char *name, Verification *ret);
