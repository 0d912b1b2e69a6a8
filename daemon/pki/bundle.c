#include "pki/bundle.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "pki/bundle-internal.h"

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

Bundle *bundle_new(void)
{
    Bundle *bundle = xcalloc(1, sizeof *bundle);
    int r = gnutls_x509_trust_list_init(&bundle->roots, 0);
    if (r >= 0)
        r = gnutls_x509_trust_list_init(&bundle->all, 0);
    assert(r >= 0); /* fails for want of memory only */
    return bundle;
}

void bundle_free(Bundle *bundle)
{
    if (!bundle)
        return;
    gnutls_x509_trust_list_deinit(bundle->roots, 0);
    gnutls_x509_trust_list_deinit(bundle->all, 0);
    for (size_t i = 0; i < bundle->n; i++)
        gnutls_x509_crt_deinit(bundle->certificates[i]);
    free(bundle->certificates);
    free(bundle);
}

size_t bundle_size(const Bundle *bundle)
{
    return bundle->n;
}

bool bundle_holds(const Bundle *bundle, gnutls_x509_crt_t crt)
{
    for (size_t i = 0; i < bundle->n; i++)
        if (gnutls_x509_crt_equals(bundle->certificates[i], crt))
            return true;
    return false;
}

/* Takes the certificate. */
static void add(Bundle *bundle, gnutls_x509_crt_t crt)
{
    if (bundle_holds(bundle, crt)) {
        gnutls_x509_crt_deinit(crt);
        return;
    }
    bundle->certificates = xgrow(bundle->certificates, bundle->n, sizeof(gnutls_x509_crt_t));
    bundle->certificates[bundle->n++] = crt;
    /* The lists borrow it; they are freed without freeing what is in them. */
    (void)gnutls_x509_trust_list_add_cas(bundle->all, &crt, 1, 0);
    if (gnutls_x509_crt_check_issuer(crt, crt))
        (void)gnutls_x509_trust_list_add_cas(bundle->roots, &crt, 1, 0);
}

static size_t count_lines(const uint8_t *from, const uint8_t *to)
{
    size_t n = 1;
    for (; from < to; from++)
        n += *from == '\n';
    return n;
}

int bundle_add_pem(Bundle *bundle, const char *path, const uint8_t *pem, size_t size, char ***errors)
{
    const uint8_t *at = pem, *end = pem + size;
    int n_read = 0;
    for (unsigned position = 1;; position++) {
        const uint8_t *begin = at < end ? memmem(at, (size_t)(end - at), BEGIN, strlen(BEGIN)) : NULL;
        if (!begin)
            break;
        if (position > BUNDLE_CERTIFICATES_MAX) {
            strv_append(errors, xasprintf("%s: more than %d certificates, ignoring the rest", path,
                                          BUNDLE_CERTIFICATES_MAX));
            break;
        }
        const uint8_t *stop = memmem(begin, (size_t)(end - begin), END, strlen(END));
        stop = stop ? stop + strlen(END) : end;
        const gnutls_datum_t block = { (unsigned char *)begin, (unsigned)(stop - begin) };
        gnutls_x509_crt_t crt;
        int r = gnutls_x509_crt_init(&crt);
        assert(r >= 0);
        r = gnutls_x509_crt_import(crt, &block, GNUTLS_X509_FMT_PEM);
        if (r >= 0) {
            add(bundle, crt);
            n_read++;
        } else {
            gnutls_x509_crt_deinit(crt);
            strv_append(errors, xasprintf("%s: certificate %u (line %zu) does not parse: %s", path, position,
                                          count_lines(pem, begin), gnutls_strerror(r)));
        }
        at = stop;
    }
    if (n_read == 0)
        strv_append(errors,
                    xasprintf("%s: no certificate in it; expected PEM (-----BEGIN CERTIFICATE-----)", path));
    return n_read > 0 ? n_read : -ENODATA;
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
        for (; gnutls_x509_trust_list_iter_get_ca(list, &at, &crt) >= 0; n++)
            add(bundle, crt);
    gnutls_x509_trust_list_iter_deinit(at);
    gnutls_x509_trust_list_deinit(list, 1);
    return n > 0 ? n : -ENODATA;
}
