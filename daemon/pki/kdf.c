#include "pki/kdf.h"

#include <string.h>

#include "base/macro.h"
#include "pki/facts.h"
#include "pki/result.h"

#define DIGEST_BYTES_MAX 64
#define BLOCK_BYTES_MAX  128 /* of SHA-384 and SHA-512 */
#define WIDE_DIGEST      48  /* from SHA-384 on: words of 64 bits, for which processors have no instructions */
#define WIDE_WEIGHT      5   /* measured with GnuTLS 3.7: 0.9 µs a round against 0.19 */

static size_t digest_size(const Kdf *kdf)
{
    return gnutls_hmac_get_len(kdf->hash);
}

static size_t block_size(const Kdf *kdf)
{
    return digest_size(kdf) >= WIDE_DIGEST ? BLOCK_BYTES_MAX : BLOCK_BYTES_MAX / 2;
}

uint64_t kdf_cost(const Kdf *kdf, size_t key_size)
{
    size_t size = digest_size(kdf), n_blocks = (key_size + size - 1) / size;
    return (uint64_t)kdf->rounds * n_blocks * (size >= WIDE_DIGEST ? WIDE_WEIGHT : 1);
}

void kdf_append_utf16(Buffer *buffer, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        unsigned length = *c < 0x80 ? 1 : *c < 0xe0 ? 2 : 3; /* beyond the basic plane nobody's keyboard goes */
        unsigned code = length == 1 ? *c : *c & (0x3fu >> (length - 1));
        for (c++; --length > 0 && (*c & 0xc0) == 0x80; c++)
            code = code << 6 | (*c & 0x3f);
        buffer_append(buffer, (uint8_t[]) { (uint8_t)(code >> 8), (uint8_t)code }, 2);
    }
}

/* So many bytes, repeated to whole blocks. */
static void append_repeated(Buffer *buffer, const uint8_t *bytes, size_t size, size_t block)
{
    size_t n = (size + block - 1) / block * block;
    for (size_t i = 0; i < n; i++)
        buffer_append(buffer, &bytes[i % size], 1);
}

/* To each block of the input, as a number, the repeated digest and 1 are added. */
static void add_to_blocks(Buffer *input, const uint8_t *digest, size_t size, size_t block)
{
    for (size_t at = 0; at < input->size; at += block) {
        unsigned carry = 1;
        for (size_t i = block; i-- > 0; carry >>= 8) {
            carry += (unsigned)input->data[at + i] + digest[i % size];
            input->data[at + i] = (uint8_t)carry;
        }
    }
}

/* B of RFC 7292: the hash of the purpose and the input, and so many times that of itself. */
static int hash_block(gnutls_hash_hd_t hd, const Kdf *kdf, KdfPurpose purpose, const Buffer *input,
                      uint8_t *digest)
{
    uint8_t diversifier[BLOCK_BYTES_MAX];
    memset(diversifier, purpose, sizeof diversifier);
    int r = gnutls_hash(hd, diversifier, block_size(kdf));
    if (r >= 0)
        r = gnutls_hash(hd, input->data, input->size);
    for (uint32_t i = 1; i < kdf->rounds && r >= 0; i++) {
        gnutls_hash_output(hd, digest);
        r = gnutls_hash(hd, digest, digest_size(kdf));
    }
    gnutls_hash_output(hd, digest);
    return r;
}

static int derive(const Kdf *kdf, KdfPurpose purpose, const char *password, uint8_t *key, size_t key_size)
{
    size_t size = digest_size(kdf), block = block_size(kdf);
    uint8_t digest[DIGEST_BYTES_MAX];
    _cleanup_(buffer_wipe) Buffer input = { 0 }, words = { 0 };
    gnutls_hash_hd_t hd;
    int r = pki_result(gnutls_hash_init(&hd, (gnutls_digest_algorithm_t)kdf->hash));
    if (r < 0)
        return r;
    append_repeated(&input, kdf->salt.at, der_size(&kdf->salt), block);
    if (password) {
        kdf_append_utf16(&words, password);
        buffer_append(&words, "\0", 2);
        append_repeated(&input, words.data, words.size, block);
    }
    for (size_t done = 0; done < key_size && r >= 0; done += size) {
        r = pki_result(hash_block(hd, kdf, purpose, &input, digest));
        memcpy(key + done, digest, key_size - done < size ? key_size - done : size);
        add_to_blocks(&input, digest, size, block);
    }
    explicit_bzero(digest, sizeof digest);
    gnutls_hash_deinit(hd, NULL);
    return r;
}

int kdf_derive(const Kdf *kdf, KdfPurpose purpose, const char *password, uint8_t *key, size_t key_size)
{
    if (!kdf->pbkdf2)
        return derive(kdf, purpose, password, key, key_size);
    const char *text = password ? password : "";
    const gnutls_datum_t words = { (unsigned char *)text, (unsigned)strlen(text) };
    const gnutls_datum_t salt = { (unsigned char *)kdf->salt.at, (unsigned)der_size(&kdf->salt) };
    return pki_result(gnutls_pbkdf2(kdf->hash, &words, &salt, kdf->rounds, key, key_size));
}
