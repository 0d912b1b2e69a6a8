/*
 * PKCS#12 as a trust store (RFC 7292): read here and not by GnuTLS, which takes 32 certificates of a part and
 * drops the others, and decodes the whole file for each part. All is bounded before any work is done: first the
 * parts are listed with what it costs to open them, then they are opened.
 *
 *   PFX: version, content "data" with the parts, MacData
 *   part: "data" (plain), or "encrypted data" with an algorithm; its content is a list of bags
 *   bag: type (certificate, key, ...), value, attributes
 */

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "pki/bundle-internal.h"
#include "pki/facts.h"
#include "pki/kdf.h"
#include "pki/result.h"

#define PARTS_MAX        64   /* keytool and OpenSSL make one or two */
#define SALT_BYTES_MAX   1024 /* usually 8 to 20 */
#define DIGEST_BYTES_MAX 64
#define KEY_BYTES_MAX    32
#define CIPHER_BLOCK_MAX 16

#define PKCS          0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d /* 1.2.840.113549 */
#define OID_BYTES_MAX 11
#define OID(...)                             \
    {                                        \
        sizeof((uint8_t[]) { __VA_ARGS__ }), \
        {                                    \
            __VA_ARGS__                      \
        }                                    \
    }

typedef struct Oid {
    size_t size;
    uint8_t bytes[OID_BYTES_MAX];
} Oid;

static const Oid oid_data = OID(PKCS, 1, 7, 1), oid_encrypted = OID(PKCS, 1, 7, 6),
                 oid_pbkdf2 = OID(PKCS, 1, 5, 12), oid_pbes2 = OID(PKCS, 1, 5, 13),
                 oid_certificate_bag = OID(PKCS, 1, 12, 10, 1, 3), oid_x509 = OID(PKCS, 1, 9, 22, 1),
                 oid_local_key_id = OID(PKCS, 1, 9, 21);

typedef struct Cipher {
    Oid oid;
    gnutls_cipher_algorithm_t algorithm;
    size_t key_size, iv_size;
} Cipher;

static const Cipher pbes2_ciphers[] = {
    { OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2), GNUTLS_CIPHER_AES_128_CBC, 16, 16 },
    { OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22), GNUTLS_CIPHER_AES_192_CBC, 24, 16 },
    { OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42), GNUTLS_CIPHER_AES_256_CBC, 32, 16 },
    { OID(PKCS, 3, 7), GNUTLS_CIPHER_3DES_CBC, 24, 8 },
};

/* With PKCS#12's own derivation. */
static const Cipher old_ciphers[] = {
    { OID(PKCS, 1, 12, 1, 1), GNUTLS_CIPHER_ARCFOUR_128, 16, 0 },
    { OID(PKCS, 1, 12, 1, 3), GNUTLS_CIPHER_3DES_CBC, 24, 8 },
    { OID(PKCS, 1, 12, 1, 6), GNUTLS_CIPHER_RC2_40_CBC, 5, 8 },
};

typedef struct Hash {
    Oid oid;
    gnutls_mac_algorithm_t algorithm;
} Hash;

static const Hash prfs[] = {
    { OID(PKCS, 2, 7), GNUTLS_MAC_SHA1 },    { OID(PKCS, 2, 8), GNUTLS_MAC_SHA224 },
    { OID(PKCS, 2, 9), GNUTLS_MAC_SHA256 },  { OID(PKCS, 2, 10), GNUTLS_MAC_SHA384 },
    { OID(PKCS, 2, 11), GNUTLS_MAC_SHA512 },
};

static const Hash digests[] = {
    { OID(0x2b, 0x0e, 3, 2, 0x1a), GNUTLS_MAC_SHA1 },
    { OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4), GNUTLS_MAC_SHA224 },
    { OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1), GNUTLS_MAC_SHA256 },
    { OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2), GNUTLS_MAC_SHA384 },
    { OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3), GNUTLS_MAC_SHA512 },
};

typedef struct Part {
    Der content;
    Buffer joined;        /* what it points to, where the file has it in pieces */
    const Cipher *cipher; /* NULL: plain */
    Kdf kdf;
    Der iv; /* of PBES2 */
} Part;

typedef struct Pfx {
    Der parts_der;
    Buffer joined;
    bool has_mac; /* of a kind that is known */
    Kdf mac;
    Der digest;
    Part parts[PARTS_MAX];
    size_t n;
} Pfx;

static void pfx_deinit(Pfx *pfx)
{
    for (size_t i = 0; i < pfx->n; i++)
        buffer_deinit(&pfx->parts[i].joined);
    buffer_deinit(&pfx->joined);
}

static bool is(const Der *oid, const Oid *known)
{
    return der_is(oid, known->bytes, known->size);
}

static const Cipher *find_cipher(const Cipher *table, size_t n, const Der *oid)
{
    for (size_t i = 0; i < n; i++)
        if (is(oid, &table[i].oid))
            return &table[i];
    return NULL;
}

/* GNUTLS_MAC_UNKNOWN if it is none of them. */
static gnutls_mac_algorithm_t find_hash(const Hash *table, size_t n, const Der *oid)
{
    for (size_t i = 0; i < n; i++)
        if (is(oid, &table[i].oid))
            return table[i].algorithm;
    return GNUTLS_MAC_UNKNOWN;
}

static int read_salt_and_rounds(Der *from, Kdf *kdf)
{
    kdf->salt = der_enter(from, DER_OCTETS);
    kdf->rounds = der_peek(from) == DER_INTEGER ? der_number(from) : 1; /* MacData's default */
    return from->failed || kdf->rounds == 0 || der_size(&kdf->salt) > SALT_BYTES_MAX ? -EBADMSG : 0;
}

/* RFC 8018, A.2. */
static int read_pbkdf2(Der *from, Kdf *kdf)
{
    Der function = der_enter(from, DER_SEQUENCE), type = der_enter(&function, DER_OID);
    Der params = der_enter(&function, DER_SEQUENCE);
    if (function.failed)
        return -EBADMSG;
    if (!is(&type, &oid_pbkdf2))
        return -ENOTSUP;
    int r = read_salt_and_rounds(&params, kdf);
    kdf->pbkdf2 = true;
    kdf->hash = GNUTLS_MAC_SHA1;
    if (der_peek(&params) == DER_INTEGER)
        (void)der_number(&params); /* the key's length, which the cipher knows */
    if (der_peek(&params) == DER_SEQUENCE) {
        Der prf = der_enter(&params, DER_SEQUENCE), oid = der_enter(&prf, DER_OID);
        kdf->hash = find_hash(prfs, ARRAY_SIZE(prfs), &oid);
    }
    if (r < 0 || params.failed)
        return -EBADMSG;
    return kdf->hash == GNUTLS_MAC_UNKNOWN ? -ENOTSUP : 0;
}

static int read_pbes2(Der *params, Part *part)
{
    int r = read_pbkdf2(params, &part->kdf);
    Der scheme = der_enter(params, DER_SEQUENCE), oid = der_enter(&scheme, DER_OID);
    part->iv = der_enter(&scheme, DER_OCTETS);
    part->cipher = find_cipher(pbes2_ciphers, ARRAY_SIZE(pbes2_ciphers), &oid);
    if (r < 0)
        return r;
    if (!part->cipher)
        return -ENOTSUP;
    return scheme.failed || der_size(&part->iv) != part->cipher->iv_size ? -EBADMSG : 0;
}

/* The algorithm that a part is encrypted with. */
static int read_encryption(Der *from, Part *part)
{
    Der algorithm = der_enter(from, DER_SEQUENCE), oid = der_enter(&algorithm, DER_OID);
    Der params = der_enter(&algorithm, DER_SEQUENCE);
    if (algorithm.failed)
        return -EBADMSG;
    if (is(&oid, &oid_pbes2))
        return read_pbes2(&params, part);
    part->cipher = find_cipher(old_ciphers, ARRAY_SIZE(old_ciphers), &oid);
    part->kdf.hash = GNUTLS_MAC_SHA1;
    return part->cipher ? read_salt_and_rounds(&params, &part->kdf) : -ENOTSUP;
}

static int read_encrypted(Der *from, Part *part)
{
    Der data = der_enter(from, DER_SEQUENCE);
    (void)der_number(&data);
    Der info = der_enter(&data, DER_SEQUENCE);
    (void)der_enter(&info, DER_OID);
    int r = read_encryption(&info, part);
    if (r < 0)
        return r;
    part->content = der_string(&info, DER_CONTEXT_0, &part->joined);
    return info.failed ? -EBADMSG : 0;
}

/* -ENOTSUP: for the owner of a key, or else none of ours. */
static int read_part(Der *from, Part *part)
{
    Der info = der_enter(from, DER_SEQUENCE), type = der_enter(&info, DER_OID);
    Der content = der_enter(&info, DER_CONTEXT_0 | DER_CONSTRUCTED);
    if (info.failed)
        return -EBADMSG;
    if (is(&type, &oid_encrypted))
        return read_encrypted(&content, part);
    if (!is(&type, &oid_data))
        return -ENOTSUP;
    part->content = der_string(&content, DER_OCTETS, &part->joined);
    return content.failed ? -EBADMSG : 0;
}

/* One of a kind yet to come is passed over, as if there were none: what is encrypted does not open without the
 * password. */
static int read_mac(Der *from, Pfx *pfx)
{
    Der mac = der_enter(from, DER_SEQUENCE), info = der_enter(&mac, DER_SEQUENCE);
    Der algorithm = der_enter(&info, DER_SEQUENCE), oid = der_enter(&algorithm, DER_OID);
    pfx->digest = der_enter(&info, DER_OCTETS);
    pfx->mac.hash = find_hash(digests, ARRAY_SIZE(digests), &oid);
    pfx->has_mac = pfx->mac.hash != GNUTLS_MAC_UNKNOWN;
    return algorithm.failed || info.failed ? -EBADMSG : read_salt_and_rounds(&mac, &pfx->mac);
}

static int read_parts(Pfx *pfx)
{
    Der content = pfx->parts_der, parts = der_enter(&content, DER_SEQUENCE);
    while (der_size(&parts) > 0) {
        if (pfx->n == PARTS_MAX)
            return -E2BIG;
        int r = read_part(&parts, &pfx->parts[pfx->n++]);
        if (r < 0)
            return r;
    }
    return content.failed ? -EBADMSG : 0;
}

static int read_pfx(const uint8_t *data, size_t size, Pfx *pfx)
{
    Der file = der_of(data, size), top = der_enter(&file, DER_SEQUENCE);
    (void)der_number(&top);
    Der info = der_enter(&top, DER_SEQUENCE), type = der_enter(&info, DER_OID);
    Der content = der_enter(&info, DER_CONTEXT_0 | DER_CONSTRUCTED);
    if (!is(&type, &oid_data))
        return -EBADMSG; /* signed, which nobody does */
    pfx->parts_der = der_string(&content, DER_OCTETS, &pfx->joined);
    if (content.failed || info.failed)
        return -EBADMSG;
    int r = der_peek(&top) == DER_SEQUENCE ? read_mac(&top, pfx) : 0;
    return r < 0 ? r : read_parts(pfx);
}

static uint64_t cost_of(const Pfx *pfx, const char *password)
{
    uint64_t cost = 0;
    if (pfx->has_mac) /* without a password it is tried twice */
        cost += kdf_cost(&pfx->mac, der_size(&pfx->digest)) * (password ? 1 : 2);
    for (size_t i = 0; i < pfx->n; i++) {
        const Part *part = &pfx->parts[i];
        if (part->cipher)
            cost +=
                kdf_cost(&part->kdf, part->cipher->key_size) +
                (part->kdf.pbkdf2 || part->cipher->iv_size == 0 ? 0
                                                                : kdf_cost(&part->kdf, part->cipher->iv_size));
    }
    return cost;
}

static bool mac_fits(const Pfx *pfx, const char *password)
{
    uint8_t key[DIGEST_BYTES_MAX], mac[DIGEST_BYTES_MAX];
    size_t size = gnutls_hmac_get_len(pfx->mac.hash);
    int r = der_size(&pfx->digest) != size ? GNUTLS_E_MAC_VERIFY_FAILED
                                           : kdf_derive(&pfx->mac, KDF_MAC, password, key, size);
    if (r >= 0)
        r = pki_result(
            gnutls_hmac_fast(pfx->mac.hash, key, size, pfx->parts_der.at, der_size(&pfx->parts_der), mac));
    bool fits = r >= 0 && gnutls_memcmp(mac, pfx->digest.at, size) == 0;
    explicit_bzero(key, sizeof key);
    return fits;
}

/* As a password it may be none at all, or an empty one; files differ in that, and nobody can see it. */
static bool unlock(const Pfx *pfx, const char **password)
{
    if (!pfx->has_mac || mac_fits(pfx, *password))
        return true;
    if (*password)
        return false;
    *password = "";
    return mac_fits(pfx, *password);
}

/* What pads the last block says how long it is (RFC 8018, 6.1.1). */
static int cut_padding(const Part *part, Buffer *plain)
{
    size_t block = part->cipher->iv_size, n = plain->size > 0 ? plain->data[plain->size - 1] : 0;
    if (block == 0)
        return 0;
    if (n == 0 || n > block || n > plain->size)
        return -EACCES;
    buffer_cut(plain, plain->size - n);
    return 0;
}

static int decrypt(const Part *part, const char *password, Buffer *plain)
{
    const Cipher *cipher = part->cipher;
    uint8_t key[KEY_BYTES_MAX], iv[CIPHER_BLOCK_MAX] = { 0 };
    size_t size = der_size(&part->content);
    gnutls_cipher_hd_t hd = NULL;
    if (cipher->iv_size > 0 && size % cipher->iv_size != 0)
        return -EBADMSG;
    int r = kdf_derive(&part->kdf, KDF_KEY, password, key, cipher->key_size);
    if (r >= 0 && part->kdf.pbkdf2)
        memcpy(iv, part->iv.at, cipher->iv_size);
    else if (r >= 0 && cipher->iv_size > 0)
        r = kdf_derive(&part->kdf, KDF_IV, password, iv, cipher->iv_size);
    if (r >= 0)
        r = pki_result(gnutls_cipher_init(
            &hd, cipher->algorithm, &(gnutls_datum_t) { key, (unsigned)cipher->key_size },
            cipher->iv_size > 0 ? &(gnutls_datum_t) { iv, (unsigned)cipher->iv_size } : NULL));
    explicit_bzero(key, sizeof key);
    if (r >= 0) {
        uint8_t *to = buffer_extend(plain, size);
        r = pki_result(gnutls_cipher_decrypt2(hd, part->content.at, size, to, size));
        gnutls_cipher_deinit(hd);
    }
    return r < 0 ? -EACCES : cut_padding(part, plain);
}

/* What belongs to a key is a certificate to show, not one to trust. */
static bool is_of_a_key(Der *bag)
{
    Der attributes = der_enter(bag, DER_SET);
    while (der_size(&attributes) > 0) {
        Der attribute = der_enter(&attributes, DER_SEQUENCE), type = der_enter(&attribute, DER_OID);
        if (is(&type, &oid_local_key_id))
            return true;
    }
    return false;
}

static int read_bag(Der *from, CertificateFound *found, void *userdata)
{
    _cleanup_(buffer_deinit) Buffer joined = { 0 };
    Der bag = der_enter(from, DER_SEQUENCE), type = der_enter(&bag, DER_OID);
    Der value = der_enter(&bag, DER_CONTEXT_0 | DER_CONSTRUCTED);
    if (bag.failed)
        return -EBADMSG;
    if (!is(&type, &oid_certificate_bag))
        return 0;
    Der certificate = der_enter(&value, DER_SEQUENCE), kind = der_enter(&certificate, DER_OID);
    Der content = der_enter(&certificate, DER_CONTEXT_0 | DER_CONSTRUCTED);
    Der der = der_string(&content, DER_OCTETS, &joined);
    if (content.failed)
        return -EBADMSG;
    if (is(&kind, &oid_x509) && !is_of_a_key(&bag))
        found(der.at, der_size(&der), userdata);
    return 0;
}

static int read_bags(Der content, CertificateFound *found, void *userdata)
{
    Der bags = der_enter(&content, DER_SEQUENCE);
    int r = content.failed ? -EBADMSG : 0;
    while (r >= 0 && der_size(&bags) > 0)
        r = read_bag(&bags, found, userdata);
    return r;
}

static int open_part(const Part *part, const char *password, CertificateFound *found, void *userdata)
{
    _cleanup_(buffer_deinit) Buffer plain = { 0 };
    if (!part->cipher)
        return read_bags(part->content, found, userdata);
    int r = decrypt(part, password, &plain);
    return r < 0 ? r : read_bags(der_of(plain.data, plain.size), found, userdata);
}

int pkcs12_read(const uint8_t *data, size_t size, const char *password, CertificateFound *found, void *userdata)
{
    _cleanup_(pfx_deinit) Pfx pfx = { 0 };
    int r = read_pfx(data, size, &pfx);
    if (r >= 0 && cost_of(&pfx, password) > PKCS12_WORK_MAX)
        r = -E2BIG;
    if (r >= 0 && !unlock(&pfx, &password))
        r = -EACCES;
    for (size_t i = 0; i < pfx.n && r >= 0; i++) {
        r = open_part(&pfx.parts[i], password, found, userdata);
        if (r == -EBADMSG && pfx.parts[i].cipher && !pfx.has_mac)
            r = -EACCES; /* by a wrong password, too, it may seem to open */
    }
    return r;
}
