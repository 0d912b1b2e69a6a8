#pragma once

/* Cleanup attributes and the few macros that everything uses. */

#include <stddef.h>
#include <stdlib.h>

#define _cleanup_(f)   __attribute__((__cleanup__(f)))
#define _printf_(a, b) __attribute__((__format__(printf, a, b)))
#define _unused_       __attribute__((__unused__))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

/* Of two values of one type, each looked at once. */
#define MIN(a, b)                \
    ({                           \
        __auto_type _a = (a);    \
        __typeof__(_a) _b = (b); \
        _a < _b ? _a : _b;       \
    })
#define MAX(a, b)                \
    ({                           \
        __auto_type _a = (a);    \
        __typeof__(_a) _b = (b); \
        _a > _b ? _a : _b;       \
    })

/* What a member is of. */
#define CONTAINER_OF(p, type, member)                       \
    ({                                                      \
        __typeof__(((type *)0)->member) *_member = (p);     \
        (type *)((char *)_member - offsetof(type, member)); \
    })

/* Hands the pointer over and leaves NULL behind, so that a cleanup attribute has nothing left to free. */
#define TAKE(p)                        \
    ({                                 \
        __typeof__(p) *_from = &(p);   \
        __typeof__(p) _taken = *_from; \
        *_from = NULL;                 \
        _taken;                        \
    })

/* Defines NAMEp(), for _cleanup_(), of a function that frees a pointer and accepts NULL. */
#define CLEANUP_OF(type, name)           \
    static inline void name##p(type **p) \
    {                                    \
        if (*p)                          \
            name(*p);                    \
    }                                    \
    struct cleanup_of_##name##_wants_a_semicolon

static inline void freep(void *p)
{
    free(*(void **)p);
}

#define _cleanup_free_ _cleanup_(freep)
