#include "probe/message.h"

#include "base/alloc.h"
#include "pki/shape.h"

/* RFC 5246, 4.3: a vector has its length before it. */
typedef struct Vector {
    const uint8_t *at;
    size_t size;
} Vector;

/* Takes one of as many length bytes from the beginning; what is cut off is taken as far as it goes. */
static Vector take(Vector *from, unsigned length_bytes)
{
    Vector taken = { .at = from->at };
    for (; length_bytes > 0 && from->size > 0; length_bytes--, from->size--)
        taken.size = taken.size << 8 | *from->at++;
    taken.at = from->at;
    if (taken.size > from->size)
        taken.size = from->size;
    from->at += taken.size;
    from->size -= taken.size;
    return taken;
}

char *message_certificates_excess(const uint8_t *body, size_t size, bool tls13)
{
    Vector message = { body, size };
    size_t n_elements = 0;
    if (tls13)
        (void)take(&message, 1);     /* certificate_request_context (RFC 8446, 4.4.2) */
    Vector list = take(&message, 3); /* of TLS 1.2 (RFC 5246, 7.4.2): all there is */
    for (unsigned i = 1; list.size > 0; i++) {
        size_t n = 0;
        Vector certificate = take(&list, 3);
        _cleanup_free_ char *excess = shape_excess(certificate.at, certificate.size, &n);
        if (excess)
            return xasprintf("certificate %u of the server's has %s", i, excess);
        n_elements += n;
        if (tls13)
            (void)take(&list, 2); /* extensions: GnuTLS reads those of the first alone */
    }
    if (n_elements <= SHAPE_CHAIN_ELEMENTS_MAX)
        return NULL;
    return xasprintf("the server's certificates have %zu elements of ASN.1 together; dbcertd takes at most %d",
                     n_elements, SHAPE_CHAIN_ELEMENTS_MAX);
}
