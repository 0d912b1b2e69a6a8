#pragma once

/* The page at /: the fleet on one axis of time, drawn here, so that the list needs no script. */

#include "control/pieces.h"

#define PAGE_NONCE_BYTES 16

/*
 * HTML, and the Content-Security-Policy that goes with it, which allows what has the nonce and nothing from
 * elsewhere. nonce: so many random bytes. The caller frees both.
 */
Pieces *page_pieces(int64_t now, const unsigned char nonce[PAGE_NONCE_BYTES], char **ret_policy);
