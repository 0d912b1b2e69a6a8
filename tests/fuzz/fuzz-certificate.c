/* A certificate as a server sends it: its facts, and its verification against a bundle and as its own bundle.
 */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fuzz.h"
#include "pki/bundle.h"
#include "pki/facts.h"
#include "pki/verify.h"
#include "rds/authority.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Bundle *bundle; /* reachable to the end: no leak */
    Certificate *certificate;
    if (!bundle) {
        _cleanup_(buffer_deinit) Buffer pem = { 0 };
        char **errors = NULL;
        bundle = bundle_new();
        int r = file_read(TEST_DATA "/root.pem", 65536, &pem);
        assert(r == 0);
        r = bundle_add(bundle, "root.pem", pem.data, pem.size, NULL, &errors);
        assert(r == 1);
    }
    if (certificate_from_der(data, size, &certificate) < 0)
        return 0;
    assert(certificate->serial && certificate->subject && certificate->issuer && certificate->der_size == size);
    assert(strlen(certificate->sha256) == 64);
    assert(strlen(certificate->subject) <= DN_BYTES_MAX && strlen(certificate->issuer) <= DN_BYTES_MAX);
    assert(!certificate->subject_cn || strlen(certificate->subject_cn) <= CN_BYTES_MAX);
    assert(strv_length(certificate->names) <= NAMES_KEPT_MAX);

    Chain chain = { 0 };
    Verification verification;
    Authority authority;
    chain_append(&chain, certificate);
    verify_chain(bundle, &chain, "orders.c9akciq32rgq.us-east-1.rds.amazonaws.com", &verification);
    assert(verification.trusted == !verification.reason);
    (void)authority_of_server(certificate, &verification.path, NULL, &authority);
    verification_deinit(&verification);
    chain_deinit(&chain);
    return 0;
}
