#include "ctl/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "control/check.h"
#include "control/json.h"
#include "ctl/client.h"

#define OK_STATUS 200

static int say(char *line, int status)
{
    fputs(line, stdout);
    free(line);
    return status;
}

static int fail(const char *what)
{
    printf("DBCERTD UNKNOWN - %s\n", what);
    return PLUGIN_UNKNOWN;
}

int check_run(const char *socket, const char *name)
{
    _cleanup_(json_decrefp) json_t *body = NULL, *findings = NULL;
    _cleanup_free_ char *path = name ? xasprintf("/v1/endpoints/%s", name) : xstrdup("/v1/endpoints");
    if (name && !text_is_name(name))
        return fail("that is no name of an endpoint");
    char *line;
    int status, r = client_ask(socket, "GET", path, &body);
    if (r < 0)
        return fail("the daemon does not answer; standard error says why");
    if (r != OK_STATUS)
        return fail(json_text_of(json_object_get(body, "error"), "message"));
    if (name)
        line = check_one(body, clock_now(), &status);
    else if (client_ask(socket, "GET", "/v1/findings", &findings) == OK_STATUS)
        line = check_all(json_object_get(body, "endpoints"), json_object_get(findings, "findings"), clock_now(),
                         &status);
    else
        return fail("the daemon does not say what is wrong");
    return say(line, status);
}
