#include <assert.h>

#include "base/alloc.h"
#include "ctl/target.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = xstrndup((const char *)data, size), *error = NULL;
    _cleanup_(endpoint_unrefp) Endpoint *endpoint = target_parse(text, size % 2 ? "postgres" : NULL, &error);
    assert((endpoint != NULL) == (error == NULL));
    assert(!endpoint || (endpoint->port >= 1 && endpoint->port <= 65535 && endpoint->host[0]));
    return 0;
}
