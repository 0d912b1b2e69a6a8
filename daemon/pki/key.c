#include "pki/key.h"

#include <gnutls/abstract.h>

#include "base/alloc.h"
#include "pki/bundle-internal.h"
#include "pki/facts.h"
#include "pki/result.h"

CLEANUP_OF(struct gnutls_pubkey_st, gnutls_pubkey_deinit);

/* The bits of an unsigned integer; frees it. */
static unsigned take_bits(gnutls_datum_t *number)
{
    unsigned skip = 0, bits = 0;
    while (skip < number->size && number->data[skip] == 0)
        skip++;
    if (skip < number->size) {
        bits = (number->size - skip - 1) * 8;
        for (unsigned top = number->data[skip]; top > 0; top >>= 1)
            bits++;
    }
    gnutls_free(number->data);
    return bits;
}

static char *excess_of(const char *what, unsigned bits, unsigned most)
{
    return bits > most ? xasprintf("%s of %u bits; dbcertd takes at most %u", what, bits, most) : NULL;
}

static char *rsa_excess(gnutls_pubkey_t key)
{
    gnutls_datum_t modulus = { 0 }, exponent = { 0 };
    if (pki_result(gnutls_pubkey_export_rsa_raw2(key, &modulus, &exponent, 0)) < 0)
        return NULL;
    unsigned modulus_bits = take_bits(&modulus), exponent_bits = take_bits(&exponent);
    char *excess = excess_of("an RSA key", modulus_bits, KEY_RSA_BITS_MAX);
    return excess ? excess : excess_of("an RSA key with an exponent", exponent_bits, KEY_RSA_EXPONENT_BITS_MAX);
}

static char *dsa_excess(gnutls_pubkey_t key)
{
    gnutls_datum_t numbers[4] = { 0 }; /* p, q, g, y */
    static const unsigned most[] = { KEY_DSA_BITS_MAX, KEY_DSA_ORDER_BITS_MAX, KEY_DSA_BITS_MAX,
                                     KEY_DSA_BITS_MAX };
    char *excess = NULL;
    if (pki_result(gnutls_pubkey_export_dsa_raw2(key, &numbers[0], &numbers[1], &numbers[2], &numbers[3], 0)) <
        0)
        return NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        unsigned bits = take_bits(&numbers[i]);
        if (!excess)
            excess = excess_of("a DSA key with a number", bits, most[i]);
    }
    return excess;
}

char *key_excess(gnutls_x509_crt_t crt, unsigned *ret_bits)
{
    _cleanup_(gnutls_pubkey_deinitp) gnutls_pubkey_t key = NULL;
    unsigned bits = 0;
    char *excess = NULL;
    if (pki_result(gnutls_pubkey_init(&key)) >= 0 && pki_result(gnutls_pubkey_import_x509(key, crt, 0)) >= 0)
        switch (gnutls_pubkey_get_pk_algorithm(key, &bits)) {
        case GNUTLS_PK_RSA:
        case GNUTLS_PK_RSA_PSS:
            excess = rsa_excess(key);
            break;
        case GNUTLS_PK_DSA:
            excess = dsa_excess(key);
            break;
        default: /* curves have a size of their own */
            break;
        }
    if (ret_bits)
        *ret_bits = bits;
    return excess;
}
