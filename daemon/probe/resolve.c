#include "probe/resolve.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/timer.h"

#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)

/* Two tries of two seconds to each name server: within the default deadline of a probe. */
#define QUERY_TIMEOUT_MS 2000
#define QUERY_TRIES      2

struct Resolve {
    sd_event *event;
    sd_event_source *start, *timer;
    sd_event_source *io[ARES_GETSOCK_MAXNUM]; /* one per socket of the channel; NULL: free */
    char *host;
    uint16_t port;
    resolve_fn done;
    void *userdata;

    /*
     * A channel of its own: it reads resolv.conf and hosts as they are now, and to free it is to cancel.
     * ares_destroy() calls back, hence `answered` is set before.
     */
    ares_channel channel;
    bool library;
    bool answered;
    Address addresses[RESOLVE_ADDRESSES_MAX];
    size_t n_addresses;
    const char *error;
};

void resolve_free(Resolve *resolve)
{
    if (!resolve)
        return;
    resolve->answered = true;
    if (resolve->channel)
        ares_destroy(resolve->channel);
    if (resolve->library)
        ares_library_cleanup();
    for (size_t i = 0; i < ARRAY_SIZE(resolve->io); i++)
        sd_event_source_disable_unref(resolve->io[i]);
    sd_event_source_disable_unref(resolve->start);
    sd_event_source_disable_unref(resolve->timer);
    sd_event_unref(resolve->event);
    free(resolve->host);
    free(resolve);
}
CLEANUP_OF(Resolve, resolve_free);

static int compare(const void *a, const void *b)
{
    return address_compare(a, b);
}

static void add(Resolve *resolve, const struct sockaddr *sa)
{
    Address address;
    if ((sa->sa_family != AF_INET && sa->sa_family != AF_INET6) ||
        resolve->n_addresses == RESOLVE_ADDRESSES_MAX)
        return;
    address_from_sockaddr(sa, resolve->port, &address);
    for (size_t i = 0; i < resolve->n_addresses; i++)
        if (strcmp(resolve->addresses[i].text, address.text) == 0)
            return;
    resolve->addresses[resolve->n_addresses++] = address;
}

static void on_answer(void *userdata, int status, int timeouts _unused_, struct ares_addrinfo *answer)
{
    Resolve *resolve = userdata;
    if (resolve->answered)
        return;
    resolve->answered = true;
    if (status == ARES_SUCCESS)
        for (struct ares_addrinfo_node *node = answer->nodes; node; node = node->ai_next)
            add(resolve, node->ai_addr);
    if (answer)
        ares_freeaddrinfo(answer);
    qsort(resolve->addresses, resolve->n_addresses, sizeof(Address), compare);
    if (resolve->n_addresses == 0)
        resolve->error = status == ARES_SUCCESS ? "the name has no addresses" : ares_strerror(status);
}

/* After anything that may have moved c-ares: hand over its answer, or wait as long as it wants to. */
static void advance(Resolve *resolve)
{
    if (resolve->answered) {
        timer_disarm(resolve->timer);
        resolve->done(resolve, resolve->addresses, resolve->n_addresses, resolve->error, resolve->userdata);
        return;
    }
    struct timeval wait = { 0 };
    if (ares_timeout(resolve->channel, NULL, &wait)) {
        uint64_t usec = (uint64_t)wait.tv_sec * USEC_PER_SEC + (uint64_t)wait.tv_usec;
        timer_arm(resolve->timer, usec);
    }
}

static int on_io(sd_event_source *source _unused_, int fd, uint32_t events, void *userdata)
{
    Resolve *resolve = userdata;
    ares_process_fd(resolve->channel, events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? fd : ARES_SOCKET_BAD,
                    events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
    advance(resolve);
    return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Resolve *resolve = userdata;
    ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    advance(resolve);
    return 0;
}

/* c-ares says which of its sockets it waits for; neither direction: the socket is about to be closed. */
static void on_socket(void *userdata, ares_socket_t fd, int readable, int writable)
{
    Resolve *resolve = userdata;
    sd_event_source **free_slot = NULL;
    uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
    for (size_t i = 0; i < ARRAY_SIZE(resolve->io); i++) {
        if (resolve->io[i] && sd_event_source_get_io_fd(resolve->io[i]) == fd) {
            if (events)
                (void)sd_event_source_set_io_events(resolve->io[i], events);
            else
                sd_event_source_disable_unref(TAKE(resolve->io[i]));
            return;
        }
        if (!resolve->io[i] && !free_slot)
            free_slot = &resolve->io[i];
    }
    if (events && free_slot)
        (void)sd_event_add_io(resolve->event, free_slot, fd, events, on_io,
                              resolve); /* else: the query times out */
}

static int open_channel(Resolve *resolve)
{
    struct ares_options options = {
        .timeout = QUERY_TIMEOUT_MS,
        .tries = QUERY_TRIES,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = resolve,
    };
    if (ares_library_init_mem(ARES_LIB_INIT_ALL, xmalloc, free, wiping_realloc) != ARES_SUCCESS)
        return -ENOMEM;
    resolve->library = true;
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    return ares_init_options(&resolve->channel, &options, mask) == ARES_SUCCESS ? 0 : -EIO;
}

static void ask_hosts_file(Resolve *resolve, int family)
{
    struct hostent *found = NULL;
    if (ares_gethostbyname_file(resolve->channel, resolve->host, family, &found) != ARES_SUCCESS)
        return;
    for (char **bytes = found->h_addr_list; *bytes; bytes++) {
        struct sockaddr_in in = { .sin_family = AF_INET };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
        memcpy(family == AF_INET ? (void *)&in.sin_addr : (void *)&in6.sin6_addr, *bytes,
               (size_t)found->h_length);
        add(resolve, family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6);
    }
    ares_free_hostent(found);
}

static void ask(Resolve *resolve)
{
    const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = ARES_AI_NOSORT, /* all of them are probed */
    };
    ask_hosts_file(resolve, AF_INET);
    ask_hosts_file(resolve, AF_INET6);
    resolve->answered = resolve->n_addresses > 0;
    qsort(resolve->addresses, resolve->n_addresses, sizeof(Address), compare);
    if (!resolve->answered)
        ares_getaddrinfo(resolve->channel, resolve->host, NULL, &hints, on_answer, resolve);
}

static int on_start(sd_event_source *source _unused_, void *userdata)
{
    Resolve *resolve = userdata;
    if (address_parse(resolve->host, resolve->port, &resolve->addresses[0]) == 0) {
        resolve->n_addresses = 1;
        resolve->answered = true;
    } else if (open_channel(resolve) < 0) {
        resolve->error = "cannot start the resolver";
        resolve->answered = true;
    } else
        ask(resolve);
    advance(resolve);
    return 0;
}

int resolve_new(Resolve **ret, sd_event *event, const Endpoint *endpoint, resolve_fn done, void *userdata)
{
    _cleanup_(resolve_freep) Resolve *resolve = xcalloc(1, sizeof *resolve);
    resolve->event = sd_event_ref(event);
    resolve->host = xstrdup(endpoint->host);
    resolve->port = (uint16_t)endpoint->port;
    resolve->done = done;
    resolve->userdata = userdata;
    int r = sd_event_add_defer(event, &resolve->start, on_start, resolve);
    if (r < 0)
        return r;
    r = timer_new(&resolve->timer, event, TIMER_ACCURACY_USEC, on_timer, resolve);
    if (r < 0)
        return r;
    *ret = TAKE(resolve);
    return 0;
}
