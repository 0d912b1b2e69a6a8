#pragma once

/*
 * Keys out of passwords, as PKCS#12 asks for them: with the file's own derivation (RFC 7292, B.2) or PBKDF2
 * (RFC 8018). Whoever wrote the file chose how long that takes, so what it costs is known before it is done.
 */

#include <gnutls/crypto.h>

#include "pki/der.h"

typedef struct Kdf {
    bool pbkdf2;
    gnutls_mac_algorithm_t hash;
    Der salt;
    uint32_t rounds;
} Kdf;

/* What PKCS#12's own derivation makes, by the number that tells them apart. */
typedef enum KdfPurpose { KDF_KEY = 1, KDF_IV = 2, KDF_MAC = 3 } KdfPurpose;

/* Of a key so long: in rounds of PBKDF2 with SHA-256. */
uint64_t kdf_cost(const Kdf *kdf, size_t key_size);

/* password: NULL is none, which the file's own derivation tells from an empty one. GnuTLS's result. */
int kdf_derive(const Kdf *kdf, KdfPurpose purpose, const char *password, uint8_t *key, size_t key_size);

/* A password in UTF-16, big-endian, as Java and PKCS#12 have it. */
void kdf_append_utf16(Buffer *buffer, const char *text);
