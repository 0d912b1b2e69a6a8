/* The files that certificates come in. Told apart by what is in them: names and suffixes lie. */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "pki/bundle-internal.h"
#include "pki/facts.h"
#include "pki/result.h"
#include "pki/shape.h"

#define BEGIN          "-----BEGIN "
#define DASHES         "-----"
#define EXCERPT_BYTES  40
#define COMPLAINTS_MAX 20 /* of one file are named; a person needs one */

typedef struct File {
    Bundle *bundle;
    const char *path;
    const uint8_t *data;
    size_t size;
    const char *password;
    char ***errors;
    unsigned n_seen, n_read; /* certificates */
    size_t n_elements;       /* that these have */
    unsigned n_complaints;
    const uint8_t *line_begin; /* of the line that was counted last, */
    size_t line;               /* and its number */
    bool locked;               /* the password does not open it */
} File;

_printf_(2, 3) static void complain(File *file, const char *format, ...)
{
    va_list args;
    if (++file->n_complaints > COMPLAINTS_MAX)
        return;
    va_start(args, format);
    _cleanup_free_ char *what = xvasprintf(format, args);
    va_end(args);
    strv_append(file->errors, xasprintf("%s: %s", file->path, what));
}

/* Whether all that was found, with this one, is more than one file may have. */
static bool is_full(File *file, const uint8_t *der, size_t size)
{
    size_t n = 0;
    if (file->n_seen == BUNDLE_CERTIFICATES_MAX + 1)
        complain(file, "more than %d certificates, ignoring the rest", BUNDLE_CERTIFICATES_MAX);
    if (file->n_seen > BUNDLE_CERTIFICATES_MAX || file->n_elements > BUNDLE_ELEMENTS_MAX)
        return true;
    free(shape_excess(der, size, &n));
    if (n <= SHAPE_ELEMENTS_MAX) /* else it is not held */
        file->n_elements += n;
    if (file->n_elements > BUNDLE_ELEMENTS_MAX)
        complain(file, "its certificates have more than %d elements of ASN.1 together, ignoring the rest",
                 BUNDLE_ELEMENTS_MAX);
    return file->n_elements > BUNDLE_ELEMENTS_MAX;
}

/* One more was found. where: " (line 57)" or "". */
static void add(File *file, const uint8_t *der, size_t size, const char *where)
{
    file->n_seen++;
    if (is_full(file, der, size))
        return;
    int r = bundle_add_der(file->bundle, der, size);
    _cleanup_free_ char *excess = r < 0 ? certificate_excess(der, size) : NULL;
    if (excess)
        complain(file, "certificate %u%s has %s", file->n_seen, where, excess);
    else if (r < 0)
        complain(file, "certificate %u%s does not parse: %s", file->n_seen, where, gnutls_strerror(r));
    else
        file->n_read++;
}

static void on_found(const uint8_t *der, size_t size, void *userdata)
{
    add(userdata, der, size, "");
}

static void read_pkcs7(File *file, const uint8_t *der, size_t size)
{
    if (pkcs7_read(der, size, on_found, file) < 0)
        complain(file, "its PKCS#7 does not parse: it is cut off, or holds what dbcertd cannot read");
}

static void read_pkcs12(File *file)
{
    int r = pkcs12_read(file->data, file->size, file->password, on_found, file);
    file->locked = r == -EACCES;
    if (r == -EBADMSG)
        complain(file, "its PKCS#12 does not parse: it is cut off, or holds what dbcertd cannot read");
    else if (r == -ENOTSUP)
        complain(file, "its PKCS#12 is encrypted in a way that dbcertd does not know");
    else if (r == -E2BIG)
        complain(file,
                 "its key derivation takes more than %d rounds of SHA-256 or as much of another hash in all, "
                 "or it has too many parts; keytool and OpenSSL write far less",
                 PKCS12_WORK_MAX);
}

static void read_jks(File *file)
{
    int r = jks_read(file->data, file->size, file->password, on_found, file);
    file->locked = r == -EACCES;
    if (r == -EBADMSG)
        complain(file, "its Java key store does not parse: it is cut off, or holds what dbcertd cannot read");
}

/* The number of the line that `at` is in; lines are asked for in their order, and each is counted once. */
static size_t line_of(File *file, const uint8_t *at)
{
    const uint8_t *end;
    if (!file->line_begin) {
        file->line_begin = file->data;
        file->line = 1;
    }
    while ((end = memchr(file->line_begin, '\n', (size_t)(at - file->line_begin)))) {
        file->line_begin = end + 1;
        file->line++;
    }
    return file->line;
}

/* Where text stands in place of base64, its beginning; NULL if it may be base64. The caller's. */
static char *excerpt(const uint8_t *body, const uint8_t *end)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n";
    const uint8_t *c = body;
    while (c < end && *c && strchr(letters, *c))
        c++;
    if (c == end)
        return NULL;
    while (body < end && (*body == '\r' || *body == '\n' || *body == ' '))
        body++;
    size_t length = 0;
    while (length < EXCERPT_BYTES && body + length < end && body[length] >= ' ' && body[length] < 0x7f)
        length++;
    return xstrndup((const char *)body, length);
}

/* One frame, from its dashes to its end. */
static void read_frame(File *file, const uint8_t *begin, const uint8_t *end, bool is_pkcs7)
{
    const gnutls_datum_t frame = { (unsigned char *)begin, (unsigned)(end - begin) };
    gnutls_datum_t der = { 0 };
    _cleanup_free_ char *where = xasprintf(" (line %zu)", line_of(file, begin));
    if (begin > file->data && begin[-1] != '\n' && begin[-1] != '\r') {
        file->n_seen++;
        complain(
            file,
            "certificate %u%s does not begin its line: clients with OpenSSL pass it over, and so it is here",
            file->n_seen, where);
        return;
    }
    int r = pki_result(gnutls_pem_base64_decode2(NULL, &frame, &der));
    if (r >= 0 && is_pkcs7)
        read_pkcs7(file, der.data, der.size);
    else if (r >= 0)
        add(file, der.data, der.size, where);
    else {
        const uint8_t *body = memchr(begin, '\n', (size_t)(end - begin));
        const uint8_t *stop = body ? memmem(body, (size_t)(end - body), DASHES, strlen(DASHES)) : NULL;
        _cleanup_free_ char *words = body ? excerpt(body, stop ? stop : end) : NULL;
        file->n_seen++;
        if (words)
            complain(file, "certificate %u%s is no base64 but a text, perhaps a placeholder: \"%s\"",
                     file->n_seen, where, words);
        else if (!stop)
            complain(file, "certificate %u%s is cut off: its END line is missing", file->n_seen, where);
        else
            complain(file, "certificate %u%s does not parse: %s", file->n_seen, where, gnutls_strerror(r));
    }
    gnutls_free(der.data);
}

static const struct {
    const char *label;
    bool is_pkcs7;
} labels[] = {
    { "CERTIFICATE-----", false },
    { "X509 CERTIFICATE-----", false },
    { "PKCS7-----", true },
    { "CMS-----", true },
};

/* Between the frames there may be anything; frames of other things (keys) are passed over. */
static void read_pem(File *file)
{
    const uint8_t *at = file->data, *end = file->data + file->size;
    while (at < end && (at = memmem(at, (size_t)(end - at), BEGIN, strlen(BEGIN)))) {
        const uint8_t *label = at + strlen(BEGIN), *begin = at;
        const uint8_t *next = memmem(label, (size_t)(end - label), BEGIN, strlen(BEGIN));
        at = next ? next : end;
        for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
            size_t length = strlen(labels[i].label);
            if ((size_t)(end - label) >= length && memcmp(label, labels[i].label, length) == 0)
                read_frame(file, begin, at, labels[i].is_pkcs7);
        }
        if (file->n_seen > BUNDLE_CERTIFICATES_MAX)
            break;
    }
}

/* The tag of a DER structure's first element; 0 if it is none. */
static uint8_t first_tag(const uint8_t *data, size_t size)
{
    if (size < 4 || data[0] != 0x30)
        return 0;
    size_t header = data[1] < 0x80 ? 2 : 2 + (size_t)(data[1] & 0x7f);
    return header < size ? data[header] : 0;
}

static void read_der(File *file)
{
    add(file, file->data, file->size, "");
}

static void read_pkcs7_file(File *file)
{
    read_pkcs7(file, file->data, file->size);
}

enum { INTEGER = 0x02, OBJECT_IDENTIFIER = 0x06, SEQUENCE = 0x30 };

static const struct {
    uint8_t tag;
    const char *name;
    void (*read)(File *file);
} der_formats[] = {
    { INTEGER, "PKCS#12", read_pkcs12 },              /* PFX begins with its version: RFC 7292, 4 */
    { OBJECT_IDENTIFIER, "PKCS#7", read_pkcs7_file }, /* ContentInfo begins with its type: RFC 5652, 3 */
    { SEQUENCE, "DER", read_der },
};

/* Returns its name. */
static const char *format_of(const uint8_t *data, size_t size, void (**ret_read)(File *file))
{
    uint8_t tag = first_tag(data, size);
    for (size_t i = 0; i < ARRAY_SIZE(der_formats); i++)
        if (der_formats[i].tag == tag) {
            *ret_read = der_formats[i].read;
            return der_formats[i].name;
        }
    *ret_read = jks_is(data, size) ? read_jks : read_pem;
    return jks_is(data, size) ? "Java key store" : "PEM";
}

const char *bundle_format(const uint8_t *data, size_t size)
{
    void (*ignored)(File *file);
    return format_of(data, size, &ignored);
}

static bool is_blank(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r\n", data[i]) || !data[i])
            return false;
    return true;
}

/* Says what the whole came to. */
static int conclude(File *file)
{
    if (file->locked) {
        complain(file, file->password ? "its password does not open it" : "needs its password");
        return -EACCES;
    }
    if (file->n_read > 0)
        return (int)file->n_read;
    if (file->n_seen > 0)
        complain(file, "none of its certificates can be used");
    else
        complain(file, "no certificate in it; expected PEM (-----BEGIN CERTIFICATE-----), PKCS#7, PKCS#12 or a "
                       "Java key store");
    return -ENODATA;
}

int bundle_add(Bundle *bundle, const char *path, const uint8_t *data, size_t size, const char *password,
               char ***errors)
{
    File file = {
        .bundle = bundle, .path = path, .data = data, .size = size, .password = password, .errors = errors
    };
    void (*read)(File *file);
    if (is_blank(data, size)) {
        complain(&file, "the file is empty");
        return -ENODATA;
    }
    (void)format_of(data, size, &read);
    read(&file);
    int r = conclude(&file);
    if (file.n_complaints > COMPLAINTS_MAX)
        strv_append(errors, xasprintf("%s: and %u more of its kind", path, file.n_complaints - COMPLAINTS_MAX));
    return r;
}
