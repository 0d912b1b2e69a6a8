#pragma once

/*
 * One line per failure. Goes to the journal when standard error is connected to it (as under systemd), else to
 * standard error. Only main, app/, monitor/, publish/ and the sinks log above debug. Every line is escaped
 * (base/escape.h), so that it stays one line and commands no terminal.
 *
 * While the daemon runs nothing here waits: a journald that does not read, a pipe without a reader and a
 * stopped terminal leave lines in a backlog (base/backlog.h), which the event loop drains.
 */

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "base/buffer.h"
#include "base/macro.h"

#define LOG_RETRY_USEC 100000 /* how often the loop tries again while something waits */

/* True if standard error is a stream of the journal, as $JOURNAL_STREAM says. */
bool log_is_journal(void);

/* Lines of a priority above this are dropped: LOG_INFO unless set. */
void log_set_max_level(int priority);

/* message_id: 32 hex digits, or NULL. */
void log_write(int priority, const char *message_id, const char *format, ...) _printf_(3, 4);

/* Writes a line to standard error, unless that is the journal. */
void log_echo(const char *text);

/* An entry for the journal, made with journald_add(): now, behind what waits, or a negative errno. */
int log_entry_now(const Buffer *entry);

/* The same, at once or later; takes what is in the buffer. */
void log_entry(Buffer *entry);

/* From now on standard error is not waited for either; before, it is, as start-up errors have no second chance.
 */
void log_never_wait(void);

/* Whether something waits to be written; writes what goes; writes until then, and gives up. */
bool log_is_waiting(void);
void log_drain(void);
void log_flush(uint64_t usec);

#define log_debug(...)   log_write(LOG_DEBUG, NULL, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, NULL, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, __VA_ARGS__)
#define log_error(...)   log_write(LOG_ERR, NULL, __VA_ARGS__)
