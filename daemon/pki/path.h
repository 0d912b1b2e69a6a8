#pragma once

/*
 * The way from a server's certificate up to a root of a bundle (RFC 5280, section 6.1; RFC 4158). Each step is
 * a signature that was checked with the issuer's own key: names and key identifiers are the server's to choose.
 */

#include <gnutls/x509.h>

#include "pki/bundle.h"
#include "pki/facts.h"

typedef struct Imported {
    gnutls_x509_crt_t crt[CHAIN_CERTIFICATES_MAX];
    unsigned n;
} Imported;

void imported_deinit(Imported *imported);

/* The first n of the chain; those that were imported before stay. */
bool import_chain(const Chain *chain, size_t n, Imported *ret);

typedef struct Path {
    gnutls_x509_crt_t crt[CHAIN_CERTIFICATES_MAX]; /* borrowed; the server's first */
    Certificate *facts[CHAIN_CERTIFICATES_MAX];
    unsigned n;
    bool anchored; /* the last one is a root of the bundle's */
} Path;

typedef struct PathParams {
    const Bundle *bundle; /* NULL: the path leads through what was sent alone */
    const Chain *chain;
    const Imported *sent; /* all of the chain */
    bool dated;           /* every certificate on the path has to be valid now */
    int64_t now;
    const char *purpose; /* the extended key usage that the path has to allow; NULL: any */
} PathParams;

/* The path that verifies, and 0; where there is none, the longest one, and what GnuTLS has against that. */
unsigned path_find(const PathParams *params, Path *ret);

/* What GnuTLS has against the certificates from the first one on; dates left out. */
unsigned path_status(const Bundle *bundle, const gnutls_x509_crt_t *crt, unsigned n, const char *purpose);

/* Whether GnuTLS has nothing against the certificate with exactly this issuer; dates left out. */
bool is_issued_by(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer);

/* The first certificate that is not valid at that time; n: all are. */
unsigned path_find_undated(const Path *path, int64_t now);
