#include "monitor/loaded.h"

#include <string.h>

#include "base/alloc.h"

#define DEFAULT_STATE_DIRECTORY "/var/lib/dbcertd"

void loaded_free(Loaded *loaded)
{
    if (!loaded)
        return;
    for (size_t i = 0; i < loaded->n_secrets; i++) {
        free(loaded->secrets[i].credential);
        wiping_free(loaded->secrets[i].value);
    }
    free(loaded->secrets);
    bundle_free(loaded->bundle);
    bundle_free(loaded->system);
    catalogue_free(loaded->catalogue);
    config_free(loaded->config);
    free(loaded->path);
    free(loaded);
}

const char *loaded_secret(const Loaded *loaded, const char *name)
{
    for (size_t i = 0; name && i < loaded->n_secrets; i++)
        if (strcmp(loaded->secrets[i].credential, name) == 0)
            return loaded->secrets[i].value;
    return NULL;
}

/* systemd names several with colons between them if the unit does. */
char *loaded_state_directory(const Loaded *loaded)
{
    const char *directory = getenv("STATE_DIRECTORY");
    if (directory && *directory)
        return xstrndup(directory, strcspn(directory, ":"));
    return xstrdup(loaded->config->state ? loaded->config->state : DEFAULT_STATE_DIRECTORY);
}
