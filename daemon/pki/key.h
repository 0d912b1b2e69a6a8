#pragma once

/*
 * How large a public key may be. A peer chooses its key, and the time that one signature takes to check grows
 * with the square of the modulus times the length of the exponent: 65,536 bits of each hold the loop for a
 * minute. The limits are those of OpenSSL (rsa.h, dsa.h), so no client that dbcertd watches for takes more.
 */

#include <gnutls/x509.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_RSA_BITS_MAX          16384
#define KEY_RSA_EXPONENT_BITS_MAX 64
#define KEY_DSA_BITS_MAX          10000
#define KEY_DSA_ORDER_BITS_MAX    512   /* FIPS 186-4 has at most 256 */
#define KEY_DH_BITS_MAX           8192  /* the largest group of RFC 7919 */
#define KEY_CHAIN_BITS_MAX        65536 /* of all keys that one server sends: 16 RSA keys of 4096 bits */

/* Why the certificate's key is not used, "an RSA key of 65536 bits; dbcertd takes at most 16384"; NULL if it is
 * within the limits, or cannot be read. The caller's. Sets *ret_bits, unless that is NULL. */
char *key_excess(gnutls_x509_crt_t crt, unsigned *ret_bits);
