#pragma once

/* What is verified against: certificates of the operator's bundles, or of a client's trust store. */

#include "base/worker.h"
#include "model/certificate.h"

#define BUNDLE_BYTES_MAX        (16 * 1024 * 1024) /* the global bundle has 170 KB */
#define BUNDLE_CERTIFICATES_MAX 5000               /* the global bundle has 108 */

/* Of all its certificates (pki/shape.h): GnuTLS takes some 400 bytes for each. The global bundle has 10,000. */
#define BUNDLE_ELEMENTS_MAX 200000

typedef struct Bundle Bundle;

/* Used by one thread at a time. bundle_ref(): one more owner. */
Bundle *bundle_new(void);
Bundle *bundle_new_list(
    void); /* it has the DER alone: a tenth of the memory. What a chain needs is parsed each time */
Bundle *bundle_ref(Bundle *bundle);
void bundle_free(Bundle *bundle);
CLEANUP_OF(Bundle, bundle_free);

/* The same by the worker's thread: to free thousands of certificates takes a while. NULL is no bundle. */
void bundle_free_later(Bundle *bundle, Worker *worker);

/* Certificates in it, without doubles. */
size_t bundle_size(const Bundle *bundle);

/* What a list takes, about. */
size_t bundle_bytes(const Bundle *bundle);

/* Borrowed. */
Certificate *bundle_certificate(const Bundle *bundle, size_t i);
bool bundle_has(const Bundle *bundle, const char *sha256);

/* The SHA-256 of each, in hexadecimal: a list that is the caller's. */
char **bundle_fingerprints(const Bundle *bundle);

/*
 * Adds the certificates of a file, whatever its name says it is: PEM (any number, with comments and CRLF),
 * PKCS#7 or one certificate in DER or PEM, PKCS#12, a Java key store. One that does not parse is left out and
 * named in *errors with its position ("PATH: certificate 3 (line 57): ..."); the others are kept. Returns how
 * many were read, or, also said in *errors, -ENODATA if there was not one and -EACCES if the password does not
 * open it (NULL: none is known).
 */
int bundle_add(Bundle *bundle, const char *path, const uint8_t *data, size_t size, const char *password,
               char ***errors);

/* What such a file is by its content: "PEM", "DER", "PKCS#7", "PKCS#12" or "Java key store". */
const char *bundle_format(const uint8_t *data, size_t size);

/* Adds what the other one holds. */
void bundle_merge(Bundle *bundle, const Bundle *other);

/* Adds the roots that the system trusts, as its other programs see them. Returns how many, or a negative errno.
 */
int bundle_add_system(Bundle *bundle);
