/*
 * Java key stores as keytool wrote them before Java 9: the formats "JKS" and "JCEKS", which are documented in
 * the source of sun.security.provider.JavaKeyStore alone. All numbers are big-endian.
 *
 *   magic (4), version (4), number of entries (4), entries, SHA-1 (20)
 *   entry: tag (4), alias (UTF), time (8), then 1: key (length, bytes), chain (number, certificates)
 *                                            or 2: certificate
 *   certificate: type (UTF, from version 2 on), length (4), bytes;  UTF: length (2), bytes
 */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "pki/bundle-internal.h"
#include "pki/facts.h"
#include "pki/kdf.h"

#define MAGIC_JKS   0xfeedfeedu
#define MAGIC_JCEKS 0xcecececeu
#define DIGEST_SIZE 20
#define TAG_KEY     1
#define TAG_TRUSTED 2

typedef struct Reader {
    const uint8_t *at, *end;
    bool failed; /* there were fewer bytes than were wanted; whatever was read since is 0 */
} Reader;

static const uint8_t *take(Reader *r, size_t size)
{
    if (r->failed || size > (size_t)(r->end - r->at)) {
        r->failed = true;
        return NULL;
    }
    r->at += size;
    return r->at - size;
}

static uint32_t take_number(Reader *r, size_t size)
{
    const uint8_t *bytes = take(r, size);
    uint32_t n = 0;
    for (size_t i = 0; bytes && i < size; i++)
        n = n << 8 | bytes[i];
    return n;
}

static void skip_utf(Reader *r)
{
    (void)take(r, take_number(r, 2));
}

static const uint8_t *take_certificate(Reader *r, uint32_t version, size_t *ret_size)
{
    if (version >= 2)
        skip_utf(r); /* "X.509" */
    *ret_size = take_number(r, 4);
    return take(r, *ret_size);
}

static void skip_key(Reader *r, uint32_t version)
{
    size_t size;
    (void)take(r, take_number(r, 4));
    for (uint32_t n = take_number(r, 4); n > 0 && !r->failed; n--)
        (void)take_certificate(r, version, &size);
}

/* The digest is over the password in UTF-16, these words, and all that stands before it. */
static bool password_fits(const uint8_t *data, size_t size, const char *password)
{
    static const char words[] = "Mighty Aphrodite";
    _cleanup_(buffer_wipe) Buffer text = { 0 };
    uint8_t digest[DIGEST_SIZE];
    kdf_append_utf16(&text, password);
    buffer_append(&text, words, strlen(words));
    buffer_append(&text, data, size - DIGEST_SIZE);
    pki_sha1(text.data, text.size, digest);
    bool fits = memcmp(digest, data + size - DIGEST_SIZE, DIGEST_SIZE) == 0;
    explicit_bzero(digest, sizeof digest);
    wipe_stack();
    return fits;
}

bool jks_is(const uint8_t *data, size_t size)
{
    Reader r = { .at = data, .end = data + size };
    uint32_t magic = take_number(&r, 4);
    return magic == MAGIC_JKS || magic == MAGIC_JCEKS;
}

int jks_read(const uint8_t *data, size_t size, const char *password, CertificateFound *found, void *userdata)
{
    if (!jks_is(data, size) || size < 12 + DIGEST_SIZE)
        return -EBADMSG;
    if (password && !password_fits(data, size, password))
        return -EACCES;
    Reader r = { .at = data + 4, .end = data + size - DIGEST_SIZE };
    uint32_t version = take_number(&r, 4);
    if (version != 1 && version != 2)
        return -EBADMSG;
    for (uint32_t n = take_number(&r, 4); n > 0 && !r.failed; n--) {
        uint32_t tag = take_number(&r, 4);
        skip_utf(&r);
        (void)take(&r, 8);
        if (tag == TAG_KEY)
            skip_key(&r, version);
        else if (tag == TAG_TRUSTED) {
            size_t der_size;
            const uint8_t *der = take_certificate(&r, version, &der_size);
            if (der)
                found(der, der_size, userdata);
        } else
            return -EBADMSG; /* JCEKS's secret keys say nowhere how long they are */
    }
    return r.failed ? -EBADMSG : 0;
}
