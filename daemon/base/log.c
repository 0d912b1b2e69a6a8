#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION /* a file and line of ours tells an operator nothing */
#include <systemd/sd-journal.h>

#include "base/alloc.h"

static int max_level = LOG_INFO;

bool log_is_journal(void)
{
    unsigned long long device, inode;
    struct stat st;
    const char *stream = getenv("JOURNAL_STREAM");
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

void log_set_max_level(int priority)
{
    max_level = priority;
}

void log_write(int priority, const char *message_id, const char *format, ...)
{
    if (priority > max_level)
        return;
    int saved_errno = errno;
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *text = xvasprintf(format, args);
    va_end(args);
    if (!log_is_journal())
        fprintf(stderr, "%s\n", text);
    else if (message_id)
        (void)sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", priority, "SYSLOG_IDENTIFIER=dbcertd",
                              "MESSAGE_ID=%s", message_id, NULL);
    else
        (void)sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", priority, "SYSLOG_IDENTIFIER=dbcertd", NULL);
    errno = saved_errno;
}
