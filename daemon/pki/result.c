#include "pki/result.h"

#include <gnutls/gnutls.h>

#include "base/alloc.h"

int pki_result(int r)
{
    if (r == GNUTLS_E_MEMORY_ERROR)
        out_of_memory();
    return r;
}
