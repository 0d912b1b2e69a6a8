#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "pki/bundle-internal.h"
#include "pki/facts.h"

bool constrains_names(gnutls_x509_crt_t crt)
{
    gnutls_x509_name_constraints_t constraints;
    unsigned critical;
    if (gnutls_x509_name_constraints_init(&constraints) < 0)
        return true;
    int r = gnutls_x509_crt_get_name_constraints(crt, constraints, 0, &critical);
    gnutls_x509_name_constraints_deinit(constraints);
    return r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

/* What is added to a bundle may say more of them: they are proven anew. */
static void proven_clear(Proven *proven)
{
    if (proven->n == 0)
        return; /* as while a bundle is filled */
    gnutls_x509_trust_list_deinit(proven->list, 0);
    for (size_t i = 0; i < proven->n; i++) {
        gnutls_x509_crt_deinit(proven->crt[i]);
        certificate_unref(proven->facts[i]);
    }
    proven->n = 0;
    int r = gnutls_x509_trust_list_init(&proven->list, 0);
    assert(r >= 0); /* fails for want of memory only */
}

bool proven_has(const Proven *proven, const Certificate *certificate)
{
    for (size_t i = 0; i < proven->n; i++)
        if (proven->facts[i] == certificate ||
            (proven->facts[i]->der_size == certificate->der_size &&
             memcmp(proven->facts[i]->der, certificate->der, certificate->der_size) == 0))
            return true;
    return false;
}

void proven_add(Proven *proven, Certificate *certificate)
{
    const gnutls_datum_t der = { certificate->der, (unsigned)certificate->der_size };
    if (proven->n == PROVEN_MAX)
        return;
    gnutls_x509_crt_t *crt = &proven->crt[proven->n];
    int r = gnutls_x509_crt_init(crt);
    if (r >= 0)
        r = gnutls_x509_crt_import(*crt, &der, GNUTLS_X509_FMT_DER);
    assert(r >= 0); /* it was read before: for want of memory only */
    proven->facts[proven->n++] = certificate_ref(certificate);
    (void)gnutls_x509_trust_list_add_cas(proven->list, crt, 1, 0);
}

Bundle *bundle_new(void)
{
    Bundle *bundle = xcalloc(1, sizeof *bundle);
    int r = gnutls_x509_trust_list_init(&bundle->roots, 0);
    if (r >= 0)
        r = gnutls_x509_trust_list_init(&bundle->all, 0);
    assert(r >= 0); /* fails for want of memory only */
    bundle->proven = xcalloc(1, sizeof *bundle->proven);
    r = gnutls_x509_trust_list_init(&bundle->proven->list, 0);
    assert(r >= 0);
    return bundle;
}

void bundle_free(Bundle *bundle)
{
    if (!bundle)
        return;
    proven_clear(bundle->proven);
    gnutls_x509_trust_list_deinit(bundle->proven->list, 0);
    free(bundle->proven);
    gnutls_x509_trust_list_deinit(bundle->roots, 0);
    gnutls_x509_trust_list_deinit(bundle->all, 0);
    for (size_t i = 0; i < bundle->n; i++) {
        gnutls_x509_crt_deinit(bundle->certificates[i]);
        certificate_unref(bundle->facts[i]);
    }
    free(bundle->certificates);
    free(bundle->facts);
    free(bundle);
}

size_t bundle_size(const Bundle *bundle)
{
    return bundle->n;
}

Certificate *bundle_certificate(const Bundle *bundle, size_t i)
{
    return bundle->facts[i];
}

bool bundle_has(const Bundle *bundle, const char *sha256)
{
    for (size_t i = 0; i < bundle->n; i++)
        if (strcmp(bundle->facts[i]->sha256, sha256) == 0)
            return true;
    return false;
}

bool bundle_holds(const Bundle *bundle, gnutls_x509_crt_t crt)
{
    for (size_t i = 0; i < bundle->n; i++)
        if (gnutls_x509_crt_equals(bundle->certificates[i], crt))
            return true;
    return false;
}

Certificate *bundle_facts(const Bundle *bundle, gnutls_x509_crt_t crt)
{
    for (size_t i = 0; i < bundle->n; i++)
        if (bundle->certificates[i] == crt)
            return bundle->facts[i];
    return NULL;
}

/* Takes both. */
static void add(Bundle *bundle, gnutls_x509_crt_t crt, Certificate *facts)
{
    bundle->certificates = xgrow(bundle->certificates, bundle->n, sizeof(gnutls_x509_crt_t));
    bundle->facts = xgrow(bundle->facts, bundle->n, sizeof(Certificate *));
    bundle->facts[bundle->n] = facts;
    bundle->certificates[bundle->n++] = crt;
    bundle->constrains |= constrains_names(crt);
    proven_clear(bundle->proven);
    /* The lists borrow it; they are freed without freeing what is in them. */
    (void)gnutls_x509_trust_list_add_cas(bundle->all, &crt, 1, 0);
    if (gnutls_x509_crt_check_issuer(crt, crt)) {
        (void)gnutls_x509_trust_list_add_cas(bundle->roots, &crt, 1, 0);
        bundle->n_roots++;
    }
}

int bundle_add_der(Bundle *bundle, const uint8_t *der, size_t size)
{
    Certificate *facts;
    gnutls_x509_crt_t crt;
    const gnutls_datum_t datum = { (unsigned char *)der, (unsigned)size };
    int r = gnutls_x509_crt_init(&crt);
    assert(r >= 0);
    r = gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_DER);
    if (r >= 0 && certificate_from_der(der, size, &facts) < 0)
        r = GNUTLS_E_LARGE_PACKET;
    if (r < 0) {
        gnutls_x509_crt_deinit(crt);
        return r;
    }
    if (!bundle_has(bundle, facts->sha256)) {
        add(bundle, crt, facts);
        return 0;
    }
    gnutls_x509_crt_deinit(crt);
    certificate_unref(facts);
    return 0;
}

void bundle_merge(Bundle *bundle, const Bundle *other)
{
    for (size_t i = 0; i < other->n; i++) {
        Certificate *facts = other->facts[i];
        const gnutls_datum_t der = { facts->der, (unsigned)facts->der_size };
        gnutls_x509_crt_t crt;
        if (bundle_has(bundle, facts->sha256))
            continue;
        int r = gnutls_x509_crt_init(&crt);
        if (r >= 0)
            r = gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER);
        assert(r >= 0); /* it was read before: for want of memory only */
        add(bundle, crt, certificate_ref(facts));
    }
}

int bundle_add_system(Bundle *bundle)
{
    gnutls_x509_trust_list_t list;
    gnutls_x509_trust_list_iter_t at = NULL;
    gnutls_x509_crt_t crt;
    int n = 0;
    if (gnutls_x509_trust_list_init(&list, 0) < 0)
        return -ENOMEM;
    if (gnutls_x509_trust_list_add_system_trust(list, 0, 0) > 0)
        while (gnutls_x509_trust_list_iter_get_ca(list, &at, &crt) >= 0) {
            gnutls_datum_t der = { 0 };
            if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) >= 0)
                n += bundle_add_der(bundle, der.data, der.size) == 0;
            gnutls_free(der.data);
            gnutls_x509_crt_deinit(crt);
        }
    gnutls_x509_trust_list_iter_deinit(at);
    gnutls_x509_trust_list_deinit(list, 1);
    return n > 0 ? n : -ENODATA;
}
