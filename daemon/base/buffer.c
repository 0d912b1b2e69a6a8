#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

void buffer_deinit(Buffer *buffer)
{
    free(buffer->data);
    *buffer = (Buffer) { 0 };
}

void buffer_wipe(Buffer *buffer)
{
    wiping_free(buffer->data);
    *buffer = (Buffer) { 0 };
}

/* Room for so many bytes and a 0. */
static void make_room(Buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->size > size)
        return;
    size_t capacity = (buffer->size + size + 1) * 2;
    uint8_t *grown = xcalloc(capacity, 1);
    if (buffer->size > 0)
        memcpy(grown, buffer->data, buffer->size);
    wiping_free(buffer->data); /* buffer_wipe() does not see it any more */
    buffer->data = grown;
    buffer->capacity = capacity;
}

uint8_t *buffer_extend(Buffer *buffer, size_t size)
{
    make_room(buffer, size);
    uint8_t *begin = buffer->data + buffer->size;
    buffer->size += size;
    buffer->data[buffer->size] = 0;
    return begin;
}

void buffer_append(Buffer *buffer, const void *data, size_t size)
{
    uint8_t *to = buffer_extend(buffer, size);
    if (size > 0)
        memcpy(to, data, size);
}

void buffer_printf(Buffer *buffer, const char *format, ...)
{
    for (bool fits = false; !fits;) {
        va_list args;
        size_t room = buffer->capacity - buffer->size;
        va_start(args, format);
        int n = vsnprintf(buffer->data ? (char *)buffer->data + buffer->size : NULL, room, format, args);
        va_end(args);
        assert(n >= 0); /* fails for a wrong format only */
        fits = (size_t)n < room;
        if (fits)
            buffer->size += (size_t)n;
        else
            make_room(buffer, (size_t)n);
    }
}

void buffer_cut(Buffer *buffer, size_t size)
{
    assert(size <= buffer->size);
    buffer->size = size;
    if (buffer->data)
        buffer->data[size] = 0;
}

void buffer_consume(Buffer *buffer, size_t size)
{
    assert(size <= buffer->size);
    if (size == 0)
        return;
    buffer->size -= size;
    memmove(buffer->data, buffer->data + size, buffer->size + 1);
}

char *buffer_take_text(Buffer *buffer)
{
    char *text = buffer->data ? (char *)TAKE(buffer->data) : xstrdup("");
    *buffer = (Buffer) { 0 };
    return text;
}
