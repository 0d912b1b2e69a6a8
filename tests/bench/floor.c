/*
 * What a handshake costs at the least that a plain GnuTLS client spends: connects, shakes hands with the
 * library's own defaults, verifies the chain and the name, and does nothing else with it. Many at once, on
 * epoll.
 *
 *   floor [--postgres|--mysql] CA-FILE PORT CONCURRENCY ADDRESS=NAME...      (a file of such lines with @FILE)
 *
 * Before TLS is said what these two want to hear. Nothing is said inside TLS; a server that counts that will do
 * so.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

typedef struct Connection {
    int fd;
    enum { SILENT, ASKED, TLS } state;
    gnutls_session_t tls;
} Connection;

static enum { NONE, POSTGRES, MYSQL } engine;
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

/* PostgreSQL is asked and answers with a byte; MySQL speaks first, and is told. */
static void ask_for_tls(Connection *c)
{
    static const unsigned char postgres[8] = { 0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f };
    static const unsigned char mysql[36] = { 32, 0, 0, 1, 5, 0xaa, 8, 0, 0, 0, 0, 1, 45 };
    unsigned char greeting[1024];
    if (engine == POSTGRES && c->state == SILENT) {
        check(send(c->fd, postgres, sizeof postgres, 0) == sizeof postgres ? 0 : -1, "send");
        c->state = ASKED;
        wait_for(c, EPOLLIN);
    } else if (engine == POSTGRES) {
        check(recv(c->fd, greeting, 1, 0) == 1 && *greeting == 'S' ? 0 : -1, "no TLS");
        c->state = TLS;
    } else {
        check(recv(c->fd, greeting, sizeof greeting, 0) > 5 && greeting[4] == 10 ? 0 : -1, "no greeting");
        check(send(c->fd, mysql, sizeof mysql, 0) == sizeof mysql ? 0 : -1, "send");
        c->state = TLS;
    }
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
    gnutls_transport_set_int(c->tls, c->fd);
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

static char **read_lines(char **from, int n_from, unsigned *ret_n)
{
    char **lines = NULL, *line = NULL;
    size_t room = 0;
    ssize_t length;
    FILE *file = n_from == 1 && from[0][0] == '@' ? fopen(from[0] + 1, "r") : NULL;
    *ret_n = (unsigned)n_from;
    if (!file)
        return from;
    for (*ret_n = 0; (length = getline(&line, &room, file)) > 0; line = NULL, room = 0) {
        line[strcspn(line, "\n")] = 0;
        lines = reallocarray(lines, *ret_n + 1, sizeof *lines);
        if (!lines)
            exit(1);
        lines[(*ret_n)++] = line;
    }
    (void)fclose(file);
    return lines;
}

int main(int argc, char *argv[])
{
    struct epoll_event events[64];
    unsigned n, next = 0, running = 0;
    if (argc > 1 && strncmp(argv[1], "--", 2) == 0) {
        engine = strcmp(argv[1], "--mysql") == 0 ? MYSQL : POSTGRES;
        argv++;
        argc--;
    }
    if (argc < 5) {
        fprintf(stderr, "usage: floor [--postgres|--mysql] CA-FILE PORT CONCURRENCY ADDRESS=NAME... | @FILE\n");
        return 2;
    }
    char **lines = read_lines(argv + 4, argc - 4, &n);
    check(epoll = epoll_create1(EPOLL_CLOEXEC), "epoll");
    check(gnutls_certificate_allocate_credentials(&credentials), "credentials");
    check(gnutls_certificate_set_x509_trust_file(credentials, argv[1], GNUTLS_X509_FMT_PEM), argv[1]);
    while (n_done < n) {
        for (; next < n && running < (unsigned)atoi(argv[3]); running++)
            dial(lines[next++], (uint16_t)atoi(argv[2]));
        int ready = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < ready; i++)
            running -= (unsigned)drive(events[i].data.ptr);
    }
    printf("%u %u\n", n_done, n_failed);
    return n_failed > 0;
}
