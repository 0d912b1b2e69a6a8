#include <assert.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "pki/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(strv_freep) char **errors = NULL;
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    int n = bundle_add(bundle, "fuzz", data, size, NULL, &errors);
    assert(n < 0 ? bundle_size(bundle) == 0 && strv_length(errors) > 0 : bundle_size(bundle) <= (size_t)n);
    return 0;
}
