#include "control/origin.h"

#include <string.h>
#include <strings.h>

#include "base/macro.h"
#include "base/value.h"

#define PORT_DIGITS_MAX 5

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* RFC 9110, 5.6.2 */
#define TOKEN LETTERS_AND_DIGITS "!#$%&'*+-.^_`|~"

static const char *const own_hosts[] = { "localhost", "127.0.0.1", "::1" };

static const RefusalInfo refusals[] = {
    [REFUSAL_NONE] = { 0, NULL, NULL },
    [REFUSAL_MALFORMED] = { 400, "bad-request",
                            "the header fields are malformed, too many, or repeated; send each once" },
    [REFUSAL_TARGET] = { 400, "bad-request", "expected a path that begins with /, as in GET /v1/status" },
    [REFUSAL_CODING] = { 411, "length-required",
                         "Transfer-Encoding is not supported; send the body with Content-Length" },
    [REFUSAL_NO_HOST] = { 400, "bad-request", "the request has no Host; send one, such as Host: localhost" },
    [REFUSAL_BAD_HOST] = { 400, "bad-request",
                           "Host is not a host name with an optional port, such as localhost:8080" },
    [REFUSAL_FOREIGN_HOST] = { 421, "wrong-host",
                               "the status socket is not reached by this host name; use localhost, or list the "
                               "name under socket_hosts in dbcertd.conf and reload dbcertd" },
    [REFUSAL_FOREIGN_SITE] = { 403, "forbidden",
                               "another web site sent the browser here; type the address into the browser" },
    [REFUSAL_FOREIGN_ORIGIN] = { 403, "forbidden",
                                 "the request comes from a web page of another origin; a reverse proxy has to "
                                 "pass Host on as the browser sent it, and socket_hosts has to list it" },
};

const RefusalInfo *refusal_info(Refusal refusal)
{
    return &refusals[refusal];
}

static bool is_made_of(const char *text, size_t size, const char *characters)
{
    for (size_t i = 0; i < size; i++)
        if (!text[i] || !strchr(characters, text[i]))
            return false;
    return size > 0;
}

static bool is_text(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
            return false;
    return true;
}

void head_add(Head *head, const char *name, const char *value)
{
    const struct {
        const char *name;
        Field *field;
    } fields[] = {
        { "Host", &head->host },
        { "Origin", &head->origin },
        { "Sec-Fetch-Site", &head->site },
        { "Content-Length", &head->length },
        { "Transfer-Encoding", &head->coding },
    };
    size_t size = value ? strlen(value) : 0;
    while (size > 0 && strchr(" \t", value[size - 1]))
        size--;
    head->n++;
    head->malformed |= !is_made_of(name, strlen(name), TOKEN) || !is_text(value, size);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (strcasecmp(name, fields[i].name) == 0)
            *fields[i].field =
                (Field) { .value = value ? value : "", .size = size, .n = fields[i].field->n + 1 };
}

/* Takes "NAME", "NAME:PORT" or "[ADDRESS]:PORT" apart (RFC 3986, 3.2.2 and 3.2.3). The brackets are left out.
 */
static bool split_host(const char *text, size_t size, const char **ret_name, size_t *ret_size)
{
    bool bracket = size > 0 && text[0] == '[';
    const char *end = memchr(text, bracket ? ']' : ':', size);
    if (bracket && !end)
        return false;
    const char *name = text + bracket, *port = end ? end + bracket : text + size;
    size_t name_size = (size_t)((end ? end : text + size) - name), rest = size - (size_t)(port - text);
    if (!is_made_of(name, name_size, bracket ? "0123456789ABCDEFabcdef:." : LETTERS_AND_DIGITS "-._") ||
        (bracket && !memchr(name, ':', name_size)) || name_size > HOST_NAME_BYTES_MAX)
        return false;
    if (rest > 0 && (port[0] != ':' || rest > 1 + PORT_DIGITS_MAX ||
                     (rest > 1 && !is_made_of(port + 1, rest - 1, "0123456789"))))
        return false;
    *ret_name = name;
    *ret_size = name_size;
    return true;
}

static bool is_same(const char *a, size_t size, const char *b)
{
    return strlen(b) == size && strncasecmp(a, b, size) == 0;
}

static Refusal check_host(const char *text, size_t size, char *const *hosts)
{
    const char *name;
    size_t name_size;
    if (!split_host(text, size, &name, &name_size))
        return REFUSAL_BAD_HOST;
    for (size_t i = 0; i < ARRAY_SIZE(own_hosts); i++)
        if (is_same(name, name_size, own_hosts[i]))
            return REFUSAL_NONE;
    for (; hosts && *hosts; hosts++)
        if (is_same(name, name_size, *hosts))
            return REFUSAL_NONE;
    return REFUSAL_FOREIGN_HOST;
}

/* Behind "http://" or "https://"; NULL if the text does not begin so. */
static const char *after_scheme(const char *text)
{
    static const char *const schemes[] = { "http://", "https://" };
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
            return text + strlen(schemes[i]);
    return NULL;
}

/* The host in a target that is a URL counts as Host does (RFC 9112, 3.2.2). */
static Refusal check_target(const Head *head, char *const *hosts)
{
    const char *authority = after_scheme(head->target);
    if (authority)
        return check_host(authority, strcspn(authority, "/"), hosts);
    return head->target[0] == '/' ? REFUSAL_NONE : REFUSAL_TARGET;
}

const char *head_path(const Head *head)
{
    const char *authority = after_scheme(head->target),
               *path = authority ? strchr(authority, '/') : head->target;
    return path ? path : "/";
}

/*
 * "none" is what the user typed or took from the bookmarks. A link from another site is refused like all else:
 * what is easy to say is easy to keep. Another port of this host is "same-site", and another program.
 */
static bool is_own_site(const Field *site)
{
    return is_same(site->value, site->size, "none") || is_same(site->value, site->size, "same-origin");
}

static bool is_own_origin(const Head *head)
{
    const char *host = after_scheme(head->origin.value);
    size_t scheme = host ? (size_t)(host - head->origin.value) : 0;
    return host && head->origin.size - scheme == head->host.size &&
           strncasecmp(host, head->host.value, head->host.size) == 0;
}

Refusal head_check(const Head *head, char *const *hosts)
{
    if (head->malformed || head->n > HEAD_FIELDS_MAX || head->host.n > 1 || head->origin.n > 1 ||
        head->site.n > 1 || head->length.n > 1)
        return REFUSAL_MALFORMED;
    if (head->host.n == 0)
        return REFUSAL_NO_HOST;
    Refusal refusal = check_host(head->host.value, head->host.size, hosts);
    if (refusal == REFUSAL_NONE)
        refusal = check_target(head, hosts);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (head->site.n > 0 && !is_own_site(&head->site))
        return REFUSAL_FOREIGN_SITE;
    if (head->origin.n > 0 && !is_own_origin(head))
        return REFUSAL_FOREIGN_ORIGIN;
    return head->coding.n > 0 ? REFUSAL_CODING : REFUSAL_NONE;
}

bool head_is_of_browser(const Head *head)
{
    return head->origin.n > 0 || head->site.n > 0;
}
