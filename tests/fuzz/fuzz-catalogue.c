/* The text of a catalogue. What was taken has to answer every question. */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "rds/catalogue.h"

/* In place of the one that is built in, if it is newer. */
static int offer(const char *text)
{
    _cleanup_(strv_freep) char **errors = NULL, **warnings = NULL;
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    int r = catalogue_offer(&catalogue, "fuzz", text, &errors, &warnings);
    assert(catalogue && (r < 0) == (errors != NULL));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(strv_freep) char **errors = NULL;
    _cleanup_(catalogue_freep) Catalogue *catalogue = NULL;
    _cleanup_free_ char *text = xstrndup((const char *)data, size);
    int r = catalogue_parse("fuzz", text, &catalogue, &errors);
    assert(r < 0 ? !catalogue && strv_length(errors) > 0 : catalogue && !errors);
    for (size_t i = 0; catalogue && i < catalogue->n_certificates; i++) {
        const KnownCertificate *c = &catalogue->certificates[i];
        assert(strcmp(catalogue_find(catalogue, c->sha256)->sha256, c->sha256) == 0);
        (void)catalogue_root(catalogue, c->ca, c->region);
        (void)catalogue_has_ca(catalogue, c->ca);
        (void)catalogue_nearest_ca(catalogue, c->ca);
    }
    for (size_t i = 0; catalogue && i < catalogue->n_regions; i++) {
        assert(catalogue_bundle_url(catalogue, catalogue->regions[i].name));
        (void)region_offers(&catalogue->regions[i], "rds-ca-rsa2048-g1");
    }
    catalogue_free(TAKE(catalogue));
    return offer(text);
}
