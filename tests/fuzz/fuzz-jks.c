/* A file that is a Java key store by its first bytes. */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "pki/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(strv_freep) char **errors = NULL;
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    if (size == 0 || strcmp(bundle_format(data, size), "Java key store") != 0)
        return 0;
    int n = bundle_add(bundle, "fuzz", data, size, data[size - 1] & 1 ? "changeit" : NULL, &errors);
    assert(n < 0 ? strv_length(errors) > 0 : bundle_size(bundle) <= (size_t)n);
    return 0;
}
