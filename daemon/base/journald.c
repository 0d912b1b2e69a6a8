#include "base/journald.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/escape.h"

#define CUT "..."

bool journald_add(Buffer *entry, const char *field, const char *value)
{
    if (!value)
        return false;
    _cleanup_free_ char *text = text_escape_lines(value);
    size_t size = text_fit(text, JOURNALD_FIELD_BYTES_MAX), before = entry->size;
    const char *end = text[size] ? CUT : "";
    if (memchr(text, '\n', size)) {
        uint64_t length = htole64(size + strlen(end));
        buffer_printf(entry, "%s\n", field);
        buffer_append(entry, &length, sizeof length);
    } else
        buffer_printf(entry, "%s=", field);
    buffer_append(entry, text, size);
    buffer_printf(entry, "%s\n", end);
    if (entry->size <= JOURNALD_ENTRY_BYTES_MAX)
        return true;
    buffer_cut(entry, before);
    return false;
}

/* Stays open; it has no peer of its own, so that a journald that is started again finds us. */
static int journald_socket(void)
{
    static int fd = -1;
    const int bytes = 2 * JOURNALD_ENTRY_BYTES_MAX;
    if (fd >= 0)
        return fd;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); /* the default has room for one entry */
    return fd;
}

int journald_send(const void *entry, size_t size)
{
    static const struct sockaddr_un journald = { .sun_family = AF_UNIX,
                                                 .sun_path = "/run/systemd/journal/socket" };
    int fd = journald_socket();
    if (fd < 0)
        return fd;
    ssize_t n = sendto(fd, entry, size, MSG_NOSIGNAL, (const struct sockaddr *)&journald, sizeof journald);
    return n < 0 ? -errno : 0;
}
