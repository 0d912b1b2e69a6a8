#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"

static const struct {
    mode_t type;
    int error;
    const char *what;
} refused_types[] = {
    { S_IFDIR, EISDIR, "is no regular file but a directory" },
    { S_IFIFO, ESPIPE, "is no regular file but a FIFO" },
    { S_IFSOCK, ENOTSOCK, "is no regular file but a socket" },
    { S_IFCHR, ENODEV, "is no regular file but a device" },
    { S_IFBLK, ENOTBLK, "is no regular file but a device" },
};

const char *file_error(int error)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused_types); i++)
        if (refused_types[i].error == -error)
            return refused_types[i].what;
    return strerror(-error);
}

/* The null device is as good as an empty file: so a file of dbcertd.d/ is masked. */
static bool is_readable(const struct stat *st)
{
    return S_ISREG(st->st_mode) || (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3));
}

static int type_error(const struct stat *st)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused_types); i++)
        if (refused_types[i].type == (st->st_mode & S_IFMT))
            return -refused_types[i].error;
    return -EINVAL;
}

/* A socket cannot be opened at all, and the error does not say that it is one. */
static int open_error(const char *path, int error)
{
    struct stat st;
    return error == ENXIO && stat(path, &st) == 0 && S_ISSOCK(st.st_mode) ? -ENOTSOCK : -error;
}

int file_open(const char *path, struct stat *ret_identity)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return open_error(path, errno);
    if (fstat(fd, ret_identity) < 0)
        return -errno;
    if (!is_readable(ret_identity))
        return type_error(ret_identity);
    int opened = fd;
    fd = -1;
    return opened;
}

int file_read_from(int fd, size_t max_bytes, Buffer *buffer)
{
    uint8_t chunk[16384];
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

int file_read(const char *path, size_t max_bytes, Buffer *buffer)
{
    struct stat identity;
    _cleanup_close_ int fd = file_open(path, &identity);
    return fd < 0 ? fd : file_read_from(fd, max_bytes, buffer);
}

int file_read_stream(const char *path, size_t max_bytes, Buffer *buffer)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : file_read_from(fd, max_bytes, buffer);
}

bool file_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
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
