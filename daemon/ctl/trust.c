#include "ctl/trust.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "ctl/client.h"
#include "ctl/help.h"
#include "ctl/render.h"
#include "pki/facts.h"
#include "pki/verify.h"

#define PASSWORD_BYTES_MAX 4096

/* What keytool's documentation and the guides' script use; a store with public certificates keeps no secret. */
#define JAVA_PASSWORD "changeit"

enum {
    EXIT_SOME_REFUSED = 1,
};

static int read_password(const char *path, char **ret)
{
    _cleanup_(buffer_wipe) Buffer text = { 0 };
    int r = file_read_stream(path, PASSWORD_BYTES_MAX, &text);
    wipe_stack();
    if (r < 0) {
        fprintf(stderr, "dbcertctl: %s: %s\n", path, strerror(-r));
        return r;
    }
    *ret = buffer_take_text(&text);
    (*ret)[strcspn(*ret, "\r\n")] = 0;
    return 0;
}

/* The password that is given; else none, and then Java's. */
static int add_file(Bundle *bundle, const TrustOptions *options, const Buffer *data, char ***errors)
{
    char *password = NULL;
    if (options->password_file && read_password(options->password_file, &password) < 0)
        return -EINVAL;
    int r = bundle_add(bundle, options->file, data->data, data->size, password, errors);
    wiping_free(password);
    if (r != -EACCES || options->password_file)
        return r;
    *errors = strv_free(*errors);
    r = bundle_add(bundle, options->file, data->data, data->size, JAVA_PASSWORD, errors);
    if (r == -EACCES) {
        *errors = strv_free(*errors);
        strv_append(errors, xasprintf("%s: needs its password; expected --password-file FILE", options->file));
    }
    return r;
}

static Bundle *read_bundle(const TrustOptions *options)
{
    _cleanup_(buffer_deinit) Buffer data = { 0 };
    _cleanup_(strv_freep) char **errors = NULL;
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new();
    int r = file_read_stream(options->file, BUNDLE_BYTES_MAX, &data);
    if (r < 0)
        fprintf(stderr, "dbcertctl: %s: %s\n", options->file, strerror(-r));
    else
        r = add_file(bundle, options, &data, &errors);
    for (size_t i = 0; errors && errors[i]; i++)
        fprintf(stderr, "dbcertctl: %s\n", errors[i]);
    return r < 0 ? NULL : TAKE(bundle);
}

static const char *table_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static Certificate *certificate_of(const json_t *object)
{
    const char *hex = table_text(object, "der");
    size_t size = hex ? strlen(hex) / 2 : 0;
    _cleanup_free_ uint8_t *der = xcalloc(size + 1, 1);
    Certificate *certificate;
    for (size_t i = 0; i < size; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return NULL;
        der[i] = (uint8_t)(high << 4 | low);
    }
    return certificate_from_der(der, size, &certificate) == 0 ? certificate : NULL;
}

static Chain chain_of(const json_t *address)
{
    Chain chain = { 0 };
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(address, "chain"), i, item)
    {
        Certificate *certificate = certificate_of(item);
        if (!certificate)
            break; /* it was too large to be kept */
        chain_append(&chain, certificate);
    }
    return chain;
}

/* Whether the file leads to what each address of the endpoint serves; null if nothing was seen. */
static json_t *accepts_now(const Bundle *bundle, const json_t *endpoint, char **ret_reason)
{
    size_t i;
    json_t *address;
    int accepted = -1;
    json_array_foreach(json_object_get(endpoint, "addresses"), i, address)
    {
        _cleanup_(chain_deinit) Chain chain = chain_of(address);
        Verification v = { 0 };
        if (chain.n == 0 || accepted == 0)
            continue;
        verify_chain(bundle, &chain, table_text(endpoint, "host"), &v);
        accepted = v.trusted;
        if (!v.trusted)
            *ret_reason = xstrdup(v.reason);
        verification_deinit(&v);
    }
    return accepted < 0 ? json_null() : json_boolean(accepted);
}

/* The daemon's catalogue says which root the configured CA has in the endpoint's region. */
static json_t *accepts_next(const Bundle *bundle, const json_t *endpoint, const json_t *authorities)
{
    size_t i;
    json_t *authority;
    const char *ca = table_text(endpoint, "configured_ca"), *region = table_text(endpoint, "region");
    json_array_foreach(authorities, i, authority)
    {
        const char *id = table_text(authority, "ca"), *where = table_text(authority, "region"),
                   *print = table_text(authority, "sha256");
        if (ca && region && id && where && print && strcmp(id, ca) == 0 && strcmp(where, region) == 0)
            return json_boolean(bundle_has(bundle, print));
    }
    return json_null();
}

/* In the shape of a trust store's `endpoints`: control/json.c. */
static json_t *verdict_on(const Bundle *bundle, const json_t *endpoint, const json_t *authorities)
{
    _cleanup_free_ char *reason = NULL;
    const char *configured = table_text(endpoint, "configured_ca"), *served = table_text(endpoint, "served_ca");
    json_t *now = accepts_now(bundle, endpoint, &reason);
    bool moves = configured && (!served || strcmp(configured, served) != 0);
    return json_pack("{s:s?, s:s?, s:o, s:s?, s:s?, s:o}", "endpoint", table_text(endpoint, "name"), "served",
                     served, "accepted", now, "reason", reason, "next_ca", moves ? configured : NULL,
                     "next_accepted", moves ? accepts_next(bundle, endpoint, authorities) : json_null());
}

bool trust_refuses(const json_t *verdict)
{
    return json_is_false(json_object_get(verdict, "accepted")) ||
           json_is_false(json_object_get(verdict, "next_accepted"));
}

static int fail(const char *what)
{
    fprintf(stderr, "dbcertctl: %s\n", what);
    return EXIT_SOME_REFUSED;
}

int trust_file(const TrustOptions *options, const char *socket, bool json)
{
    _cleanup_(json_decrefp) json_t *endpoints = NULL, *authorities = NULL, *verdicts = json_array();
    _cleanup_(bundle_freep) Bundle *bundle = read_bundle(options);
    size_t i;
    json_t *item;
    int status = EXIT_SUCCESS;
    if (!bundle)
        return EXIT_USAGE;
    int r = client_ask(socket, "GET", "/v1/endpoints?der=hex", &endpoints);
    if (r == 200)
        r = client_ask(socket, "GET", "/v1/authorities", &authorities);
    if (r != 200)
        return r < 0 ? EXIT_SOME_REFUSED
                     : fail("the daemon did not answer as expected; is it of this version?");
    json_array_foreach(json_object_get(endpoints, "endpoints"), i, item)
    {
        json_t *verdict = verdict_on(bundle, item, json_object_get(authorities, "authorities"));
        json_array_append_new(verdicts, verdict);
        if (trust_refuses(verdict))
            status = EXIT_SOME_REFUSED;
    }
    if (json) {
        (void)json_dumpf(verdicts, stdout, JSON_INDENT(2)); /* main looks at stdout's error flag */
        puts("");
        return status;
    }
    printf("%s: %zu certificate%s\n\n", options->file, bundle_size(bundle), PLURAL(bundle_size(bundle)));
    render_verdicts(verdicts);
    return status;
}
