#pragma once

/* Bytes that grow up to a limit: what was read from a peer, and text that is being put together. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

typedef struct Buffer {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated; data[size] is always 0 once anything was appended */
} Buffer;

void buffer_deinit(Buffer *buffer);
void buffer_wipe(Buffer *buffer); /* the same, of what may have held a secret */
void buffer_append(Buffer *buffer, const void *data, size_t size);

/* So many bytes more, which the caller writes next: where they begin. */
uint8_t *buffer_extend(Buffer *buffer, size_t size);

void buffer_printf(Buffer *buffer, const char *format, ...) _printf_(2, 3);

/* Drops all behind the first `size` bytes, and the first bytes. */
void buffer_cut(Buffer *buffer, size_t size);
void buffer_consume(Buffer *buffer, size_t size);

/* The text so far, as a string of its own ("" if empty); the buffer is empty afterwards. */
char *buffer_take_text(Buffer *buffer);
