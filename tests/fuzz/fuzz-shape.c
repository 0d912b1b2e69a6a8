/* The parts of a certificate are counted, alone and in a Certificate message: the first byte says which. */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "pki/shape.h"
#include "probe/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = 0;
    if (size == 0)
        return 0;
    _cleanup_free_ char *of_message = message_certificates_excess(data + 1, size - 1, data[0] & 2);
    _cleanup_free_ char *excess = shape_excess(data + 1, size - 1, &n);
    assert(excess || n <= SHAPE_ELEMENTS_MAX);
    assert(n <= 2 + 2 * size); /* each element once, or in an OCTET STRING's content once more */
    assert(!of_message || strlen(of_message) < 160);
    return 0;
}
