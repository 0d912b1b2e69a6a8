#include "base/alloc.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void out_of_memory(void)
{
    fputs("out of memory\n", stderr);
    abort();
}

static void *or_abort(void *p)
{
    if (!p)
        out_of_memory();
    return p;
}

void *xmalloc(size_t size)
{
    return or_abort(malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
    return or_abort(calloc(n ? n : 1, size));
}

void *xgrow(void *array, size_t n, size_t size)
{
    if (n & (n - 1) || (array && n == 0))
        return array; /* not a power of two: the last growth left room */
    if (n > SIZE_MAX / 2)
        abort();
    return or_abort(reallocarray(array, n ? n * 2 : 1, size));
}

char *xstrdup(const char *text)
{
    return text ? or_abort(strdup(text)) : NULL;
}

char *xstrndup(const char *text, size_t n)
{
    size_t length = strnlen(text, n);
    char *copy = xcalloc(length + 1, 1);
    return memcpy(copy, text, length);
}

void *xmemdup(const void *data, size_t n)
{
    void *copy = xcalloc(n, 1);
    if (n > 0)
        memcpy(copy, data, n);
    return copy;
}

char *xvasprintf(const char *format, va_list args)
{
    char *text = NULL;
    return or_abort(vasprintf(&text, format, args) < 0 ? NULL : text);
}

char *xasprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    return text;
}

char *xconcat(const char *a, const char *b)
{
    size_t length = strlen(a);
    char *text = xcalloc(length + strlen(b) + 1, 1);
    memcpy(text, a, length);
    strcpy(text + length, b);
    return text;
}

void wiping_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

#define STACK_BYTES 32768 /* file_read() has half of that */

__attribute__((noinline)) void wipe_stack(void)
{
    char below[STACK_BYTES];
    explicit_bzero(below, sizeof below);
}

void *wiping_realloc(void *memory, size_t size)
{
    void *grown = xmalloc(size);
    size_t had = memory ? malloc_usable_size(memory) : 0;
    if (had > 0)
        memcpy(grown, memory, MIN(had, size));
    wiping_free(memory);
    return grown;
}

size_t strv_length(char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

bool strv_contains(char *const *list, const char *text)
{
    for (; list && *list; list++)
        if (strcmp(*list, text) == 0)
            return true;
    return false;
}

void strv_append(char ***list, char *item)
{
    size_t n = strv_length(*list);
    *list = or_abort(reallocarray(*list, n + 2, sizeof(char *)));
    (*list)[n] = item;
    (*list)[n + 1] = NULL;
}

char **strv_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
    return NULL;
}
