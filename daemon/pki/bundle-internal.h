#pragma once

/* Shared by this folder's own files alone. */

#include <gnutls/x509.h>

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
    gnutls_x509_crt_t *certificates; /* owned */
    Certificate **facts;             /* of each */
    bool *is_root;                   /* whether each is its own issuer */
    size_t n;
    gnutls_x509_trust_list_t all; /* of these */
    Proven *proven;               /* what is learnt while the bundle stays what it is */
};

/* 0, or what GnuTLS says against it. The caller's. */
int pki_import(const uint8_t *der, size_t size, gnutls_x509_crt_t *ret);

bool constrains_names(gnutls_x509_crt_t crt);

/* Whether it is a CA's (RFC 5280, 4.2.1.3 and 4.2.1.9), of version 3. */
bool may_sign_certificates(gnutls_x509_crt_t crt);

/* Borrowed, NULL if it was not proven yet. */
const Proof *proven_find(const Proven *proven, const Certificate *certificate);

/* A copy of what is said of it. */
void proven_add(Proven *proven, Certificate *certificate, const Verification *verification);

/* One more, unless it is there already. 0, or what GnuTLS says against it. */
int bundle_add_der(Bundle *bundle, const uint8_t *der, size_t size);

/*
 * The trusted certificates of a Java key store (JKS, JCEKS), one after the other. -EBADMSG if the bytes are not
 * one, -EACCES if the password is not its (NULL: not checked; the certificates are not encrypted).
 */
int jks_read(const uint8_t *data, size_t size, const char *password,
             void (*found)(const uint8_t *der, size_t size, void *userdata), void *userdata);
bool jks_is(const uint8_t *data, size_t size);
