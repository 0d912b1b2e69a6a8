#pragma once

/* DER to facts. Beside probe/session.c, this folder is all that sees GnuTLS. */

#include "model/certificate.h"

#define CERTIFICATE_BYTES_MAX \
    (256 * 1024)                  /* real ones have 1 to 2 KB; GnuTLS's own handshake limit is 128 KB */
#define CHAIN_CERTIFICATES_MAX 16 /* RDS sends at most 3; GnuTLS verifies at most 16 */

/* -EBADMSG if the bytes are no X.509 certificate, -EFBIG if it has more parts (pki/shape.h) or a larger key
 * (pki/key.h) than dbcertd takes; *ret is the caller's. */
int certificate_from_der(const uint8_t *der, size_t size, Certificate **ret);

/* Returns why it was -EFBIG, "an RSA key of 65536 bits; dbcertd takes at most 16384"; NULL if it is within the
 * limits, or does not parse. The caller's. */
char *certificate_excess(const uint8_t *der, size_t size);

/* RFC 7468, with the line's end. The caller's. */
char *certificate_to_pem(const Certificate *certificate);

/* 20 bytes: for what still asks for it, RDS's Thumbprint and mysql_native_password. */
void pki_sha1(const void *data, size_t size, uint8_t *ret);

/* 32 bytes: fingerprints, and caching_sha2_password. */
void pki_sha256(const void *data, size_t size, uint8_t *ret);
