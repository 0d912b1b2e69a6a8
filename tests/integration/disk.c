/*
 * A disk that is slow, or does not answer, for one process and one directory: preloaded, it lets each write and
 * each sync of a file below $DBCERTD_TEST_DISK_UNDER wait as long as the file $DBCERTD_TEST_DISK says: two
 * numbers of milliseconds, 4 bytes each, for writes and for syncs; negative: until it says something else.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#define LOOK_USEC 2000

typedef struct Delays {
    volatile int32_t write_msec, sync_msec;
} Delays;

static const Delays *delays;

static void wait_for(const volatile int32_t *msec)
{
    if (*msec > 0)
        usleep((useconds_t)*msec * 1000);
    while (*msec < 0)
        usleep(LOOK_USEC);
}

static int is_on_the_disk(int fd)
{
    const char *under = getenv("DBCERTD_TEST_DISK_UNDER");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = under && delays ? readlink(link, path, sizeof path) : -1;
    return length > 0 && (size_t)length > strlen(under) && strncmp(path, under, strlen(under)) == 0;
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    if (is_on_the_disk(fd))
        wait_for(&delays->sync_msec);
    return real(fd);
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (is_on_the_disk(fd))
        wait_for(&delays->sync_msec);
    return real(fd);
}

/* The symbol is pwrite64: an off_t has 64 bits here, as in SQLite. */
ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    if (is_on_the_disk(fd))
        wait_for(&delays->write_msec);
    return real(fd, data, size, at);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("DBCERTD_TEST_DISK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *delays, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    delays = map == MAP_FAILED ? NULL : map;
}
