#pragma once

/* cmocka, and what the unit tests share. A test is named by the sentence that it proves. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/instant.h"

/* Both bounds are in it. cmocka 2 deprecates assert_in_range(), and cmocka 1 has no other. */
#define assert_between(value, minimum, maximum) assert_true((value) >= (minimum) && (value) <= (maximum))

#define TEST(name) static void name(void **cmocka_state _unused_)

/* scarce.c's, where it is preloaded: it looks on from the beginning of a test to its end. */
int scarce_setup(void **state) __attribute__((weak));
int scarce_teardown(void **state) __attribute__((weak));

#define RUN_TESTS(...)                                                \
    int main(void)                                                    \
    {                                                                 \
        struct CMUnitTest tests[] = { __VA_ARGS__ };                  \
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) { \
            tests[i].setup_func = scarce_setup;                       \
            tests[i].teardown_func = scarce_teardown;                 \
        }                                                             \
        return cmocka_run_group_tests(tests, NULL, NULL);             \
    }                                                                 \
    struct run_tests_wants_a_semicolon

/* "2026-11-20T21:59:00Z" to an instant. */
int64_t at(const char *text);

/*
 * The folder of real certificates; skips the test where there is none. Comes first in a test: to skip is a jump
 * past every cleanup.
 */
const char *shared_data(void);

/* A file of tests/data; the caller's. */
char *data_path(const char *name);
