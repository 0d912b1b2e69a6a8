/* PKCS#7 as a bag of certificates (RFC 5652, 5.1): nothing but its certificates is looked at, and nobody asks
 * for its signatures. */

#include <errno.h>

#include "pki/bundle-internal.h"
#include "pki/der.h"

int pkcs7_read(const uint8_t *data, size_t size, CertificateFound *found, void *userdata)
{
    static const uint8_t signed_data[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2 };
    Der file = der_of(data, size);
    Der info = der_enter(&file, DER_SEQUENCE), type = der_enter(&info, DER_OID);
    if (!der_is(&type, signed_data, sizeof signed_data))
        return -EBADMSG;
    Der content = der_enter(&info, DER_CONTEXT_0 | DER_CONSTRUCTED);
    Der message = der_enter(&content, DER_SEQUENCE);
    (void)der_number(&message);
    (void)der_enter(&message, DER_SET);      /* digests */
    (void)der_enter(&message, DER_SEQUENCE); /* what is signed */
    if (message.failed)
        return -EBADMSG;
    if (der_peek(&message) != (DER_CONTEXT_0 | DER_CONSTRUCTED))
        return 0; /* it has none */
    Der certificates = der_enter(&message, DER_CONTEXT_0 | DER_CONSTRUCTED);
    for (DerElement e; (e = der_next(&certificates)).tag != 0;)
        if (e.tag == DER_SEQUENCE) /* else an attribute certificate */
            found(e.bytes, e.size, userdata);
    return message.failed || certificates.failed ? -EBADMSG : 0;
}
