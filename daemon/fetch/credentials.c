#include "fetch/credentials.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/api.h"

#define IMDS_URL          "http://169.254.169.254"
#define CONTAINER_URL     "http://169.254.170.2"
#define METADATA_SECONDS  5 /* both are on this very host */
#define METADATA_BYTES    16384
#define FILE_BYTES        16384
#define TOKEN_TTL_SECONDS "300" /* three questions, one after the other */
#define LEAST_LEFT        (5 * MINUTE)

/* A session of 15 minutes, the shortest, is renewed before it ends. */
#define ROLE_ARGUMENTS "RoleSessionName=dbcertd&DurationSeconds=900"

struct CredentialsQuestion {
    sd_event *event;
    Http *http;
    const RdsSource *source;
    Credentials *credentials;
    HttpExchange *exchange;
    ApiCall *call;
    sd_event_source *soon;
    char *token_header; /* of IMDSv2, once it has given one */
    char *role_name;    /* the instance's */
    char *sts_url, *arguments;
    ApiRecords records;
    void (*answered)(const char *error, void *userdata);
    void *userdata;
};

void credentials_cancel(CredentialsQuestion *q)
{
    if (!q)
        return;
    http_cancel(q->exchange);
    api_cancel(q->call);
    sd_event_source_disable_unref(q->soon);
    sd_event_unref(q->event);
    api_records_deinit(&q->records);
    wiping_free(q->token_header);
    free(q->role_name);
    free(q->sts_url);
    free(q->arguments);
    free(q);
}

static void finish(CredentialsQuestion *q, const char *error)
{
    void (*answered)(const char *, void *) = q->answered;
    void *userdata = q->userdata;
    if (error)
        credentials_wipe(q->credentials);
    credentials_cancel(q);
    answered(error, userdata);
}

_printf_(2, 3) static void fail(CredentialsQuestion *q, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *why = xvasprintf(format, args);
    va_end(args);
    _cleanup_free_ char *error =
        text_escape_take(xasprintf("credentials \"%s\": %s", q->source->credentials, why));
    finish(q, error);
}

char *aws_endpoint_url(const char *service, const char *region)
{
    return xasprintf("https://%s.%s.amazonaws.com%s/", service, region,
                     strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

/* What goes into a header must not end it. */
static bool is_usable(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c <= ' ' || *c >= 0x7f)
            return false;
    return *text;
}

static int64_t expiry_of(const char *text)
{
    int64_t instant;
    if (!text)
        return INSTANT_NEVER;
    return instant_parse(text, &instant) == 0 ? instant : clock_now() + LEAST_LEFT * 2; /* a form of its own */
}

/* Copies; false if they are none. */
static bool take(Credentials *credentials, const char *id, const char *secret, const char *token,
                 const char *expiration)
{
    if (!id || !secret || !is_usable(id) || !is_usable(secret) || (token && *token && !is_usable(token)))
        return false;
    credentials_wipe(credentials);
    *credentials = (Credentials) {
        .access_key_id = xstrdup(id),
        .secret_access_key = xstrdup(secret),
        .session_token = token && *token ? xstrdup(token) : NULL,
        .expires_at = expiry_of(expiration),
    };
    return true;
}

static void on_role(ApiResult result, const char *error, void *userdata)
{
    CredentialsQuestion *q = userdata;
    const ApiRecord *r = q->records.n > 0 ? &q->records.items[0] : NULL;
    q->call = NULL;
    if (result != API_ANSWERED)
        fail(q, "%s", error);
    else if (!r || !take(q->credentials, api_text(r, CREDENTIALS_ACCESS_KEY_ID),
                         api_text(r, CREDENTIALS_SECRET_ACCESS_KEY), api_text(r, CREDENTIALS_SESSION_TOKEN),
                         api_text(r, CREDENTIALS_EXPIRATION)))
        fail(q, "AssumeRole: the answer has no credentials");
    else
        finish(q, NULL);
}

static char *role_arguments(const RdsSource *source)
{
    _cleanup_free_ char *role = http_escape(source->role);
    _cleanup_free_ char *id = source->external_id ? http_escape(source->external_id) : NULL;
    return xasprintf(ROLE_ARGUMENTS "&RoleArn=%s%s%s", role, id ? "&ExternalId=" : "", id ? id : "");
}

/* The first ones are there: they are what was wanted, or open the door to those of a role. */
static void go_on(CredentialsQuestion *q)
{
    const RdsSource *source = q->source;
    if (!source->role) {
        finish(q, NULL);
        return;
    }
    q->sts_url =
        source->sts_endpoint_url ? xstrdup(source->sts_endpoint_url) : aws_endpoint_url("sts", source->region);
    q->arguments = role_arguments(source);
    const ApiQuestion question = {
        .action = API_ASSUME_ROLE,
        .url = q->sts_url,
        .region = source->region,
        .arguments = q->arguments,
        .credentials = q->credentials,
        .until_usec = UINT64_MAX, /* it is one page */
    };
    int r = api_ask(&q->call, q->event, q->http, &question, &q->records, on_role, q);
    if (r < 0)
        fail(q, "cannot ask: %s", strerror(-r));
}

static const char *string_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* IMDS and containers answer in the same form; an answer with status 200 may still be an error. */
static void take_json(CredentialsQuestion *q, const HttpAnswer *answer)
{
    json_error_t ignored;
    json_set_alloc_funcs(xmalloc, wiping_free);
    json_t *object = json_loadb((const char *)answer->body, answer->size, 0, &ignored);
    const char *code = string_of(object, "Code"), *message = string_of(object, "Message");
    bool error = code && strcmp(code, "Success") != 0;
    bool ok =
        !error && take(q->credentials, string_of(object, "AccessKeyId"), string_of(object, "SecretAccessKey"),
                       string_of(object, "Token"), string_of(object, "Expiration"));
    _cleanup_free_ char *why = error ? xasprintf("%s%s%s", code, message ? ": " : "", message ? message : "")
                                     : xstrdup("the answer has no credentials");
    json_decref(object);
    json_set_alloc_funcs(xmalloc, free);
    if (ok)
        go_on(q);
    else
        fail(q, "%s", why);
}

typedef void (*OnAnswer)(const HttpAnswer *answer, void *userdata);

static void ask(CredentialsQuestion *q, const char *url, const char *method, char *const *headers,
                OnAnswer answered)
{
    const HttpRequest request = {
        .url = url,
        .method = method,
        .plain_allowed = true,
        .direct = true,
        .headers = headers,
        .bytes_max = METADATA_BYTES,
        .seconds_max = METADATA_SECONDS,
    };
    int r = http_ask(&q->exchange, q->http, &request, answered, q);
    if (r < 0)
        fail(q, "cannot ask: %s", strerror(-r));
}

/* Whether it came with status 200; else the question is over. */
static bool is_fine(CredentialsQuestion *q, const HttpAnswer *answer, const char *who)
{
    q->exchange = NULL;
    if (answer->error)
        fail(q, "%s does not answer: %s", who, answer->error);
    else if (answer->status != 200)
        fail(q, "%s answers with HTTP status %u", who, answer->status);
    return !answer->error && answer->status == 200;
}

/* Another endpoint is for tests and for metadata services of one's own, as in Amazon's SDKs. */
static char *imds_url(const char *path)
{
    const char *base = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    size_t length = base ? strlen(base) : 0;
    while (length > 0 && base[length - 1] == '/')
        length--;
    return length > 0 ? xasprintf("%.*s%s", (int)length, base, path) : xasprintf(IMDS_URL "%s", path);
}

static void on_instance_credentials(const HttpAnswer *answer, void *userdata)
{
    CredentialsQuestion *q = userdata;
    if (is_fine(q, answer, "the instance's metadata service"))
        take_json(q, answer);
}

static void on_role_name(const HttpAnswer *answer, void *userdata)
{
    CredentialsQuestion *q = userdata;
    if (!answer->error && answer->status == 404) {
        q->exchange = NULL;
        fail(q, "the instance has no role; aws ec2 associate-iam-instance-profile gives it one");
        return;
    }
    if (!is_fine(q, answer, "the instance's metadata service"))
        return;
    q->role_name = xstrndup((const char *)answer->body, strcspn((const char *)answer->body, "\r\n"));
    if (!is_usable(q->role_name) || strpbrk(q->role_name, "?#/")) {
        fail(q, "the metadata service names no role");
        return;
    }
    _cleanup_free_ char *path = xasprintf("/latest/meta-data/iam/security-credentials/%s", q->role_name);
    _cleanup_free_ char *url = imds_url(path);
    ask(q, url, NULL, (char *[]) { q->token_header, NULL }, on_instance_credentials);
}

/* "the PUT response hop limit": in a container it has to be 2, else the token's answer never arrives. */
static void on_token(const HttpAnswer *answer, void *userdata)
{
    CredentialsQuestion *q = userdata;
    if (answer->error) {
        q->exchange = NULL;
        fail(
            q,
            "the instance's metadata service does not answer: %s; is this an EC2 instance, with a hop limit of "
            "2 if dbcertd runs in a container?",
            answer->error);
        return;
    }
    if (answer->status == 403) {
        q->exchange = NULL;
        fail(q, "the instance's metadata service is turned off");
        return;
    }
    if (!is_fine(q, answer, "the instance's metadata service"))
        return;
    if (!is_usable((const char *)answer->body)) {
        fail(q, "the metadata service gives no token");
        return;
    }
    _cleanup_free_ char *url = imds_url("/latest/meta-data/iam/security-credentials/");
    q->token_header = xconcat("X-aws-ec2-metadata-token: ", (const char *)answer->body);
    ask(q, url, NULL, (char *[]) { q->token_header, NULL }, on_role_name);
}

/* IMDSv2 alone: version 1 answers whoever makes a server on this host fetch a URL. */
static void ask_instance(CredentialsQuestion *q)
{
    static char ttl[] = "X-aws-ec2-metadata-token-ttl-seconds: " TOKEN_TTL_SECONDS;
    _cleanup_free_ char *url = imds_url("/latest/api/token");
    ask(q, url, "PUT", (char *[]) { ttl, NULL }, on_token);
}

static void on_container_credentials(const HttpAnswer *answer, void *userdata)
{
    CredentialsQuestion *q = userdata;
    if (is_fine(q, answer, "the container's credentials endpoint"))
        take_json(q, answer);
}

/* As Amazon's SDKs allow: in clear only to this host, and to the endpoints of ECS and EKS. */
static bool may_ask(const char *url)
{
    if (strchr(url, '@'))
        return false; /* "http://127.0.0.1:80@elsewhere/" */
    static const char *const plain[] = { CONTAINER_URL, "http://169.254.170.23", "http://[fd00:ec2::23]" };
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        size_t length = strlen(plain[i]);
        if (strncmp(url, plain[i], length) == 0 && strchr(":/", url[length]))
            return true;
    }
    return strncmp(url, "https://", 8) == 0 || text_is_local_url(url);
}

/* "Authorization: ...", from the environment or a file that is renewed; "" if there is none. NULL: cannot read
 * it. The caller's. */
static char *authorization(void)
{
    const char *path = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
               *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    _cleanup_(buffer_wipe) Buffer text = { 0 };
    if (path && file_read(path, FILE_BYTES, &text) < 0)
        return NULL;
    if (path) {
        text.data[strcspn((char *)text.data, "\r\n")] = 0;
        token = (char *)text.data;
    }
    return token && *token ? xconcat("Authorization: ", token) : xstrdup("");
}

static void ask_container(CredentialsQuestion *q)
{
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
               *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    _cleanup_free_ char *url = relative ? xasprintf(CONTAINER_URL "%s", relative) : xstrdup(full);
    char *header = authorization();
    if (!url)
        fail(q, "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor ..._FULL_URI is set");
    else if (relative && *relative != '/')
        fail(q, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /");
    else if (!may_ask(url))
        fail(q, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https:// nor of this host, ECS or EKS");
    else if (!header)
        fail(q, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read");
    else
        ask(q, url, NULL, (char *[]) { *header ? header : NULL, NULL }, on_container_credentials);
    wiping_free(header);
}

static void take_environment(CredentialsQuestion *q)
{
    if (take(q->credentials, getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"),
             getenv("AWS_SESSION_TOKEN"), NULL))
        go_on(q);
    else
        fail(q, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
}

/* The value of a line "key = value", the first one; cut out of the text. NULL if there is none. */
static char *value_of(char *text, const char *key)
{
    size_t length = strlen(key);
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n'), *at = line + strspn(line, " \t");
        if (strncmp(at, key, length) == 0) {
            at += length + strspn(at + length, " \t");
            if (*at == '=') {
                at += 1 + strspn(at + 1, " \t");
                return xstrndup(at, strcspn(at, " \t\r\n"));
            }
        }
        line = end ? end + 1 : NULL;
    }
    return NULL;
}

/* As ~/.aws/credentials is written, or as the environment; read each time, since it may be renewed. */
static void take_file(CredentialsQuestion *q)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY"),
               *name = credential_source_file(q->source->credentials);
    _cleanup_free_ char *path = xasprintf("%s/%s", directory ? directory : "", name);
    _cleanup_(buffer_wipe) Buffer text = { 0 };
    int r = directory ? file_read(path, FILE_BYTES, &text) : -ENOENT;
    wipe_stack();
    if (r < 0) {
        fail(q, "%s: %s; expected LoadCredential=%s:/path/to/file in dbcertd.service",
             directory ? path : "$CREDENTIALS_DIRECTORY", file_error(r), name);
        return;
    }
    static const char *const keys[][2] = { { "aws_access_key_id", "AWS_ACCESS_KEY_ID" },
                                           { "aws_secret_access_key", "AWS_SECRET_ACCESS_KEY" },
                                           { "aws_session_token", "AWS_SESSION_TOKEN" } };
    char *values[ARRAY_SIZE(keys)];
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (!(values[i] = value_of((char *)text.data, keys[i][0])))
            values[i] = value_of((char *)text.data, keys[i][1]);
    bool ok = take(q->credentials, values[0], values[1], values[2], NULL);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        wiping_free(values[i]);
    if (ok)
        go_on(q);
    else
        fail(q, "%s: expected lines aws_access_key_id = ... and aws_secret_access_key = ...", path);
}

static int on_soon(sd_event_source *source _unused_, void *userdata)
{
    static void (*const ways[])(CredentialsQuestion *) = {
        [CREDENTIALS_INSTANCE] = ask_instance,
        [CREDENTIALS_ENVIRONMENT] = take_environment,
        [CREDENTIALS_CONTAINER] = ask_container,
        [CREDENTIALS_FILE] = take_file,
    };
    CredentialsQuestion *q = userdata;
    q->soon = sd_event_source_disable_unref(q->soon);
    ways[credential_source_parse(q->source->credentials)](q); /* the configuration was checked */
    return 0;
}

int credentials_ask(CredentialsQuestion **ret, sd_event *event, Http *http, const RdsSource *source,
                    Credentials *credentials, void (*answered)(const char *error, void *userdata),
                    void *userdata)
{
    CredentialsQuestion *q = xcalloc(1, sizeof *q);
    *q = (CredentialsQuestion) {
        .event = sd_event_ref(event),
        .http = http,
        .source = source,
        .credentials = credentials,
        .answered = answered,
        .userdata = userdata,
    };
    int r = sd_event_add_defer(event, &q->soon, on_soon, q);
    if (r < 0) {
        credentials_cancel(q);
        return r;
    }
    *ret = q;
    return 0;
}
