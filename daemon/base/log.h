#pragma once

/*
 * One line per failure. Goes to the journal when standard error is connected to it (as under systemd), else to
 * standard error. Only main, the manager and the sinks log above debug.
 */

#include <stdbool.h>
#include <syslog.h>

#include "base/macro.h"

/* True if standard error is a stream of the journal, as $JOURNAL_STREAM says. */
bool log_is_journal(void);

/* Lines of a priority above this are dropped: LOG_INFO unless set. */
void log_set_max_level(int priority);

/* message_id: 32 hex digits, or NULL. */
void log_write(int priority, const char *message_id, const char *format, ...) _printf_(3, 4);

#define log_debug(...)   log_write(LOG_DEBUG, NULL, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, NULL, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, __VA_ARGS__)
#define log_error(...)   log_write(LOG_ERR, NULL, __VA_ARGS__)
