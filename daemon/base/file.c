#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>

#include "base/alloc.h"

int file_read(const char *path, size_t max_bytes, Buffer *buffer)
{
    uint8_t chunk[16384];
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        if ((size_t)n > max_bytes - buffer->size)
            return -EFBIG;
        buffer_append(buffer, chunk, (size_t)n);
    }
}

/* A directory that is not there holds nothing that matches; one that cannot be read is an error. */
static int stop_unless_absent(const char *path _unused_, int error)
{
    return error != ENOENT && error != ENOTDIR;
}

int file_glob(const char *pattern, char ***ret_paths)
{
    _cleanup_(globfree) glob_t found = { 0 };
    _cleanup_(strv_freep) char **paths = xcalloc(1, sizeof(char *));
    int r = glob(pattern, 0, stop_unless_absent, &found);
    if (r != 0 && r != GLOB_NOMATCH)
        return -EIO;
    for (size_t i = 0; i < found.gl_pathc; i++)
        strv_append(&paths, xstrdup(found.gl_pathv[i]));
    *ret_paths = TAKE(paths);
    return 0;
}
