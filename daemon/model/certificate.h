#pragma once

/*
 * The facts of one X.509 certificate (RFC 5280), and the DER they were read from. Never changes once it is
 * made; shared by reference: a root of a bundle stands above many servers. All of it but the DER is bounded,
 * since a peer chose it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/text.h"

typedef enum CertificateRole {
    ROLE_SERVER,
    ROLE_INTERMEDIATE,
    ROLE_ROOT, /* its own issuer */
} CertificateRole;
DECLARE_STRING_TABLE(certificate_role, CertificateRole);

typedef struct Certificate {
    _Atomic unsigned n_refs; /* a bundle is made of another one's on a thread */
    CertificateRole role;
    char *subject; /* whole names, RFC 4514 */
    char *issuer;
    char *subject_cn; /* NULL if there is none */
    char *issuer_cn;
    char *serial; /* upper-case hex, as openssl prints it */
    char *sha256; /* of the DER, lower-case hex */
    int64_t not_before;
    int64_t not_after;   /* the last second that is valid (RFC 5280, 4.1.2.5) */
    char *key;           /* "RSA 2048", "ECDSA SECP384R1" */
    unsigned key_bits;   /* 2048 */
    char *key_sha256;    /* of its SubjectPublicKeyInfo, lower-case hex; NULL if it is of no known kind */
    bool weak_key;       /* under 112 bits of security, as RSA 1024 (NIST SP 800-57) */
    char *signature;     /* "RSA-SHA256" */
    bool weak_signature; /* MD5, SHA-1 (RFC 9155) */
    char **names;        /* SAN dNSName and iPAddress entries, the first ones, in order; NULL if none is kept */
    size_t n_more_names; /* that it carries, too, and that are not kept */
    bool self_issued;    /* issuer is subject, byte for byte */
    uint8_t *der;        /* NULL: not kept, see certificate_without_der() */
    size_t der_size;
    size_t bytes_counted; /* in certificate_bytes_in_use() */
} Certificate;

/* A subject or an issuer: RFC 5280 bounds most attributes to 64 characters, and real names have 200 bytes. */
#define DN_BYTES_MAX 512
#define CN_BYTES_MAX 256 /* ub-common-name is 64 */

/* Let's Encrypt and ACM issue certificates for at most 100 names; 253 bytes is the longest that DNS has. */
#define NAMES_KEPT_MAX       100
#define NAME_BYTES_MAX       253
#define NAMES_KEPT_BYTES_MAX 8192

Certificate *certificate_new(void);
Certificate *certificate_ref(Certificate *certificate);
void certificate_unref(Certificate *certificate);

/* A certificate with the same facts and no DER: it cannot be verified again. names: whether it has them. */
Certificate *certificate_without_der(const Certificate *certificate, bool names);

/* What it takes of the memory, roughly. */
size_t certificate_bytes(const Certificate *certificate);
CLEANUP_OF(Certificate, certificate_unref);

/*
 * Counts a certificate, from now on until it is freed, in the bytes that all of this process take. Called once,
 * when its facts are complete.
 */
void certificate_count(Certificate *certificate);
size_t certificate_bytes_in_use(void);

/* What is printed as the certificate's issuer or subject: its CN, else the whole name. */
const char *certificate_issuer_label(const Certificate *certificate);
const char *certificate_label(const Certificate *certificate);

/* Holds a reference to each; the server's own comes first. */
typedef struct Chain {
    Certificate **certificates;
    size_t n;
    size_t n_left_out; /* so many more were sent, and are not kept */
} Chain;

/* Whether all that was sent is here with its DER, so that it can be verified. */
bool chain_is_whole(const Chain *chain);

/* Drops all but the first n. */
void chain_cut(Chain *chain, size_t n);

void chain_append(Chain *chain, Certificate *certificate); /* takes the reference */
void chain_append_all(Chain *chain, const Chain *other);   /* references of its own */
void chain_deinit(Chain *chain);
