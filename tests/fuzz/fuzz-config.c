#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "config/config.h"
#include "fuzz.h"

/* libconfig 1.5 loses the text of a string that does not end; ours to free is nothing of it. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(strv_freep) char **errors = NULL, **warnings = NULL;
    _cleanup_(config_freep) Config *config = NULL;
    _cleanup_free_ char *text = xstrndup((const char *)data, size);
    if (strchr(text, '@'))
        return 0; /* @include opens files */
    const ConfigSource source = { .path = (char *)"fuzz.conf", .text = text };
    int r = config_parse(&source, 1, &config, &errors, &warnings);
    assert((r == 0) == (errors == NULL) && (r == 0) == (config != NULL));
    for (size_t i = 0; config && i < config->n_endpoints; i++) {
        const Endpoint *e = config->endpoints[i];
        assert(e->name && e->host && e->engine && e->port >= 1 && e->port <= 65535 &&
               e->interval_seconds >= 10);
        assert((e->engine->family == FAMILY_MYSQL) == (e->farewell != FAREWELL_CLOSE));
    }
    return 0;
}
