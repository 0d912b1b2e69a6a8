#include "pki/facts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/text.h"
#include "pki/bundle-internal.h"
#include "pki/key.h"
#include "pki/result.h"
#include "pki/shape.h"

CLEANUP_OF(struct gnutls_x509_crt_int, gnutls_x509_crt_deinit);

int pki_import(const uint8_t *der, size_t size, gnutls_x509_crt_t *ret)
{
    const gnutls_datum_t datum = { (unsigned char *)der, (unsigned)size };
    *ret = NULL;
    if (size > CERTIFICATE_BYTES_MAX)
        return GNUTLS_E_LARGE_PACKET;
    _cleanup_free_ char *excess = shape_excess(der, size, NULL);
    if (excess)
        return GNUTLS_E_LARGE_PACKET;
    int r = pki_result(gnutls_x509_crt_init(ret));
    if (r >= 0)
        r = pki_result(gnutls_x509_crt_import(*ret, &datum, GNUTLS_X509_FMT_DER));
    if (r < 0)
        gnutls_x509_crt_deinit(TAKE(*ret));
    return r < 0 ? r : 0;
}

/* A name may be as long as the handshake. */
static char *bounded(char *text, size_t max)
{
    text_bound(text, max);
    return text;
}

/* A name may contain a terminal's commands, a line of the journal, or a zero that would hide the rest of it. */
static char *take_datum(int r, gnutls_datum_t *datum)
{
    char *text = pki_result(r) < 0 ? xstrdup("") : text_escape_bytes(datum->data, datum->size);
    if (r >= 0)
        gnutls_free(datum->data);
    return text;
}

static char *subject_text(gnutls_x509_crt_t crt)
{
    gnutls_datum_t text = { 0 };
    return bounded(take_datum(gnutls_x509_crt_get_dn3(crt, &text, 0), &text), DN_BYTES_MAX);
}

static char *issuer_text(gnutls_x509_crt_t crt)
{
    gnutls_datum_t text = { 0 };
    return bounded(take_datum(gnutls_x509_crt_get_issuer_dn3(crt, &text, 0), &text), DN_BYTES_MAX);
}

static char *common_name(gnutls_x509_crt_t crt,
                         int (*get)(gnutls_x509_crt_t, const char *, unsigned, unsigned, void *, size_t *))
{
    char text[512];
    size_t size = sizeof text;
    if (pki_result(get(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size)) < 0)
        return NULL;
    return bounded(text_escape_bytes(text, size), CN_BYTES_MAX);
}

static char *serial_text(gnutls_x509_crt_t crt)
{
    uint8_t serial[64];
    size_t size = sizeof serial, skip = 0;
    if (pki_result(gnutls_x509_crt_get_serial(crt, serial, &size)) < 0)
        return xstrdup("");
    while (skip + 1 < size && serial[skip] == 0)
        skip++; /* the sign's byte */
    char *text = text_hex(serial + skip, size - skip);
    for (char *c = text; *c; c++)
        *c = (char)toupper(*c);
    return text;
}

static char *key_text(gnutls_x509_crt_t crt)
{
    unsigned bits = 0;
    gnutls_ecc_curve_t curve;
    int algorithm = pki_result(gnutls_x509_crt_get_pk_algorithm(crt, &bits));
    if (algorithm == GNUTLS_PK_ECDSA &&
        pki_result(gnutls_x509_crt_get_pk_ecc_raw(crt, &curve, NULL, NULL)) >= 0)
        return xasprintf("ECDSA %s", gnutls_ecc_curve_get_name(curve));
    const char *name = algorithm < 0 ? NULL : gnutls_pk_get_name((gnutls_pk_algorithm_t)algorithm);
    return xasprintf("%s %u", name ? name : "unknown", bits);
}

/* RFC 7469's way to name a key. */
static char *key_fingerprint(gnutls_x509_crt_t crt)
{
    uint8_t digest[32];
    size_t size = sizeof digest;
    if (pki_result(gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, digest, &size)) < 0)
        return NULL;
    return text_hex(digest, size);
}

static char *signature_text(gnutls_x509_crt_t crt)
{
    int algorithm = pki_result(gnutls_x509_crt_get_signature_algorithm(crt));
    const char *name = algorithm < 0 ? NULL : gnutls_sign_get_name((gnutls_sign_algorithm_t)algorithm);
    return xstrdup(name ? name : "unknown");
}

static bool has_weak_key(gnutls_x509_crt_t crt)
{
    unsigned bits = 0;
    int algorithm = pki_result(gnutls_x509_crt_get_pk_algorithm(crt, &bits));
    return algorithm > 0 &&
           gnutls_pk_bits_to_sec_param((gnutls_pk_algorithm_t)algorithm, bits) < GNUTLS_SEC_PARAM_MEDIUM;
}

static bool has_weak_signature(gnutls_x509_crt_t crt)
{
    int algorithm = pki_result(gnutls_x509_crt_get_signature_algorithm(crt));
    return algorithm > 0 &&
           gnutls_sign_is_secure2((gnutls_sign_algorithm_t)algorithm, GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS) == 0;
}

/* Printable; NULL if the entry is neither of the two kinds that clients match, or longer than any name is. */
static char *name_text(int type, const char *name, size_t size)
{
    char text[INET6_ADDRSTRLEN];
    if (type == GNUTLS_SAN_DNSNAME)
        return bounded(text_escape_bytes(name, size), NAME_BYTES_MAX);
    if (type == GNUTLS_SAN_IPADDRESS && (size == 4 || size == 16) &&
        inet_ntop(size == 4 ? AF_INET : AF_INET6, name, text, sizeof text))
        return xstrdup(text);
    return NULL;
}

/* Counts all of them, and keeps the first. Those that GnuTLS matches are in the DER. */
static void read_names(gnutls_x509_crt_t crt, Certificate *c)
{
    size_t n_kept = 0, bytes = 0;
    for (unsigned i = 0; i < CERTIFICATE_BYTES_MAX / 2; i++) { /* an entry has two bytes at least */
        char name[1024];
        size_t size = sizeof name;
        int type = pki_result(gnutls_x509_crt_get_subject_alt_name(crt, i, name, &size, NULL));
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return;
        _cleanup_free_ char *text = name_text(type, name, size);
        bytes += text ? strlen(text) : 0;
        if (text && n_kept < NAMES_KEPT_MAX && bytes <= NAMES_KEPT_BYTES_MAX) {
            strv_append(&c->names, TAKE(text));
            n_kept++;
        } else if (text || type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            c->n_more_names++;
    }
}

static bool is_self_issued(gnutls_x509_crt_t crt)
{
    gnutls_datum_t subject = { 0 }, issuer = { 0 };
    bool same = pki_result(gnutls_x509_crt_get_raw_dn(crt, &subject)) >= 0 &&
                pki_result(gnutls_x509_crt_get_raw_issuer_dn(crt, &issuer)) >= 0 &&
                subject.size == issuer.size && memcmp(subject.data, issuer.data, subject.size) == 0;
    gnutls_free(subject.data);
    gnutls_free(issuer.data);
    return same;
}

char *certificate_excess(const uint8_t *der, size_t size)
{
    _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
    if (size > CERTIFICATE_BYTES_MAX)
        return xasprintf("%zu bytes; dbcertd takes at most %d", size, CERTIFICATE_BYTES_MAX);
    char *excess = shape_excess(der, size, NULL);
    return excess || pki_import(der, size, &crt) < 0 ? excess : key_excess(crt, NULL);
}

int certificate_from_der(const uint8_t *der, size_t size, Certificate **ret)
{
    _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
    int r = pki_import(der, size, &crt);
    if (r < 0)
        return r == GNUTLS_E_LARGE_PACKET ? -EFBIG : -EBADMSG;
    return certificate_from_crt(crt, der, size, ret);
}

int certificate_from_crt(gnutls_x509_crt_t crt, const uint8_t *der, size_t size, Certificate **ret)
{
    uint8_t digest[32];
    unsigned key_bits;
    _cleanup_free_ char *excess = key_excess(crt, &key_bits);
    if (excess)
        return -EFBIG;
    pki_sha256(der, size, digest);
    Certificate *c = certificate_new();
    c->key_bits = key_bits;
    c->subject = subject_text(crt);
    c->issuer = issuer_text(crt);
    c->subject_cn = common_name(crt, gnutls_x509_crt_get_dn_by_oid);
    c->issuer_cn = common_name(crt, gnutls_x509_crt_get_issuer_dn_by_oid);
    c->serial = serial_text(crt);
    c->sha256 = text_hex(digest, sizeof digest);
    c->not_before = gnutls_x509_crt_get_activation_time(crt);
    c->not_after = gnutls_x509_crt_get_expiration_time(crt);
    c->key = key_text(crt);
    c->key_sha256 = key_fingerprint(crt);
    c->weak_key = has_weak_key(crt);
    c->signature = signature_text(crt);
    c->weak_signature = has_weak_signature(crt);
    read_names(crt, c);
    c->self_issued = is_self_issued(crt);
    c->role = c->self_issued ? ROLE_ROOT : ROLE_INTERMEDIATE; /* the server role is by place in a chain */
    c->der = xmemdup(der, size);
    c->der_size = size;
    certificate_count(c);
    *ret = c;
    return 0;
}

char *certificate_to_pem(const Certificate *c)
{
    const gnutls_datum_t der = { c->der, (unsigned)c->der_size };
    gnutls_datum_t pem = { 0 };
    if (pki_result(gnutls_pem_base64_encode2("CERTIFICATE", &der, &pem)) < 0)
        return xstrdup("");
    char *text = xstrndup((const char *)pem.data, pem.size);
    gnutls_free(pem.data);
    return text;
}

void pki_sha1(const void *data, size_t size, uint8_t *ret)
{
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, data, size, ret) < 0)
        out_of_memory(); /* nothing else can be wrong */
}

void pki_sha256(const void *data, size_t size, uint8_t *ret)
{
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, size, ret) < 0)
        out_of_memory();
}
