#include "ctl/check.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "control/check.h"
#include "ctl/client.h"

static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };
#define UNKNOWN 3

#define NOT_FOUND 404

static int fail(const char *what)
{
    printf(CHECK_PREFIX "UNKNOWN - %s\n", what);
    return UNKNOWN;
}

int check_run(const char *socket, const char *name)
{
    _cleanup_free_ char *path = name ? xasprintf("/v1/endpoints/%s/check", name) : xstrdup("/v1/check"),
                        *line = NULL;
    if (name && !text_is_name(name))
        return fail("that is no name of an endpoint");
    int status = client_ask_line(socket, path, &line);
    if (status == NOT_FOUND) {
        _cleanup_free_ char *what = xasprintf("no endpoint is named \"%s\"", name ? name : "");
        return fail(what);
    }
    if (status < 0)
        return fail("the daemon does not answer; standard error says why");
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        _cleanup_free_ char *begin = xasprintf(CHECK_PREFIX "%s - ", words[i]);
        if (strncmp(line, begin, strlen(begin)) != 0)
            continue;
        printf("%s\n", line);
        return (int)i;
    }
    return fail("the daemon does not say what is wrong");
}
