#pragma once

/* Files read whole, up to a limit, and replaced whole. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macro.h"

/*
 * Opens a file that another user may have written, and checks the opened descriptor: nothing that happens to
 * the path afterwards changes what is read. A descriptor, and its identity; negative errno, also for what is no
 * regular file (see file_error()), of which nothing is read and for which nothing waits.
 */
int file_open(const char *path, struct stat *ret_identity);

/*
 * Appends what a descriptor gives until its end: -EFBIG beyond max_bytes, else the errno of read(). A file that
 * grows or is cut meanwhile gives what was there when it was read. With 0 the buffer's data is never NULL and
 * ends with a 0 that is not counted.
 */
int file_read_from(int fd, size_t max_bytes, Buffer *buffer);

/* Opens a regular file and reads it. */
int file_read(const char *path, size_t max_bytes, Buffer *buffer);

/* The same of whatever a person names on a command line: a pipe is waited for. */
int file_read_stream(const char *path, size_t max_bytes, Buffer *buffer);

/* What a negative errno of these says: strerror()'s words, but for what is no regular file. */
const char *file_error(int error);

/* Whether it is the same file and was not written to, as far as the file system tells. */
bool file_is_same(const struct stat *a, const struct stat *b);

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
