#pragma once

/* Files read whole, up to a limit, and replaced whole. */

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macro.h"

/*
 * Reads a regular file (or a pipe) of at most max_bytes: -EFBIG beyond, else the errno of open() or read().
 * With 0 the buffer's data is never NULL and ends with a 0 that is not counted.
 */
int file_read(const char *path, size_t max_bytes, Buffer *buffer);

/*
 * Replaces a file at once or not at all: whoever opens it finds the old content or the new one, also after a
 * crash. What was there is kept as PATH.previous if keep_previous. Mode 0644 before the umask. Negative errno.
 */
int file_replace(const char *path, const void *data, size_t size, bool keep_previous);

/* The files that match, in name order; an empty list if none does. -EIO if a directory cannot be read. */
int file_glob(const char *pattern, char ***ret_paths);

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_close_ _cleanup_(closep)
