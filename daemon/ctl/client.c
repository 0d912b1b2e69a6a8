#include "ctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/escape.h"
#include "base/file.h"
#include "control/json.h"

#define ANSWER_BYTES_MAX (512 * 1024 * 1024) /* 10,000 endpoints with their chains are some 60 MB */
#define ANSWER_SECONDS   120L /* a probe may take its whole timeout, after another one has ended */

CLEANUP_OF(CURL, curl_easy_cleanup);

static size_t on_data(char *data, size_t size, size_t n, void *userdata)
{
    Buffer *body = userdata;
    if (n > (ANSWER_BYTES_MAX - body->size) / size)
        return 0;
    buffer_append(body, data, size * n);
    return size * n;
}

/* curl only says that it could not connect; an operator needs to know why. */
static const char *reason(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return "the path is too long for a socket";
    strcpy(address.sun_path, path);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return NULL;
    switch (errno) {
    case EACCES:
        return "permission denied; join the group dbcertd, or use sudo";
    case ENOENT:
        return "there is no such socket; is dbcertd running? (systemctl status dbcertd.socket)";
    case ECONNREFUSED:
        return "nobody listens there; is dbcertd running? (systemctl status dbcertd)";
    default:
        return strerror(errno);
    }
}

/* Texts of several lines; a newline anywhere else would forge a line. */
static bool has_lines(const char *key)
{
    return strcmp(key, "reload_error") == 0 || strcmp(key, "remedy") == 0;
}

/* An older dbcertd, or whoever else listens there, may send what commands a terminal. The caller's. */
static json_t *escaped(const json_t *value, const char *key)
{
    const char *name, *text = json_string_value(value);
    json_t *item, *copy;
    size_t i;
    if (text) {
        _cleanup_free_ char *shown = key && has_lines(key) ? text_escape_lines(text) : text_escape(text);
        return json_string(shown);
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, item) json_array_append_new(copy, escaped(item, key));
        return copy;
    }
    if (!json_is_object(value))
        return json_copy((json_t *)(uintptr_t)value);
    copy = json_object();
    json_object_foreach((json_t *)(uintptr_t)value, name, item)
    {
        _cleanup_free_ char *shown = text_escape(name);
        json_object_set_new(copy, shown, escaped(item, name));
    }
    return copy;
}

static int fail(const char *socket, const char *what)
{
    fprintf(stderr, "dbcertctl: %s: %s\n", socket, what);
    return -EIO;
}

static int perform(const char *socket, const char *method, const char *path, const json_t *sent, Buffer *ret)
{
    _cleanup_free_ char *text = sent ? json_dumps(sent, JSON_COMPACT) : NULL;
    _cleanup_(curl_easy_cleanupp) CURL *curl = curl_easy_init();
    _cleanup_free_ char *url = xasprintf("http://localhost%s", path);
    if (!curl || curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK || /* $http_proxy knows nothing of this socket */
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_SECONDS) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret) != CURLE_OK ||
        (text && curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text) != CURLE_OK))
        return fail(socket, "cannot prepare the request");

    CURLcode r = curl_easy_perform(curl);
    if (r != CURLE_OK) {
        /* A path that is too long is a host to curl. */
        bool unreached = r == CURLE_COULDNT_CONNECT || r == CURLE_COULDNT_RESOLVE_HOST;
        const char *why = unreached ? reason(socket) : NULL;
        return fail(socket, why ? why : curl_easy_strerror(r));
    }
    long status = 0;
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return fail(socket, "no HTTP status in the answer");
    return (int)status;
}

int client_ask(const char *socket, const char *method, const char *path, json_t **ret)
{
    return client_send(socket, method, path, NULL, ret);
}

int client_send(const char *socket, const char *method, const char *path, const json_t *sent, json_t **ret)
{
    _cleanup_(buffer_deinit) Buffer body = { 0 };
    int status = perform(socket, method, path, sent, &body);
    if (status < 0)
        return status;
    json_t *answer = json_loadb((const char *)body.data, body.size, 0, NULL);
    if (!answer)
        return fail(socket, "the answer is not JSON; is that dbcertd's socket?");
    *ret = escaped(answer, NULL);
    json_decref(answer);
    return status;
}

int client_ask_line(const char *socket, const char *path, char **ret)
{
    _cleanup_(buffer_deinit) Buffer body = { 0 };
    int status = perform(socket, "GET", path, NULL, &body);
    const char *end = body.size > 0 ? memchr(body.data, '\n', body.size) : NULL;
    if (status >= 0)
        *ret = text_escape_bytes(body.data, end ? (size_t)(end - (const char *)body.data) : body.size);
    return status;
}

int client_show_error(const json_t *body)
{
    const char *message = json_text_of(json_object_get(body, "error"), "message");
    fprintf(stderr, "dbcertctl: %s\n",
            *message ? message : "the daemon answered with an error that has no message");
    return EXIT_FAILURE;
}

void client_print_json(const json_t *body)
{
    (void)json_dumpf(body, stdout, JSON_INDENT(2)); /* main looks at stdout's error flag */
    puts("");
}
