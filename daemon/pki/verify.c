#include "pki/verify.h"

#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "pki/bundle-internal.h"
#include "pki/path.h"

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

/* Whether a certificate of the path, its root aside, is one that the server did not send. */
static bool needs_more(const Chain *chain, const Chain *path, bool anchored)
{
    for (size_t i = 0; i + anchored < path->n; i++) {
        bool sent = false;
        for (size_t j = 1; j < chain->n && !sent; j++)
            sent = strcmp(chain->certificates[j]->sha256, path->certificates[i]->sha256) == 0;
        if (!sent)
            return true;
    }
    return false;
}

/*
 * By way of an intermediate that was proven: what GnuTLS verifies then is the server's certificate against it,
 * and no other. False where there is none, or where GnuTLS has anything against it: that is asked for in full.
 */
static bool is_proven(const Bundle *bundle, const Chain *chain, Imported *imported, Verification *ret)
{
    const Proof *proof = chain->n > 1 ? proven_find(bundle->proven, chain->certificates[1]) : NULL;
    if (!proof || !import_chain(chain, 1, imported) || !is_issued_by(imported->crt[0], proof->crt))
        return false;
    ret->trusted = true;
    ret->anchored = proof->anchored;
    chain_append_all(&ret->path, &proof->path);
    ret->incomplete = needs_more(chain, &ret->path, ret->anchored);
    return true;
}

/*
 * Whether what was found out of this path holds for all that its first issuer signs: that is a CA which the
 * bundle verifies by itself, without what this server sent above it, and nothing on the path constrains the
 * names below (RFC 5280, 4.2.1.10).
 */
static bool is_proof(const Bundle *bundle, const Path *path)
{
    if (path->n < 2 || path->facts[1]->self_issued || !may_sign_certificates(path->crt[1]))
        return false;
    for (unsigned i = 1; i < path->n; i++)
        if (constrains_names(path->crt[i]) || (i > 1 && !bundle_has(bundle, path->facts[i]->sha256)))
            return false;
    return path_status(bundle, path->crt + 1, path->n - 1, NULL) == 0;
}

static void verify_in_full(const Bundle *whole, const Chain *chain, const Imported *imported, Verification *ret)
{
    _cleanup_(bundle_freep) Bundle *selected = whole && whole->is_list ? bundle_select(whole, chain) : NULL;
    const Bundle *bundle = selected ? selected : whole;
    Path path;
    unsigned status = path_find(&(PathParams) { .bundle = bundle, .chain = chain, .sent = imported }, &path);
    for (unsigned i = 1; i < path.n; i++)
        chain_append(&ret->path, certificate_ref(path.facts[i]));
    ret->anchored = path.anchored;
    ret->trusted = ret->possible && status == 0;
    if (ret->trusted)
        ret->incomplete = needs_more(chain, &ret->path, ret->anchored);
    else if (ret->possible) {
        unsigned sent = path_status(bundle, imported->crt, imported->n, NULL);
        ret->reason = xstrdup(words_of(sent ? sent : status));
    }
    if (ret->trusted && path.n > 1 && !proven_find(whole->proven, path.facts[1]) && is_proof(bundle, &path))
        proven_add(whole->proven, path.facts[1], ret);
}

void verify_chain(const Bundle *bundle, const Chain *chain, const char *name, Verification *ret)
{
    _cleanup_(imported_deinit) Imported imported = { 0 };
    *ret = (Verification) { .possible = bundle && bundle_size(bundle) > 0 };
    bool proven = ret->possible && is_proven(bundle, chain, &imported, ret);
    if (!proven && !import_chain(chain, chain->n, &imported)) {
        ret->possible = false;
        ret->reason = xstrdup("it does not parse");
        return;
    }
    gnutls_x509_crt_t server = imported.crt[0];
    ret->name_matches = gnutls_x509_crt_check_hostname2(server, name, 0) != 0;
    ret->self_signed = chain->n == 1 && gnutls_x509_crt_check_issuer(server, server) != 0;
    if (!proven)
        verify_in_full(bundle, chain, &imported, ret);
}

void verify_address(const Bundle *bundle, const Endpoint *endpoint, AddressState *address)
{
    verification_deinit(&address->verification);
    verify_chain(bundle, &address->seen->chain, endpoint_verify_name(endpoint), &address->verification);
    address->verification.made = true;
}

bool verify_known(const Bundle *bundle, const Verification *elsewhere)
{
    return elsewhere->made && elsewhere->trusted && elsewhere->path.n > 0 &&
           proven_find(bundle->proven, elsewhere->path.certificates[0]) != NULL;
}

/* Why a path does not authorise although, but for its dates, it may verify. */
static char *why_not(const Bundle *bundle, const Chain *chain, const Imported *imported, int64_t now)
{
    Path path;
    unsigned status = path_find(
        &(PathParams) {
            .bundle = bundle, .chain = chain, .sent = imported, .purpose = GNUTLS_KP_TLS_WWW_SERVER },
        &path);
    if (status != 0)
        return xasprintf("its certificate does not verify against the trust bundle: %s", words_of(status));
    unsigned i = path_find_undated(&path, now);
    if (i == path.n)
        return xstrdup("its certificate does not verify");
    const Certificate *c = path.facts[i];
    const char *whose = i == 0 ? "its certificate" : "the certificate of its CA";
    if (now > c->not_after)
        return xasprintf("%s expired %s", whose, INSTANT_TEXT(c->not_after));
    return xasprintf("%s is not valid before %s", whose, INSTANT_TEXT(c->not_before));
}

bool verify_authorises(const Bundle *bundle, const Endpoint *endpoint, const Chain *chain, int64_t now,
                       char **ret_reason)
{
    _cleanup_(imported_deinit) Imported imported = { 0 };
    const char *name = endpoint_verify_name(endpoint);
    Path path;
    if (!bundle || bundle_size(bundle) == 0)
        *ret_reason = xstrdup("there is no trust anchor to verify its certificate against");
    else if (!import_chain(chain, chain->n, &imported))
        *ret_reason = xstrdup("its certificate does not parse");
    else if (!gnutls_x509_crt_check_hostname2(imported.crt[0], name, 0))
        *ret_reason = xasprintf("its certificate does not carry the name \"%s\"", name);
    else if (path_find(&(PathParams) { .bundle = bundle,
                                       .chain = chain,
                                       .sent = &imported,
                                       .dated = true,
                                       .now = now,
                                       .purpose = GNUTLS_KP_TLS_WWW_SERVER },
                       &path) == 0)
        return true;
    else
        *ret_reason = why_not(bundle, chain, &imported, now);
    return false;
}
