#include "pki/verify.h"

#include <string.h>

#include "base/alloc.h"
#include "pki/bundle-internal.h"
#include "pki/facts.h"

static const struct {
    unsigned bit;
    const char *words;
} status_words[] = {
    { GNUTLS_CERT_SIGNER_NOT_FOUND, "its issuer is not in it" },
    { GNUTLS_CERT_SIGNER_NOT_CA, "its issuer is not a CA" },
    { GNUTLS_CERT_INSECURE_ALGORITHM, "it is signed with an algorithm that is not secure any more" },
    { GNUTLS_CERT_SIGNATURE_FAILURE, "its signature is wrong" },
    { GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, "it breaks a constraint of its issuer" },
    { GNUTLS_CERT_PURPOSE_MISMATCH, "it is not meant for servers" },
    { GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS, "it has a critical extension that nobody knows" },
    { GNUTLS_CERT_REVOKED, "it is revoked" },
};

static const char *words_of(unsigned status)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_words); i++)
        if (status & status_words[i].bit)
            return status_words[i].words;
    return "it does not verify";
}

typedef struct Imported {
    gnutls_x509_crt_t crt[CHAIN_CERTIFICATES_MAX];
    unsigned n;
} Imported;

static void imported_deinit(Imported *imported)
{
    while (imported->n > 0)
        gnutls_x509_crt_deinit(imported->crt[--imported->n]);
}

/* The first n; those that were imported before stay. */
static bool import(const Chain *chain, size_t n, Imported *ret)
{
    while (ret->n < n && ret->n < CHAIN_CERTIFICATES_MAX) {
        const Certificate *c = chain->certificates[ret->n];
        if (pki_import(c->der, c->der_size, &ret->crt[ret->n]) < 0)
            return false;
        ret->n++;
    }
    return ret->n > 0;
}

static unsigned status_against(gnutls_x509_trust_list_t list, Imported *chain)
{
    unsigned status = GNUTLS_CERT_INVALID;
    const unsigned flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS;
    if (pki_result(
            gnutls_x509_trust_list_verify_crt2(list, chain->crt, chain->n, NULL, 0, flags, &status, NULL)) < 0)
        return GNUTLS_CERT_INVALID;
    return status;
}

/* Takes the path to certificates: the bundle's, or those that were sent. */
typedef struct Climb {
    const Bundle *bundle; /* NULL: none */
    const Chain *chain;
    const Imported *sent;
} Climb;

/* A certificate of the bundle that can have issued this one; NULL if there is none. */
static gnutls_x509_crt_t issuer_in(gnutls_x509_trust_list_t list, gnutls_x509_crt_t crt)
{
    gnutls_x509_crt_t issuer;
    return pki_result(gnutls_x509_trust_list_get_issuer(list, crt, &issuer, 0)) >= 0 ? issuer : NULL;
}

/* The next one up: a root of the bundle's ends the way even if more was sent (RFC 4158, 2.4); else what was
 * sent, else what the bundle has between. */
static gnutls_x509_crt_t climb(const Climb *c, gnutls_x509_crt_t at, Certificate **ret_facts,
                               bool *ret_anchored)
{
    gnutls_x509_crt_t issuer = c->bundle ? issuer_in(c->bundle->roots, at) : NULL;
    if (issuer) {
        *ret_anchored = true;
        *ret_facts = bundle_facts(c->bundle, issuer);
        return issuer;
    }
    for (unsigned i = 1; i < c->sent->n; i++)
        if (gnutls_x509_crt_check_issuer(at, c->sent->crt[i])) {
            *ret_facts = c->chain->certificates[i];
            return c->sent->crt[i];
        }
    issuer = c->bundle ? issuer_in(c->bundle->all, at) : NULL;
    *ret_facts = issuer ? bundle_facts(c->bundle, issuer) : NULL;
    return issuer;
}

static void find_path(const Climb *c, Verification *ret)
{
    gnutls_x509_crt_t at = c->sent->crt[0];
    while (ret->path.n < CHAIN_CERTIFICATES_MAX && !ret->anchored && !gnutls_x509_crt_check_issuer(at, at)) {
        Certificate *facts = NULL;
        at = climb(c, at, &facts, &ret->anchored);
        if (!at || !facts)
            return;
        chain_append(&ret->path, certificate_ref(facts));
    }
}

/*
 * By way of an intermediate that was proven: what GnuTLS verifies then is the server's certificate against it.
 * False where there is none, or where GnuTLS has anything against it: that is asked for in full.
 */
static bool is_proven(const Bundle *bundle, const Chain *chain, Imported *imported, Verification *ret)
{
    const Proof *proof = chain->n == 2 ? proven_find(bundle->proven, chain->certificates[1]) : NULL;
    if (!proof || !import(chain, 1, imported) || status_against(bundle->proven->list, imported) != 0)
        return false;
    ret->trusted = true;
    ret->anchored = proof->anchored;
    ret->incomplete = proof->incomplete;
    chain_append_all(&ret->path, &proof->path);
    return true;
}

static void verify_in_full(const Bundle *bundle, const Chain *chain, Imported *imported, Verification *ret)
{
    gnutls_x509_crt_t last = imported->crt[imported->n - 1];
    unsigned status = status_against(bundle->all, imported);
    ret->trusted = status == 0;
    if (!ret->trusted) {
        ret->reason = xstrdup(words_of(status));
        return;
    }
    ret->incomplete = bundle->n_roots < bundle->n && status_against(bundle->roots, imported) != 0 &&
                      !bundle_holds(bundle, last);
    if (chain->n == 2 && !bundle->constrains && !proven_find(bundle->proven, chain->certificates[1]) &&
        !constrains_names(last))
        proven_add(bundle->proven, chain->certificates[1], ret);
}

void verify_chain(const Bundle *bundle, const Chain *chain, const char *name, Verification *ret)
{
    _cleanup_(imported_deinit) Imported imported = { 0 };
    *ret = (Verification) { .possible = bundle && bundle_size(bundle) > 0 };
    bool proven = ret->possible && is_proven(bundle, chain, &imported, ret);
    if (!proven && !import(chain, chain->n, &imported)) {
        ret->possible = false;
        ret->reason = xstrdup("it does not parse");
        return;
    }
    gnutls_x509_crt_t server = imported.crt[0];
    ret->name_matches = gnutls_x509_crt_check_hostname2(server, name, 0) != 0;
    ret->self_signed = chain->n == 1 && gnutls_x509_crt_check_issuer(server, server) != 0;
    if (proven)
        return;
    find_path(&(Climb) { .bundle = bundle, .chain = chain, .sent = &imported }, ret);
    if (ret->possible)
        verify_in_full(bundle, chain, &imported, ret);
}

void verify_address(const Bundle *bundle, const Endpoint *endpoint, AddressState *address)
{
    verification_deinit(&address->verification);
    verify_chain(bundle, &address->seen->chain, endpoint_verify_name(endpoint), &address->verification);
    address->verification.made = true;
}

bool verify_proves(const Bundle *bundle, const Endpoint *endpoint, const Chain *chain)
{
    Verification v;
    verify_chain(bundle, chain, endpoint_verify_name(endpoint), &v);
    bool proves = v.trusted && v.name_matches;
    verification_deinit(&v);
    return proves;
}
