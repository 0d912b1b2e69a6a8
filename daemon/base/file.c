#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

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
            break;
        if ((size_t)n > max_bytes - buffer->size)
            return -EFBIG;
        buffer_append(buffer, chunk, (size_t)n);
    }
    buffer_append(buffer, "", 0); /* of an empty file, too, there is something to point to */
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        size -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* The new name is durable when the directory is. */
static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *directory = slash ? xstrndup(path, (size_t)(slash - path + 1)) : xstrdup(".");
    _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_replace(const char *path, const void *data, size_t size, bool keep_previous)
{
    _cleanup_free_ char *draft = xasprintf("%s.new", path), *previous = xasprintf("%s.previous", path);
    _cleanup_close_ int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, data, size);
    if (r < 0) {
        (void)unlink(draft);
        return r;
    }
    if (keep_previous) {
        (void)unlink(previous); /* there may be none */
        if (link(path, previous) < 0 && errno != ENOENT)
            return -errno;
    }
    return rename(draft, path) < 0 ? -errno : sync_directory(path);
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
