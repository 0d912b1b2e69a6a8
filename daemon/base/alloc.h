#pragma once

/*
 * Memory that is there, or the process ends. On Linux a small malloc() fails only when nothing else would work
 * either; systemd then starts the daemon anew. What a peer or a file can make large is bounded by a named limit
 * before it gets here.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

/* How the process ends then; also where a library says that it lacks memory, since what it says else is no
 * fact. */
void out_of_memory(void) __attribute__((noreturn));

/* As malloc(), for libraries that let theirs be replaced. */
void *xmalloc(size_t size) __attribute__((returns_nonnull));

/* Zeroed memory for n elements of the given size. */
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull));

/* Room for element n of an array that holds n: grows in powers of two, so the array needs no capacity of its
 * own. */
void *xgrow(void *array, size_t n, size_t size) __attribute__((returns_nonnull));

/* A copy, or NULL for NULL. */
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t n) __attribute__((returns_nonnull));
void *xmemdup(const void *data, size_t n) __attribute__((returns_nonnull));
char *xasprintf(const char *format, ...) _printf_(1, 2) __attribute__((returns_nonnull));
char *xvasprintf(const char *format, va_list args) _printf_(1, 0) __attribute__((returns_nonnull));

/* One after the other, made at once: what xasprintf() grows leaves pieces behind, and there may be a secret in
 * it. */
char *xconcat(const char *a, const char *b) __attribute__((returns_nonnull));

/* As free() and realloc(), for what has held a secret: what is given back is wiped. Also for libraries. */
void wiping_free(void *memory);
CLEANUP_OF(char, wiping_free);
void *wiping_realloc(void *memory, size_t size) __attribute__((returns_nonnull));

/* Wipes the stack below the caller, where functions that have returned may have left what a secret was read
 * into or hashed with. */
void wipe_stack(void);

/* NULL-terminated lists of strings: strv_append() takes item. */
size_t strv_length(char *const *list);
void strv_append(char ***list, char *item);
bool strv_contains(char *const *list, const char *text);
char **strv_free(char **list);
CLEANUP_OF(char *, strv_free);
