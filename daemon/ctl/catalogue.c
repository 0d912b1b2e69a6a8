#include "ctl/catalogue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

static const char *const places[] = { "/etc/dbcertd/catalogue.tsv", "/var/lib/dbcertd/catalogue.tsv" };

/* A file that is not there, or not for everybody to read, is passed over unless it was asked for. */
static bool offer(Catalogue **catalogue, const char *path, bool asked)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    _cleanup_(strv_freep) char **errors = NULL, **warnings = NULL;
    int r = file_read_stream(path, CATALOGUE_BYTES_MAX, &text);
    if (r < 0 && !asked)
        return true;
    if (r < 0)
        fprintf(stderr, "dbcertctl: %s: %s\n", path, strerror(-r));
    else
        r = catalogue_offer(catalogue, path, (const char *)text.data, &errors, &warnings);
    for (size_t i = 0; errors && errors[i]; i++)
        fprintf(stderr, "dbcertctl: %s\n", errors[i]);
    return r >= 0;
}

Catalogue *ctl_catalogue(void)
{
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    const char *asked = getenv("DBCERTD_CATALOGUE");
    if (asked && *asked)
        return offer(&catalogue, asked, true) ? TAKE(catalogue) : NULL;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (!offer(&catalogue, places[i], false))
            return NULL;
    return TAKE(catalogue);
}
