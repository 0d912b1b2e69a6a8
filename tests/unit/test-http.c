#include "unit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/thread.h"
#include "http/http.h"

/* The tests are the server, too: while one waits for a request, the loop does not run. */

#define PATIENCE_USEC (10 * USEC_PER_SEC)
#define PATIENCE_MSEC 10000
#define QUIET_MSEC    50
#define SECONDS_MAX   10
#define BYTES_MAX     1000

static sem_t gate, reached;
static bool gate_is_shut; /* set while the thread has nothing to do */

/* The C library's, but for a gate at which libcurl's thread is held, as GnuTLS would hold it. */
int socket(int domain, int type, int protocol)
{
    if (gate_is_shut) {
        (void)sem_post(&reached);
        while (sem_wait(&gate) < 0)
            ;
    }
    return (int)syscall(SYS_socket, domain, type, protocol);
}

typedef struct Scene {
    sd_event *event;
    Http *http;
    int listener;
    char url[64];
} Scene;

static int loopback_listener(in_port_t *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void scene_init(Scene *scene)
{
    in_port_t port;
    gate_is_shut = false;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    assert_int_equal(sem_init(&reached, 0, 0), 0);
    assert_int_equal(sd_event_new(&scene->event), 0);
    assert_int_equal(http_new(&scene->http, scene->event), 0);
    scene->listener = loopback_listener(&port);
    snprintf(scene->url, sizeof scene->url, "http://127.0.0.1:%u/", (unsigned)port);
}

static void scene_deinit(Scene *scene)
{
    http_free(scene->http);
    sd_event_unref(scene->event);
    closep(&scene->listener);
}

/* What was answered, exchange by exchange: "a200one " or "a! ". */
typedef struct Asked {
    HttpExchange *exchange;
    char name;
    char *log;
} Asked;

static void on_answered(const HttpAnswer *answer, void *userdata)
{
    Asked *asked = userdata;
    asked->exchange = NULL;
    assert_int_equal(gettid(), getpid()); /* the loop's thread */
    size_t length = strlen(asked->log);
    if (answer->error)
        sprintf(asked->log + length, "%c! ", asked->name);
    else
        sprintf(asked->log + length, "%c%u%.*s ", asked->name, answer->status, (int)answer->size,
                (const char *)answer->body);
}

static void ask_within(Scene *scene, Asked *asked, int64_t seconds)
{
    const HttpRequest request = {
        .url = scene->url, .plain_allowed = true, .direct = true, .bytes_max = BYTES_MAX, .seconds_max = seconds
    };
    assert_int_equal(http_ask(&asked->exchange, scene->http, &request, on_answered, asked), 0);
}

static void ask(Scene *scene, Asked *asked)
{
    ask_within(scene, asked, SECONDS_MAX);
}

static bool is_readable(int fd, int msec)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    return poll(&ready, 1, msec) == 1;
}

/* The connection of the next request, which has come whole. */
static int receive(const Scene *scene)
{
    char request[1024];
    size_t size = 0;
    assert_true(is_readable(scene->listener, PATIENCE_MSEC));
    int fd = accept(scene->listener, NULL, NULL);
    assert_true(fd >= 0);
    do {
        assert_true(is_readable(fd, PATIENCE_MSEC));
        ssize_t n = read(fd, request + size, sizeof request - 1 - size);
        assert_true(n > 0);
        size += (size_t)n;
        request[size] = 0;
    } while (!strstr(request, "\r\n\r\n"));
    return fd;
}

static void reply(int fd, const char *body)
{
    assert_true(dprintf(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                        strlen(body), body) > 0);
}

/* Whether the client hung up. */
static bool is_closed(int fd)
{
    char byte;
    return is_readable(fd, PATIENCE_MSEC) && read(fd, &byte, 1) <= 0;
}

/* Runs the loop until so much was answered. */
static void expect(const Scene *scene, const char *log, const char *text)
{
    uint64_t until_usec = clock_boottime_usec() + PATIENCE_USEC;
    while (strlen(log) < strlen(text) && clock_boottime_usec() < until_usec)
        assert_true(sd_event_run(scene->event, PATIENCE_USEC) >= 0);
    assert_string_equal(log, text);
}

static void expect_nothing(const Scene *scene, const char *log)
{
    while (sd_event_run(scene->event, QUIET_MSEC * USEC_PER_MSEC) > 0)
        ;
    assert_string_equal(log, "");
}

/* Shuts the gate, and holds the thread there with this request. */
static void hold(Scene *scene, Asked *asked)
{
    gate_is_shut = true;
    ask(scene, asked);
    while (sem_wait(&reached) < 0)
        ;
    gate_is_shut = false;
}

TEST(requests_are_sent_without_the_loop_and_answered_on_it_in_the_order_of_the_answers)
{
    Scene scene;
    scene_init(&scene);
    char log[64] = "";
    Asked a = { .name = 'a', .log = log }, b = { .name = 'b', .log = log };
    ask(&scene, &a);
    _cleanup_close_ int for_a = receive(&scene);
    ask(&scene, &b);
    _cleanup_close_ int for_b = receive(&scene);
    reply(for_b, "two");
    expect(&scene, log, "b200two ");
    reply(for_a, "one");
    expect(&scene, log, "b200two a200one ");
    assert_null(a.exchange);
    scene_deinit(&scene);
}

TEST(an_exchange_that_is_cancelled_before_it_begins_sends_nothing)
{
    Scene scene;
    scene_init(&scene);
    char log[64] = "", none[64] = "";
    Asked a = { .name = 'a', .log = log }, b = { .name = 'b', .log = none }, c = { .name = 'c', .log = log };
    hold(&scene, &a);
    ask(&scene, &b);
    ask(&scene, &c);
    http_cancel(b.exchange);
    http_cancel(NULL);
    (void)sem_post(&gate);
    _cleanup_close_ int for_a = receive(&scene), for_c = receive(&scene);
    reply(for_a, "");
    expect(&scene, log, "a200 ");
    reply(for_c, "");
    expect(&scene, log, "a200 c200 ");
    assert_false(is_readable(scene.listener, 0));
    assert_string_equal(none, "");
    scene_deinit(&scene);
}

TEST(an_exchange_that_is_cancelled_on_its_way_hangs_up_and_is_not_answered)
{
    Scene scene;
    scene_init(&scene);
    char log[64] = "";
    Asked a = { .name = 'a', .log = log };
    ask(&scene, &a);
    _cleanup_close_ int for_a = receive(&scene);
    http_cancel(a.exchange);
    assert_true(is_closed(for_a)); /* the loop does not run */
    expect_nothing(&scene, log);
    scene_deinit(&scene);
}

TEST(an_exchange_that_is_cancelled_with_its_answer_in_the_queue_is_not_answered)
{
    Scene scene;
    scene_init(&scene);
    char log[64] = "";
    Asked a = { .name = 'a', .log = log };
    ask(&scene, &a);
    _cleanup_close_ int for_a = receive(&scene);
    reply(for_a, "late");
    assert_true(is_closed(for_a));
    assert_true(is_readable(sd_event_get_fd(scene.event), PATIENCE_MSEC));
    http_cancel(a.exchange);
    expect_nothing(&scene, log);
    scene_deinit(&scene);
}

TEST(an_exchange_that_the_thread_does_not_come_to_fails_when_its_time_is_over)
{
    Scene scene;
    scene_init(&scene);
    char log[64] = "";
    Asked a = { .name = 'a', .log = log }, b = { .name = 'b', .log = log };
    hold(&scene, &a);
    ask_within(&scene, &b, 1);
    expect(&scene, log, "b! ");
    assert_null(b.exchange);
    (void)sem_post(&gate);
    _cleanup_close_ int for_a = receive(&scene);
    reply(for_a, "one");
    expect(&scene, log, "b! a200one ");
    assert_false(is_readable(scene.listener, 0));
    scene_deinit(&scene);
}

TEST(exchanges_under_way_are_hung_up_on_when_all_is_freed)
{
    Scene scene;
    scene_init(&scene);
    char log[64] = "";
    Asked a = { .name = 'a', .log = log }, b = { .name = 'b', .log = log };
    ask(&scene, &a);
    ask(&scene, &b);
    _cleanup_close_ int first = receive(&scene), second = receive(&scene);
    http_cancel(a.exchange);
    http_cancel(b.exchange);
    http_free(TAKE(scene.http));
    assert_true(is_closed(first) && is_closed(second));
    assert_string_equal(log, "");
    assert_false(thread_was_abandoned());
    scene_deinit(&scene);
}

/* In a process of its own: what an abandoned thread holds is never freed. */
TEST(a_thread_that_is_stuck_holds_up_the_end_for_a_moment_only)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        Scene scene;
        scene_init(&scene);
        char log[64] = "";
        Asked a = { .name = 'a', .log = log };
        hold(&scene, &a);
        http_cancel(a.exchange);
        uint64_t began_usec = clock_boottime_usec();
        http_free(scene.http);
        uint64_t took_usec = clock_boottime_usec() - began_usec;
        _exit(!thread_was_abandoned() || took_usec > 10 * THREAD_PATIENCE_USEC ? 2 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

RUN_TESTS(cmocka_unit_test(requests_are_sent_without_the_loop_and_answered_on_it_in_the_order_of_the_answers),
          cmocka_unit_test(an_exchange_that_is_cancelled_before_it_begins_sends_nothing),
          cmocka_unit_test(an_exchange_that_is_cancelled_on_its_way_hangs_up_and_is_not_answered),
          cmocka_unit_test(an_exchange_that_is_cancelled_with_its_answer_in_the_queue_is_not_answered),
          cmocka_unit_test(an_exchange_that_the_thread_does_not_come_to_fails_when_its_time_is_over),
          cmocka_unit_test(exchanges_under_way_are_hung_up_on_when_all_is_freed),
          cmocka_unit_test(a_thread_that_is_stuck_holds_up_the_end_for_a_moment_only));
