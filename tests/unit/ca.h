#pragma once

/* Certificate authorities of every kind, made with GnuTLS: what a server may send is not only what RDS sends.
 */

#include "unit.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "pki/bundle.h"
#include "pki/facts.h"

typedef struct Made {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    Certificate *facts;
} Made;

typedef struct Recipe {
    const char *cn;
    const Made *issuer;      /* NULL: its own */
    const Made *key_of;      /* NULL: a key of its own */
    const char *begin, *end; /* NULL: 2026-01-01 to 2027-01-01 */
    bool ca, no_path, v1;    /* no_path: pathLenConstraint 0 */
    unsigned usage;          /* 0: none is named */
    const char *permits;     /* a name constraint */
    const char *purpose;     /* an extended key usage */
    const char *key_id;      /* NULL: the key's own */
} Recipe;

/* Kept until made_free_all(). */
const Made *made(Recipe recipe);
void made_free_all(void);

Chain chain_of(const Made *first, const Made *second, const Made *third);
Bundle *bundle_of(const Made *first, const Made *second);
Bundle *list_of(const Made *first, const Made *second);
