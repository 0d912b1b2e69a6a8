#pragma once

/* Which certificates of an address took the place of which, as one text. Shared by the store's own files alone.
 */

#include "model/state.h"

/* "BEFORE NOW INSTANT;...", NULL if there was none. The caller's. */
char *replacements_text(const AddressState *address);

/* What of it can be read, into the address. */
void replacements_read(const char *text, AddressState *address);
