#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "pki/bundle-internal.h"
#include "pki/facts.h"
#include "pki/result.h"
#include "pki/shape.h"

#define PLACES_MIN   64
#define SELECTED_MAX 32 /* of a list, for one chain; a real path has 3 */

bool constrains_names(gnutls_x509_crt_t crt)
{
    gnutls_x509_name_constraints_t constraints;
    unsigned critical;
    if (pki_result(gnutls_x509_name_constraints_init(&constraints)) < 0)
        return true;
    int r = pki_result(gnutls_x509_crt_get_name_constraints(crt, constraints, 0, &critical));
    gnutls_x509_name_constraints_deinit(constraints);
    return r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

bool may_sign_certificates(gnutls_x509_crt_t crt)
{
    unsigned ca = 0, usage = 0;
    int r = pki_result(gnutls_x509_crt_get_basic_constraints(crt, NULL, &ca, NULL));
    if (gnutls_x509_crt_get_version(crt) < 3 || r < 0 || !ca)
        return false;
    r = pki_result(gnutls_x509_crt_get_key_usage(crt, &usage, NULL));
    return r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE || (r >= 0 && usage & GNUTLS_KEY_KEY_CERT_SIGN);
}

static void make_list(gnutls_x509_trust_list_t *ret)
{
    if (gnutls_x509_trust_list_init(ret, 0) < 0)
        out_of_memory();
}

/* It borrows it, and is freed without freeing what is in it. */
static void put_into(gnutls_x509_trust_list_t list, gnutls_x509_crt_t crt)
{
    (void)pki_result(gnutls_x509_trust_list_add_cas(list, &crt, 1, 0));
}

/* What is added to a bundle may say more of them: they are proven anew. */
static void proven_clear(Proven *proven)
{
    for (size_t i = 0; i < proven->n; i++) {
        gnutls_x509_crt_deinit(proven->items[i].crt);
        certificate_unref(proven->items[i].facts);
        chain_deinit(&proven->items[i].path);
    }
    proven->n = 0;
}

const Proof *proven_find(const Proven *proven, const Certificate *certificate)
{
    for (size_t i = 0; i < proven->n; i++) {
        const Certificate *c = proven->items[i].facts;
        if (c == certificate ||
            (c->der_size == certificate->der_size && memcmp(c->der, certificate->der, c->der_size) == 0))
            return &proven->items[i];
    }
    return NULL;
}

void proven_add(Proven *proven, Certificate *certificate, const Verification *verification)
{
    if (proven->n == PROVEN_MAX)
        return;
    Proof *proof = &proven->items[proven->n++];
    *proof = (Proof) { .facts = certificate_ref(certificate), .anchored = verification->anchored };
    chain_append_all(&proof->path, &verification->path);
    if (pki_import(certificate->der, certificate->der_size, &proof->crt) < 0)
        out_of_memory(); /* it was read before */
}

Bundle *bundle_new(void)
{
    Bundle *bundle = xcalloc(1, sizeof *bundle);
    bundle->n_refs = 1;
    bundle->proven = xcalloc(1, sizeof *bundle->proven);
    make_list(&bundle->all);
    return bundle;
}

Bundle *bundle_new_list(void)
{
    Bundle *bundle = bundle_new();
    bundle->is_list = true;
    return bundle;
}

Bundle *bundle_ref(Bundle *bundle)
{
    bundle->n_refs++;
    return bundle;
}

void bundle_free(Bundle *bundle)
{
    if (!bundle || --bundle->n_refs > 0)
        return;
    proven_clear(bundle->proven);
    free(bundle->proven);
    gnutls_x509_trust_list_deinit(bundle->all, 0);
    for (size_t i = 0; i < bundle->n; i++) {
        if (!bundle->is_list)
            gnutls_x509_crt_deinit(bundle->certificates[i]);
        certificate_unref(bundle->facts[i]);
    }
    free(bundle->certificates);
    free(bundle->facts);
    free(bundle->is_root);
    free(bundle->places);
    free(bundle);
}

/* The job is the pointer that is freed. */
static void run_free(void *data)
{
    Bundle **bundle = data;
    bundle_free(TAKE(*bundle));
}

static void free_unrun(void *data)
{
    run_free(data);
    free(data);
}

static void ignore(void *data _unused_)
{
}

static const JobType free_type = { .run = run_free, .done = ignore, .free = free_unrun };

void bundle_free_later(Bundle *bundle, Worker *worker)
{
    if (bundle)
        (void)worker_submit(worker, &free_type, xmemdup(&bundle, sizeof bundle));
}

size_t bundle_size(const Bundle *bundle)
{
    return bundle->n;
}

Certificate *bundle_certificate(const Bundle *bundle, size_t i)
{
    return bundle->facts[i];
}

/* Where a certificate with this SHA-256, in hexadecimal, is in the index, or would be. */
static size_t *place_of(const Bundle *bundle, const char *sha256)
{
    size_t i = 0;
    (void)sscanf(sha256, "%8zx", &i); /* of what is no hexadecimal, 0 */
    i &= bundle->n_places - 1;
    while (bundle->places[i] && strcmp(bundle->facts[bundle->places[i] - 1]->sha256, sha256) != 0)
        i = (i + 1) & (bundle->n_places - 1);
    return &bundle->places[i];
}

/* NULL if it is not in the bundle. */
static Certificate *find(const Bundle *bundle, const char *sha256)
{
    size_t place = bundle->n > 0 ? *place_of(bundle, sha256) : 0;
    return place > 0 ? bundle->facts[place - 1] : NULL;
}

bool bundle_has(const Bundle *bundle, const char *sha256)
{
    return find(bundle, sha256) != NULL;
}

/* Room for one more in the index, which is at most half full. */
static void grow_index(Bundle *bundle)
{
    if (2 * (bundle->n + 1) <= bundle->n_places)
        return;
    free(bundle->places);
    bundle->n_places = bundle->n_places > 0 ? 2 * bundle->n_places : PLACES_MIN;
    bundle->places = xcalloc(bundle->n_places, sizeof *bundle->places);
    for (size_t i = 0; i < bundle->n; i++)
        *place_of(bundle, bundle->facts[i]->sha256) = i + 1;
}

/* Takes it. */
static void add_facts(Bundle *bundle, Certificate *facts)
{
    bundle->facts = xgrow(bundle->facts, bundle->n, sizeof(Certificate *));
    grow_index(bundle);
    bundle->facts[bundle->n++] = facts;
    *place_of(bundle, facts->sha256) = bundle->n;
}

/* Takes both. */
static void add(Bundle *bundle, gnutls_x509_crt_t crt, Certificate *facts)
{
    size_t n = bundle->n;
    add_facts(bundle, facts);
    proven_clear(bundle->proven);
    if (bundle->is_list) {
        gnutls_x509_crt_deinit(crt);
        return;
    }
    bundle->certificates = xgrow(bundle->certificates, n, sizeof(gnutls_x509_crt_t));
    bundle->certificates[n] = crt;
    bundle->is_root = xgrow(bundle->is_root, n, sizeof(bool));
    bundle->is_root[n] = gnutls_x509_crt_check_issuer(crt, crt) != 0;
    put_into(bundle->all, crt);
}

int bundle_add_der(Bundle *bundle, const uint8_t *der, size_t size)
{
    Certificate *facts;
    gnutls_x509_crt_t crt;
    int r = pki_import(der, size, &crt);
    if (r < 0)
        return r;
    if (certificate_from_crt(crt, der, size, &facts) < 0) { /* its key is too large */
        gnutls_x509_crt_deinit(crt);
        return GNUTLS_E_LARGE_PACKET;
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
        gnutls_x509_crt_t crt;
        if (bundle_has(bundle, facts->sha256))
            continue;
        if (pki_import(facts->der, facts->der_size, &crt) < 0)
            out_of_memory(); /* it was read before */
        add(bundle, crt, certificate_ref(facts));
    }
}

/* Adds one of a list, parsed, unless it is there or its parts are too many for what is left. */
static void add_parsed(Bundle *bundle, Certificate *facts, size_t *elements_left)
{
    gnutls_x509_crt_t crt;
    size_t n = 0;
    if (bundle_has(bundle, facts->sha256))
        return;
    _cleanup_free_ char *excess = shape_excess(facts->der, facts->der_size, &n);
    if (excess || n > *elements_left || pki_import(facts->der, facts->der_size, &crt) < 0)
        return;
    *elements_left -= n;
    add(bundle, crt, certificate_ref(facts));
}

/* Those that may be the issuer of this one by its name, and itself. */
static void add_above(Bundle *bundle, const Bundle *list, const Certificate *below, size_t *elements_left)
{
    Certificate *same = find(list, below->sha256);
    if (same)
        add_parsed(bundle, same, elements_left);
    for (size_t i = 0; i < list->n && bundle->n < SELECTED_MAX; i++)
        if (strcmp(list->facts[i]->subject, below->issuer) == 0)
            add_parsed(bundle, list->facts[i], elements_left);
}

Bundle *bundle_select(const Bundle *list, const Chain *chain)
{
    Bundle *bundle = bundle_new();
    size_t elements_left = SHAPE_CHAIN_ELEMENTS_MAX;
    for (size_t i = 0; i < chain->n; i++)
        add_above(bundle, list, chain->certificates[i], &elements_left);
    for (size_t i = 0; i < bundle->n; i++) /* grows meanwhile */
        add_above(bundle, list, bundle->facts[i], &elements_left);
    return bundle;
}

size_t bundle_bytes(const Bundle *bundle)
{
    size_t bytes = 0;
    for (size_t i = 0; i < bundle->n; i++)
        bytes += certificate_bytes(bundle->facts[i]);
    return bytes;
}

int bundle_add_system(Bundle *bundle)
{
    gnutls_x509_trust_list_t list;
    gnutls_x509_trust_list_iter_t at = NULL;
    gnutls_x509_crt_t crt;
    int n = 0;
    make_list(&list);
    if (pki_result(gnutls_x509_trust_list_add_system_trust(list, 0, 0)) > 0)
        while (pki_result(gnutls_x509_trust_list_iter_get_ca(list, &at, &crt)) >= 0) {
            gnutls_datum_t der = { 0 };
            if (pki_result(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der)) >= 0)
                n += bundle_add_der(bundle, der.data, der.size) == 0;
            gnutls_free(der.data);
            gnutls_x509_crt_deinit(crt);
        }
    gnutls_x509_trust_list_iter_deinit(at);
    gnutls_x509_trust_list_deinit(list, 1);
    return n > 0 ? n : -ENODATA;
}

char **bundle_fingerprints(const Bundle *bundle)
{
    char **list = xcalloc(bundle_size(bundle) + 1, sizeof(char *));
    for (size_t i = 0; i < bundle_size(bundle); i++)
        list[i] = xstrdup(bundle_certificate(bundle, i)->sha256);
    return list;
}
