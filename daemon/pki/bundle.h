#pragma once

/* What is verified against: the certificates of the operator's bundles. */

#include "base/macro.h"

#include <stddef.h>
#include <stdint.h>

#define BUNDLE_BYTES_MAX        (16 * 1024 * 1024) /* the global bundle has 170 KB */
#define BUNDLE_CERTIFICATES_MAX 5000               /* the global bundle has 108 */

typedef struct Bundle Bundle;

Bundle *bundle_new(void);
void bundle_free(Bundle *bundle);
CLEANUP_OF(Bundle, bundle_free);

/* Certificates in it, without doubles. */
size_t bundle_size(const Bundle *bundle);

/*
 * Adds the certificates of a PEM text: any number, with comments and CRLF. One that does not parse is left out
 * and named in *errors with its position ("PATH: certificate 3 (line 57): ..."); the others are kept. Returns
 * how many were read, or -ENODATA if there was not one (also said in *errors).
 */
int bundle_add_pem(Bundle *bundle, const char *path, const uint8_t *pem, size_t size, char ***errors);

/* Adds the roots that the system trusts, as its other programs see them. Returns how many, or a negative errno.
 */
int bundle_add_system(Bundle *bundle);
