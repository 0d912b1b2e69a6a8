#include "probe/tunnel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void tunnel_deinit(Tunnel *tunnel)
{
    buffer_deinit(&tunnel->flight);
    buffer_wipe(&tunnel->out);
    buffer_deinit(&tunnel->in);
}

bool tunnel_is_full(const Tunnel *tunnel)
{
    return tunnel->out.size > 0;
}

ssize_t tunnel_push(void *userdata, const void *data, size_t size)
{
    Tunnel *tunnel = userdata;
    buffer_append(tunnel->wraps ? &tunnel->flight : &tunnel->out, data, size);
    return (ssize_t)size;
}

void tunnel_say(Tunnel *tunnel, Buffer *words)
{
    if (words->size == 0)
        return;
    buffer_append(&tunnel->out, words->data, words->size);
    buffer_consume(words, words->size);
}

int tunnel_flush(Tunnel *tunnel, int flags)
{
    if (tunnel->flight.size > 0) {
        dialogue_wrap(tunnel->dialogue, tunnel->flight.data, tunnel->flight.size, &tunnel->out);
        buffer_consume(&tunnel->flight, tunnel->flight.size);
    }
    while (tunnel->out.size > 0) {
        ssize_t n = send(tunnel->fd, tunnel->out.data, tunnel->out.size, MSG_NOSIGNAL | flags);
        if (n < 0)
            return -1;
        buffer_consume(&tunnel->out, (size_t)n);
    }
    return 0;
}

ssize_t tunnel_receive(Tunnel *tunnel, void *data, size_t size)
{
    if (!tunnel->readable) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t n = recv(tunnel->fd, data, size, 0);
    tunnel->readable = n == (ssize_t)size;
    return n;
}

ssize_t tunnel_peek(Tunnel *tunnel, void *data, size_t size)
{
    ssize_t n = recv(tunnel->fd, data, size, MSG_PEEK);
    tunnel->readable = n >= 0;
    return n;
}

/* As much as is there: GnuTLS asks for five bytes, then for the record that they begin. A server's flight has
 * some 5,000 of them, with a chain as RDS's. */
static ssize_t fill(Tunnel *tunnel)
{
    uint8_t bytes[16384];
    ssize_t n = tunnel_receive(tunnel, bytes, sizeof bytes);
    if (n <= 0)
        return n;
    if (tunnel->wraps) {
        if (dialogue_unwrap(tunnel->dialogue, bytes, (size_t)n, &tunnel->in))
            return n;
        errno = EPROTO;
        return -1;
    }
    if (tunnel->n_first == 0) {
        tunnel->n_first = (size_t)n < sizeof tunnel->first ? (size_t)n : sizeof tunnel->first;
        memcpy(tunnel->first, bytes, tunnel->n_first);
    }
    buffer_append(&tunnel->in, bytes, (size_t)n);
    return n;
}

ssize_t tunnel_pull(void *userdata, void *data, size_t size)
{
    Tunnel *tunnel = userdata;
    while (tunnel->in.size == 0) {
        ssize_t r = tunnel_flush(tunnel, 0);
        if (r == 0)
            r = fill(tunnel);
        if (r <= 0)
            return r;
    }
    size_t n = MIN(tunnel->in.size, size);
    memcpy(data, tunnel->in.data, n);
    buffer_consume(&tunnel->in, n);
    tunnel->n_taken += n;
    return (ssize_t)n;
}

bool tunnel_has_more(Tunnel *tunnel)
{
    bool goes_on = tunnel->n_taken != tunnel->n_before;
    tunnel->n_before = tunnel->n_taken;
    return goes_on && tunnel->in.size > 0;
}

bool tunnel_is_tls(const Tunnel *tunnel)
{
    return tunnel->wraps || (tunnel->n_first > 0 && protocol_is_tls_record(tunnel->first[0]));
}
