/*
 * What a handshake costs at the least that a plain GnuTLS client spends: connects, shakes hands with the
 * library's own defaults, verifies the chain and the name, and does nothing else with it. Many at once, on
 * epoll; or so many each second, as they come due in a daemon.
 *
 *   floor [--postgres|--mysql|--tds] CA-FILE PORT CONCURRENCY PER-SECOND FILE
 *
 * PER-SECOND is 0 for as fast as it goes; FILE has lines of ADDRESS=NAME.
 *
 * Before TLS is said what these three want to hear, and TDS has the handshake in packets of its own. Nothing is
 * said inside TLS; a server that counts that will do so.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef struct Connection {
    int fd;
    enum { SILENT, ASKED, TLS } state;
    gnutls_session_t tls;
    size_t left; /* of the TDS packet that is being read */
} Connection;

static enum { NONE, POSTGRES, MYSQL, TDS } engine;
static gnutls_certificate_credentials_t credentials;
static int epoll;
static unsigned n_done, n_failed;

static void check(int r, const char *what)
{
    if (r >= 0)
        return;
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

static void wait_for(Connection *c, uint32_t what)
{
    struct epoll_event event = { .events = what, .data.ptr = c };
    check(epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event), "epoll");
}

static void say(Connection *c, const void *what, size_t n)
{
    check(send(c->fd, what, n, 0) == (ssize_t)n ? 0 : -1, "send");
}

/* PostgreSQL is asked and answers with a byte; MySQL speaks first, and is told; TDS agrees on encryption. */
static void ask_for_tls(Connection *c)
{
    static const unsigned char postgres[] = { 0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f };
    static const unsigned char mysql[36] = { 32, 0, 0, 1, 5, 0xaa, 8, 0, 0, 0, 0, 1, 45 };
    static const unsigned char tds[] = { 0x12, 1, 0,  26, 0, 0, 1, 0, /* PRELOGIN: VERSION, ENCRYPTION on */
                                         0,    0, 11, 0,  6, 1, 0, 17, 0, 1, 0xff, 17, 0, 0, 0, 0, 0, 1 };
    unsigned char heard[1024];
    if (c->state == SILENT && engine != MYSQL) {
        if (engine == POSTGRES)
            say(c, postgres, sizeof postgres);
        else
            say(c, tds, sizeof tds);
        c->state = ASKED;
        wait_for(c, EPOLLIN);
        return;
    }
    ssize_t n = recv(c->fd, heard, engine == POSTGRES ? 1 : sizeof heard, 0);
    if (engine == POSTGRES) {
        check(n == 1 && *heard == 'S' ? 0 : -1, "no TLS");
    } else if (engine == TDS) {
        check(n > 8 && *heard == 4 ? 0 : -1, "no PRELOGIN");
    } else {
        check(n > 5 && heard[4] == 10 ? 0 : -1, "no greeting");
        say(c, mysql, sizeof mysql);
    }
    c->state = TLS;
}

/* MS-TDS 3.2.5.2: the handshake's bytes are the data of PRELOGIN packets. */
static ssize_t push_packet(gnutls_transport_ptr_t to, const giovec_t *parts, int n_parts)
{
    struct iovec pieces[8];
    size_t n = 0;
    check(n_parts < 8 ? 0 : -1, "pieces");
    for (int i = 0; i < n_parts; n += parts[i++].iov_len)
        pieces[i + 1] = (struct iovec) { parts[i].iov_base, parts[i].iov_len };
    unsigned char head[8] = { 0x12, 1, (unsigned char)((n + 8) >> 8), (unsigned char)(n + 8) };
    pieces[0] = (struct iovec) { head, sizeof head };
    ssize_t sent = writev(((Connection *)to)->fd, pieces, n_parts + 1);
    return sent < 0 ? sent : sent - (ssize_t)sizeof head;
}

static ssize_t pull_packet(gnutls_transport_ptr_t from, void *to, size_t n)
{
    Connection *c = from;
    unsigned char head[8];
    ssize_t got = c->left ? 1 : recv(c->fd, head, sizeof head, 0);
    if (got <= 0)
        return got;
    if (!c->left) {
        check(got == sizeof head ? 0 : -1, "a packet's head in pieces");
        c->left = ((size_t)head[2] << 8 | head[3]) - sizeof head;
    }
    got = recv(c->fd, to, n < c->left ? n : c->left, 0);
    c->left -= got > 0 ? (size_t)got : 0;
    return got;
}

static void dial(const char *line, uint16_t port)
{
    char address[64] = "";
    const char *name = strchr(line, '=');
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    Connection *c = calloc(1, sizeof *c);
    if (!c || !name || (size_t)(name - line) >= sizeof address)
        exit(1);
    memcpy(address, line, (size_t)(name++ - line));
    check(inet_pton(AF_INET, address, &to.sin_addr) - 1, line);
    check(c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        check(-1, "connect");
    check(gnutls_init(&c->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL), "session");
    check(gnutls_set_default_priority(c->tls), "priority");
    check(gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, credentials), "credentials");
    check(gnutls_server_name_set(c->tls, GNUTLS_NAME_DNS, name, strlen(name)), "name");
    gnutls_session_set_verify_cert(c->tls, name, 0);
    if (engine == TDS) {
        gnutls_transport_set_ptr(c->tls, c);
        gnutls_transport_set_vec_push_function(c->tls, push_packet);
        gnutls_transport_set_pull_function(c->tls, pull_packet);
    } else {
        gnutls_transport_set_int(c->tls, c->fd);
    }
    c->state = engine == NONE ? TLS : SILENT;
    struct epoll_event event = { .events = engine == MYSQL ? EPOLLIN : EPOLLOUT, .data.ptr = c };
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event), "epoll");
}

/* True once it is over. */
static int drive(Connection *c)
{
    if (c->state != TLS)
        ask_for_tls(c);
    if (c->state != TLS)
        return 0;
    int r = gnutls_handshake(c->tls);
    if (r < 0 && !gnutls_error_is_fatal(r)) {
        wait_for(c, gnutls_record_get_direction(c->tls) ? EPOLLOUT : EPOLLIN);
        return 0;
    }
    n_done++;
    n_failed += r < 0;
    if (r >= 0)
        (void)gnutls_bye(c->tls, GNUTLS_SHUT_WR);
    gnutls_deinit(c->tls);
    close(c->fd);
    free(c);
    return 1;
}

static char **read_lines(const char *path, unsigned *ret_n)
{
    char **lines = NULL, *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        exit(1);
    for (*ret_n = 0; getline(&line, &room, file) > 0; line = NULL, room = 0) {
        line[strcspn(line, "\n")] = 0;
        lines = reallocarray(lines, *ret_n + 1, sizeof *lines);
        if (!lines)
            exit(1);
        lines[(*ret_n)++] = line;
    }
    (void)fclose(file);
    return lines;
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Milliseconds until the next one is due, 0: it is. */
static int due_in(double begin, unsigned next, double each_second)
{
    double wait = each_second > 0 ? begin + next / each_second - now() : 0;
    return wait > 0 ? (int)(wait * 1000) + 1 : 0;
}

int main(int argc, char *argv[])
{
    struct epoll_event events[64];
    unsigned n, next = 0, running = 0;
    if (argc > 1 && strncmp(argv[1], "--", 2) == 0) {
        engine = strcmp(argv[1], "--mysql") == 0 ? MYSQL : strcmp(argv[1], "--tds") == 0 ? TDS : POSTGRES;
        argv++;
        argc--;
    }
    if (argc != 6) {
        fprintf(stderr, "usage: floor [--postgres|--mysql|--tds] CA-FILE PORT CONCURRENCY PER-SECOND FILE\n");
        return 2;
    }
    char **lines = read_lines(argv[5], &n);
    unsigned at_once = (unsigned)atoi(argv[3]);
    double each_second = atof(argv[4]), begin = now();
    check(epoll = epoll_create1(EPOLL_CLOEXEC), "epoll");
    check(gnutls_certificate_allocate_credentials(&credentials), "credentials");
    check(gnutls_certificate_set_x509_trust_file(credentials, argv[1], GNUTLS_X509_FMT_PEM), argv[1]);
    while (n_done < n) {
        int wait = -1; /* for one that runs to go on */
        while (next < n && running < at_once && (wait = due_in(begin, next, each_second)) == 0) {
            dial(lines[next++], (uint16_t)atoi(argv[2]));
            running++;
            wait = -1;
        }
        int ready = epoll_wait(epoll, events, 64, wait);
        for (int i = 0; i < ready; i++)
            running -= (unsigned)drive(events[i].data.ptr);
    }
    printf("%u %u\n", n_done, n_failed);
    return n_failed > 0;
}
