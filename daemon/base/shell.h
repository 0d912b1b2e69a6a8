#pragma once

/* Words for a POSIX shell: the one place that quotes them. */

#include <stdbool.h>

#include "base/buffer.h"

/*
 * Whether a text can be part of a command that is shown to people: nothing of it would be escaped
 * (base/escape.h). A line break would end the line that the command is on, and what a terminal cannot show
 * cannot be checked by eye.
 */
bool shell_can_quote(const char *text);

/*
 * Appends the text so that sh and bash read it back as exactly that, within one word: as it is if it consists
 * of letters that no shell treats specially, else in single quotes. The text has to pass shell_can_quote().
 */
void shell_quote(Buffer *command, const char *text);
