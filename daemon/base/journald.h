#pragma once

/*
 * Entries for systemd-journald in its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), one
 * datagram each. libsystemd's sd_journal_sendv() waits while journald does not read; this does not. Nor does it
 * pass entries in files, which the service's sandbox forbids, so an entry has to fit a datagram.
 */

#include <stdbool.h>

#include "base/buffer.h"

/* A datagram has to fit a socket's buffer, which net.core.wmem_default makes 208 KiB. */
#define JOURNALD_ENTRY_BYTES_MAX (192 * 1024)

/* Of one field; the rest is cut off. Messages name a bounded number of things, and each of those has bounds. */
#define JOURNALD_FIELD_BYTES_MAX (32 * 1024)

/* Appends a field whose value is escaped, except for newlines. Returns false if there is no value (NULL) or no
 * room: then it is left out. */
bool journald_add(Buffer *entry, const char *field, const char *value);

/* Sends it now, or returns -EAGAIN while journald takes none, or another negative errno. */
int journald_send(const void *entry, size_t size);
