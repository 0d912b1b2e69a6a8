#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/backlog.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/journald.h"

#define LINE_BYTES_MAX JOURNALD_FIELD_BYTES_MAX
#define FLUSH_USEC     5000 /* between two attempts at the end */

static int max_level = LOG_INFO;
static bool never_waits;
static int stream = STDERR_FILENO;

bool log_is_journal(void)
{
    unsigned long long device, inode;
    struct stat st;
    const char *id = getenv("JOURNAL_STREAM");
    return id && sscanf(id, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

void log_set_max_level(int priority)
{
    max_level = priority;
}

static int write_stream(const void *data, size_t size)
{
    struct pollfd room = { .fd = stream, .events = POLLOUT };
    if (never_waits && poll(&room, 1, 0) <= 0)
        return -EAGAIN;
    size_t most = never_waits && size > PIPE_BUF ? PIPE_BUF : size; /* pipe(7): so much fits if anything does */
    ssize_t n = write(stream, data, most);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return -EAGAIN;
    return n < 0 ? (int)size : (int)n; /* who has gone away reads nothing more */
}

/* In the foreground of a host without journald there is nothing to wait for. */
static int send_entry(const void *data, size_t size)
{
    int r = journald_send(data, size);
    return r == -ENOENT && !log_is_journal() ? 0 : r;
}

static int write_journal(const void *data, size_t size)
{
    int r = send_entry(data, size);
    return r == -EMSGSIZE || r >= 0 ? (int)size : r; /* too long now is too long later */
}

static void make_entry(Buffer *ret, int priority, const char *message_id, const char *text)
{
    const char digit[] = { (char)('0' + priority), 0 };
    (void)journald_add(ret, "MESSAGE", text); /* an entry has room for what is added here */
    (void)journald_add(ret, "PRIORITY", digit);
    (void)journald_add(ret, "SYSLOG_IDENTIFIER", "dbcertd");
    (void)journald_add(ret, "MESSAGE_ID", message_id);
}

static void report_to_stream(Buffer *ret, size_t n_dropped)
{
    buffer_printf(ret, "%zu log lines were dropped while standard error took none\n", n_dropped);
}

static void report_to_journal(Buffer *ret, size_t n_dropped)
{
    _cleanup_free_ char *text = xasprintf("%zu log lines were dropped while journald took none", n_dropped);
    make_entry(ret, LOG_WARNING, NULL, text);
}

static Backlog to_stream = { .write = write_stream, .report = report_to_stream };
static Backlog to_journal = { .write = write_journal, .report = report_to_journal };

/* Takes the text. */
static void put_line(char *text)
{
    Buffer line = { 0 };
    size_t size = text_fit(text, LINE_BYTES_MAX);
    buffer_append(&line, text, size);
    buffer_printf(&line, "%s\n", text[size] ? "..." : "");
    backlog_put(&to_stream, &line);
    free(text);
}

void log_echo(const char *text)
{
    if (!log_is_journal())
        put_line(text_escape(text));
}

void log_write(int priority, const char *message_id, const char *format, ...)
{
    if (priority > max_level)
        return;
    int saved_errno = errno;
    va_list args;
    va_start(args, format);
    char *text = text_escape_take(xvasprintf(format, args));
    va_end(args);
    if (log_is_journal()) {
        Buffer entry = { 0 };
        make_entry(&entry, priority, message_id, text);
        log_entry(&entry);
        free(text);
    } else
        put_line(text);
    errno = saved_errno;
}

void log_entry(Buffer *entry)
{
    backlog_put(&to_journal, entry);
}

int log_entry_now(const Buffer *entry)
{
    int r = backlog_drain(&to_journal);
    return r < 0 ? r : send_entry(entry->data, entry->size);
}

/* A description of our own can be told not to wait, which the one that a shell or a terminal shares must not
 * be. */
void log_never_wait(void)
{
    struct stat st;
    never_waits = true;
    if (fstat(STDERR_FILENO, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
        return;
    int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) /* else poll() has to do: a pipe keeps its word */
        stream = fd;
}

bool log_is_waiting(void)
{
    return !backlog_is_empty(&to_stream) || !backlog_is_empty(&to_journal);
}

void log_drain(void)
{
    (void)backlog_drain(&to_stream);
    (void)backlog_drain(&to_journal);
}

void log_flush(uint64_t usec)
{
    uint64_t end_usec = clock_boottime_usec() + usec;
    for (log_drain(); log_is_waiting() && clock_boottime_usec() < end_usec; log_drain())
        (void)usleep(FLUSH_USEC);
}
