#include "pki/path.h"

#include <string.h>

#include "pki/bundle-internal.h"
#include "pki/result.h"

/*
 * How many bits the keys may have together with which one search checks signatures: a server may send 16
 * certificates of one name, each of which may be the issuer. The longest real path takes 3 keys of 4096 bits,
 * twice.
 */
#define SEARCH_BITS_MAX (2 * 65536)
#define KEY_BITS_MIN    2048 /* a key on a curve counts as much: it is short, and takes as long */

#define WITHOUT_DATES (GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS)

/* What says that a key did not sign; all else is for the verification of the whole path to mind. */
#define NOT_SIGNED (GNUTLS_CERT_SIGNATURE_FAILURE | GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)

typedef struct Search {
    const PathParams *params;
    Path at, best;
    unsigned bits_left;
} Search;

void imported_deinit(Imported *imported)
{
    while (imported->n > 0)
        gnutls_x509_crt_deinit(imported->crt[--imported->n]);
}

bool import_chain(const Chain *chain, size_t n, Imported *ret)
{
    while (ret->n < n && ret->n < CHAIN_CERTIFICATES_MAX) {
        const Certificate *c = chain->certificates[ret->n];
        if (pki_import(c->der, c->der_size, &ret->crt[ret->n]) < 0)
            return false;
        ret->n++;
    }
    return ret->n > 0;
}

static unsigned status_of(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, unsigned flags)
{
    unsigned status = GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND;
    if (!gnutls_x509_crt_check_issuer(crt, issuer) ||
        pki_result(gnutls_x509_crt_verify(crt, &issuer, 1, WITHOUT_DATES | flags, &status)) < 0)
        return GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND;
    return status;
}

bool is_issued_by(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
    return status_of(crt, issuer, 0) == 0;
}

unsigned path_status(const Bundle *bundle, const gnutls_x509_crt_t *crt, unsigned n, const char *purpose)
{
    unsigned status = GNUTLS_CERT_INVALID;
    gnutls_typed_vdata_st data = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)purpose };
    gnutls_x509_crt_t list[CHAIN_CERTIFICATES_MAX];
    memcpy(list, crt, n * sizeof *list); /* GnuTLS may sort them */
    if (pki_result(gnutls_x509_trust_list_verify_crt2(bundle->all, list, n, &data, purpose ? 1 : 0,
                                                      WITHOUT_DATES, &status, NULL)) < 0)
        return GNUTLS_CERT_INVALID;
    return status;
}

unsigned path_find_undated(const Path *path, int64_t now)
{
    unsigned i = 0;
    while (i < path->n && path->facts[i]->not_before != -1 && path->facts[i]->not_before <= now &&
           now <= path->facts[i]->not_after)
        i++;
    return i;
}

/* False: that would be more work than a server may ask for. */
static bool spend(Search *search, const Certificate *key)
{
    unsigned bits = MAX(key->key_bits, KEY_BITS_MIN);
    bool enough = search->bits_left >= bits;
    search->bits_left -= enough ? bits : search->bits_left;
    return enough;
}

/* Against the bundle, as a whole: constraints of length, name and purpose are the path's. */
static unsigned verify_path(const PathParams *params, const Path *path)
{
    unsigned status = params->bundle ? path_status(params->bundle, path->crt, path->n, params->purpose)
                                     : GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_NOT_FOUND;
    if (status == 0 && params->dated && path_find_undated(path, params->now) < path->n)
        return GNUTLS_CERT_INVALID;
    return status;
}

static bool is_on(const Path *path, const Certificate *facts)
{
    for (unsigned i = 0; i < path->n; i++)
        if (strcmp(path->facts[i]->sha256, facts->sha256) == 0)
            return true;
    return false;
}

static bool climb(Search *search);

/* One step further, and from there on to a root, if this is the issuer. False: that does not lead to one. */
static bool extend(Search *search, gnutls_x509_crt_t issuer, Certificate *facts, bool root)
{
    Path *at = &search->at;
    gnutls_x509_crt_t last = at->crt[at->n - 1];
    if (!gnutls_x509_crt_check_issuer(last, issuer) || is_on(at, facts) || !spend(search, facts) ||
        status_of(last, issuer, GNUTLS_VERIFY_ALLOW_BROKEN) & NOT_SIGNED)
        return false;
    at->crt[at->n] = issuer;
    at->facts[at->n++] = facts;
    at->anchored = root;
    bool found = root ? spend(search, facts) && verify_path(search->params, at) == 0 : climb(search);
    if (!found) {
        if (root > search->best.anchored || (root == search->best.anchored && at->n > search->best.n))
            search->best = *at;
        at->n--;
        at->anchored = false;
    }
    return found;
}

static bool extend_by_bundle(Search *search, bool roots)
{
    const Bundle *bundle = search->params->bundle;
    for (size_t i = 0; bundle && !bundle->is_list && i < bundle->n;
         i++) /* of a list, what is needed was selected */
        if (bundle->is_root[i] == roots && extend(search, bundle->certificates[i], bundle->facts[i], roots))
            return true;
    return false;
}

/* A root of the bundle's ends the way even if more was sent (RFC 4158, 2.4); else what was sent, else what the
 * bundle has between. */
static bool climb(Search *search)
{
    const PathParams *params = search->params;
    gnutls_x509_crt_t last = search->at.crt[search->at.n - 1];
    if (search->at.n == CHAIN_CERTIFICATES_MAX || gnutls_x509_crt_check_issuer(last, last))
        return false;
    if (extend_by_bundle(search, true))
        return true;
    for (unsigned i = 1; i < params->sent->n; i++)
        if (extend(search, params->sent->crt[i], params->chain->certificates[i], false))
            return true;
    return extend_by_bundle(search, false);
}

unsigned path_find(const PathParams *params, Path *ret)
{
    const Path start = { .crt[0] = params->sent->crt[0], .facts[0] = params->chain->certificates[0], .n = 1 };
    Search search = { .params = params, .at = start, .best = start, .bits_left = SEARCH_BITS_MAX };
    bool found = climb(&search);
    *ret = found ? search.at : search.best;
    return found ? 0 : verify_path(params, ret); /* what the bundle holds may also end it below a root */
}
