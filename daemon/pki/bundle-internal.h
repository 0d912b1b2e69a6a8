#pragma once

/* Shared by this folder's own files alone. */

#include <gnutls/x509.h>

#include "base/buffer.h"
#include "model/observation.h"
#include "pki/bundle.h"

#define PROVEN_MAX 64 /* a region of RDS has some ten for each kind of key */

/*
 * An intermediate that was verified against the bundle once, as an issuer, and the way up from it: it signs
 * thousands, and each of those costs its own signature alone then.
 */
typedef struct Proof {
    Certificate *facts; /* a reference */
    gnutls_x509_crt_t crt;
    Chain path;    /* above a server's certificate that it has signed */
    bool anchored; /* of that path */
} Proof;

typedef struct Proven {
    Proof items[PROVEN_MAX];
    size_t n;
} Proven;

struct Bundle {
    _Atomic unsigned n_refs;
    bool is_list; /* it has the facts alone: `certificates` and all below `places` are empty */
    gnutls_x509_crt_t *certificates; /* owned */
    Certificate **facts;             /* of each */
    bool *is_root;                   /* whether each is its own issuer */
    size_t n;
    size_t *places, n_places;     /* an index of them by SHA-256: open addressing, of 1 + the number; 0: free */
    gnutls_x509_trust_list_t all; /* of these */
    Proven *proven;               /* what is learnt while the bundle stays what it is */
};

/* 0, or what GnuTLS says against it; GNUTLS_E_LARGE_PACKET if it has more bytes, or more parts (pki/shape.h),
 * than dbcertd takes. The caller's. */
int pki_import(const uint8_t *der, size_t size, gnutls_x509_crt_t *ret);

/* As certificate_from_der(), of what was imported of these bytes. */
int certificate_from_crt(gnutls_x509_crt_t crt, const uint8_t *der, size_t size, Certificate **ret);

bool constrains_names(gnutls_x509_crt_t crt);

/* Whether it is a CA's (RFC 5280, 4.2.1.3 and 4.2.1.9), of version 3. */
bool may_sign_certificates(gnutls_x509_crt_t crt);

/* Borrowed, NULL if it was not proven yet. */
const Proof *proven_find(const Proven *proven, const Certificate *certificate);

/* What of a list may be on a path from this chain, parsed, to be verified against; within limits of number and
 * work, since a store's author chooses the names. The caller's. */
Bundle *bundle_select(const Bundle *list, const Chain *chain);

/* A copy of what is said of it. */
void proven_add(Proven *proven, Certificate *certificate, const Verification *verification);

/* One more, unless it is there already. 0, or what GnuTLS says against it. */
int bundle_add_der(Bundle *bundle, const uint8_t *der, size_t size);

typedef void CertificateFound(const uint8_t *der, size_t size, void *userdata);

/*
 * The trusted certificates of a Java key store (JKS, JCEKS), one after the other. -EBADMSG if the bytes are not
 * one, -EACCES if the password is not its (NULL: not checked; the certificates are not encrypted).
 */
int jks_read(const uint8_t *data, size_t size, const char *password, CertificateFound *found, void *userdata);
bool jks_is(const uint8_t *data, size_t size);

/* The certificates of PKCS#7 in DER or BER, one after the other. -EBADMSG if the bytes are not that. */
int pkcs7_read(const uint8_t *data, size_t size, CertificateFound *found, void *userdata);

/*
 * The certificates of a PKCS#12 file that are no key's, one after the other. -EBADMSG if the bytes are not one,
 * -EACCES if the password does not open it, -E2BIG if that would take more work than PKCS12_WORK_MAX or it has
 * too many parts, -ENOTSUP if a part is encrypted in a way that is not known.
 */
int pkcs12_read(const uint8_t *data, size_t size, const char *password, CertificateFound *found,
                void *userdata);

/*
 * In rounds of PBKDF2 with SHA-256, for the MAC and all parts of one file: half a second, two on a slow
 * machine. keytool asks for 10,000 each, OpenSSL for 2,048, and who is careful for 600,000 each.
 */
#define PKCS12_WORK_MAX 3000000
