#include "base/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/value.h"

#define HIDDEN   "***"
#define PORT_MAX 65535

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* RFC 3986, 2.2 and 2.3, apart from what has its own place in a URL (/ ? # [ ] @) and from the quote that would
 * end a word of a remedy. */
#define PLAIN LETTERS DIGITS "-._~%!$&()*+,;=:"

static const char *after_scheme(const char *text)
{
    size_t scheme = strspn(text, LETTERS DIGITS "+-.");
    return strncmp(text + scheme, "://", 3) == 0 ? text + scheme + 3 : text;
}

/* "?a=***&***": the names stay, so that it can be told which URL it is. */
static void hide_values(Buffer *text, const char *query)
{
    for (const char *before = "?", *pair = query; pair; before = "&") {
        size_t length = strcspn(pair, "&"), name = strcspn(pair, "&=");
        buffer_printf(text, "%s%.*s" HIDDEN, before, name < length ? (int)name + 1 : 0, pair);
        pair = pair[length] ? pair + length + 1 : NULL;
    }
}

char *url_redact(const char *text)
{
    Buffer shown = { 0 };
    const char *rest = after_scheme(text), *at = strrchr(rest, '@'), *host = at ? at + 1 : rest;
    size_t length = strcspn(host, "?#");
    buffer_printf(&shown, "%.*s%.*s", (int)(rest - text), text, (int)length, host);
    if (host[length] == '?')
        hide_values(&shown, host + length + 1);
    else if (host[length] == '#')
        buffer_printf(&shown, "#" HIDDEN);
    return buffer_take_text(&shown);
}

/* What ends a URL in a text: the quote that it began with, or else a space or any quote. */
static size_t length_within(const char *text, const char *url)
{
    const char *begin = url - strlen("://");
    while (begin > text && strchr(LETTERS DIGITS "+-.", begin[-1]))
        begin--;
    if (begin > text && strchr("\"'", begin[-1]))
        return strcspn(url, (char[]) { begin[-1], 0 });
    return strcspn(url, " \t\r\n\"'");
}

void url_redact_within(char *text)
{
    for (char *url = strstr(text, "://"); url; url = strstr(url, "://")) {
        url += strlen("://");
        char *at = memrchr(url, '@', length_within(text, url));
        if (at)
            memmove(url, at + 1, strlen(at));
    }
}

static const char *check_port(const char *port, size_t length)
{
    char *end;
    long value = length > 0 ? strtol(port, &end, 10) : 0;
    bool is_number = length > 0 && length <= 5 && strspn(port, DIGITS) >= length;
    return is_number && value >= 1 && value <= PORT_MAX ? NULL : "the port is no number from 1 to 65535";
}

/* "127.1", "2130706433" and "0x7f000001" are 127.0.0.1 to some (inet_aton(3)), and names to others. */
static bool is_odd_number(const char *name)
{
    struct in_addr ignored;
    const char *end = name + strlen(name), *dot = end;
    bool rooted = end > name && end[-1] == '.';
    for (dot = end - rooted; dot > name && dot[-1] != '.';)
        dot--;
    bool is_number = strncasecmp(dot, "0x", 2) == 0 || strspn(dot, DIGITS) == (size_t)(end - rooted - dot);
    return is_number && (rooted || inet_pton(AF_INET, name, &ignored) != 1);
}

static bool is_literal(char *name)
{
    struct in6_addr ignored;
    size_t length = strlen(name);
    if (length < 2 || name[length - 1] != ']')
        return false;
    name[length - 1] = 0;
    return inet_pton(AF_INET6, name + 1, &ignored) == 1;
}

/* "host", "host:port", "[::1]:port" */
static const char *check_host(const char *host, size_t length)
{
    size_t n = *host == '[' ? strcspn(host, "]") + 1 : strspn(host, LETTERS DIGITS "-._");
    char name[HOST_NAME_BYTES_MAX + 1] = { 0 };
    if (n == 0 || n > length || n > HOST_NAME_BYTES_MAX || (n < length && host[n] != ':'))
        return "it has no host name or address where one is expected";
    memcpy(name, host, n);
    if (*name == '[' ? !is_literal(name) : is_odd_number(name))
        return "its host is neither a name nor an address as it is usually written";
    return n < length ? check_port(host + n + 1, length - n - 1) : NULL;
}

static const char *check(const char *text)
{
    const char *rest = after_scheme(text);
    size_t scheme = (size_t)(rest - text);
    if ((scheme != 7 || strncmp(text, "http://", 7) != 0) && (scheme != 8 || strncmp(text, "https://", 8) != 0))
        return "it does not begin with https:// or http://";
    size_t authority = strcspn(rest, "/?#");
    const char *at = memchr(rest, '@', authority), *host = at ? at + 1 : rest;
    size_t length = authority - (size_t)(host - rest);
    if (strchr(rest, '#'))
        return "it has a #; write %23 if that is part of a password, and leave a fragment out";
    if (strchr(host, '@'))
        return "it has an @ after the host; write %40 if that is part of a password or a path";
    if (at && strspn(rest, PLAIN) < (size_t)(at - rest))
        return "user and password have a character that has to be percent-encoded";
    if (strspn(rest + authority, PLAIN "/?[]") < strlen(rest + authority))
        return "it has a character that has to be percent-encoded";
    return check_host(host, length);
}

int url_parse(const char *text, Url **ret, const char **ret_why)
{
    *ret_why = check(text);
    if (*ret_why)
        return -EINVAL;
    Url *url = xcalloc(1, sizeof *url);
    *url = (Url) { .whole = xstrdup(text), .shown = url_redact(text) };
    *ret = url;
    return 0;
}

void url_free(Url *url)
{
    if (!url)
        return;
    wiping_free(url->whole);
    free(url->shown);
    free(url);
}

bool url_has_user(const Url *url)
{
    return strchr(url->whole, '@') != NULL;
}

char *url_host(const Url *url)
{
    const char *host = after_scheme(url->shown);
    return *host == '[' ? xstrndup(host + 1, strcspn(host + 1, "]")) : xstrndup(host, strcspn(host, ":/?"));
}
