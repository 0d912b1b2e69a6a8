#pragma once

/* Shared by bundle.c and verify.c alone. */

#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>

struct Bundle {
    gnutls_x509_crt_t *certificates; /* owned */
    size_t n;
    gnutls_x509_trust_list_t roots; /* the self-signed ones: what a client with roots alone trusts */
    gnutls_x509_trust_list_t all;   /* with the intermediates that the operator put there */
};

bool bundle_holds(const struct Bundle *bundle, gnutls_x509_crt_t crt);
