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

static bool import(const Chain *chain, Imported *ret)
{
    for (size_t i = 0; i < chain->n && i < CHAIN_CERTIFICATES_MAX; i++) {
        const Certificate *c = chain->certificates[i];
        const gnutls_datum_t der = { c->der, (unsigned)c->der_size };
        if (gnutls_x509_crt_init(&ret->crt[ret->n]) < 0)
            return false;
        ret->n++;
        if (gnutls_x509_crt_import(ret->crt[i], &der, GNUTLS_X509_FMT_DER) < 0)
            return false;
    }
    return ret->n > 0;
}

static unsigned status_against(gnutls_x509_trust_list_t list, Imported *chain)
{
    unsigned status = GNUTLS_CERT_INVALID;
    const unsigned flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS;
    if (gnutls_x509_trust_list_verify_crt2(list, chain->crt, chain->n, NULL, 0, flags, &status, NULL) < 0)
        return GNUTLS_CERT_INVALID;
    return status;
}

/*
 * Against the bundle; by way of an intermediate that was proven, where there is one: what GnuTLS verifies then
 * is the server's certificate against it, and whatever it has against that is asked for in full.
 */
static unsigned status_of(const Bundle *bundle, const Chain *sent, Imported *chain)
{
    bool short_one = chain->n == 2 && !bundle->constrains;
    if (short_one && proven_has(bundle->proven, sent->certificates[1]) &&
        status_against(bundle->proven->list, chain) == 0)
        return 0;
    unsigned status = status_against(bundle->all, chain);
    if (status == 0 && short_one && !proven_has(bundle->proven, sent->certificates[1]) &&
        !constrains_names(chain->crt[1]))
        proven_add(bundle->proven, sent->certificates[1]);
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
    return gnutls_x509_trust_list_get_issuer(list, crt, &issuer, 0) >= 0 ? issuer : NULL;
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

void verify_chain(const Bundle *bundle, const Chain *chain, const char *name, Verification *ret)
{
    _cleanup_(imported_deinit) Imported imported = { 0 };
    *ret = (Verification) { 0 };
    if (!import(chain, &imported)) {
        ret->reason = xstrdup("it does not parse");
        return;
    }
    gnutls_x509_crt_t server = imported.crt[0], last = imported.crt[imported.n - 1];
    find_path(&(Climb) { .bundle = bundle, .chain = chain, .sent = &imported }, ret);
    ret->name_matches = gnutls_x509_crt_check_hostname2(server, name, 0) != 0;
    ret->self_signed = imported.n == 1 && gnutls_x509_crt_check_issuer(server, server) != 0;
    ret->possible = bundle && bundle_size(bundle) > 0;
    if (!ret->possible)
        return;

    unsigned status = status_of(bundle, chain, &imported);
    ret->trusted = status == 0;
    if (!ret->trusted)
        ret->reason = xstrdup(words_of(status));
    ret->incomplete = ret->trusted && bundle->n_roots < bundle->n &&
                      status_against(bundle->roots, &imported) != 0 && !bundle_holds(bundle, last);
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
