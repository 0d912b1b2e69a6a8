#pragma once

/* Files read whole, up to a limit. */

#include <stddef.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macro.h"

/* Reads a regular file (or a pipe) of at most max_bytes: -EFBIG beyond, else the errno of open() or read(). */
int file_read(const char *path, size_t max_bytes, Buffer *buffer);

/* The files that match, in name order; an empty list if none does. -EIO if a directory cannot be read. */
int file_glob(const char *pattern, char ***ret_paths);

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_close_ _cleanup_(closep)
