#include "fetch/kept.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/instant.h"
#include "base/text.h"
#include "base/url.h"

#define HEADERS_BYTES_MAX 8192

char *kept_path(const char *directory, const char *url)
{
    const char *name = strrchr(url, '/') + 1;
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return xasprintf("%s/%.*s-%08x", directory, length > 100 ? 100 : (int)length, name,
                     (unsigned)(text_hash(url) & 0xffffffff));
}

static void write_line(Buffer *text, const char *name, const char *value)
{
    if (value && *value != '-')
        buffer_printf(text, "%s: %s\n", name, value);
}

Buffer kept_headers(const BundleSource *source, const char *etag, const char *last_modified)
{
    Buffer text = { 0 };
    write_line(&text, "URL", source->url);
    write_line(&text, "ETag", etag);
    write_line(&text, "Last-Modified", last_modified);
    write_line(&text, "Modified", INSTANT_TEXT(source->modified_at));
    write_line(&text, "Changed", INSTANT_TEXT(source->changed_at));
    write_line(&text, "Answered", INSTANT_TEXT(source->answered_at));
    write_line(&text, "Refused", source->refused);
    return text;
}

static char *saved(const Buffer *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = (const char *)text->data; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0)
            return xstrndup(line + length + 2, strcspn(line + length + 2, "\n"));
    }
    return NULL;
}

static int64_t saved_instant(const Buffer *text, const char *name)
{
    _cleanup_free_ char *value = saved(text, name);
    int64_t instant;
    return value && instant_parse(value, &instant) == 0 ? instant : INSTANT_NONE;
}

void kept_read_headers(BundleSource *source, char **ret_etag, char **ret_last_modified)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    _cleanup_free_ char *path = xasprintf("%s.headers", source->path), *url = NULL;
    if (file_read(path, HEADERS_BYTES_MAX, &text) < 0 || !(url = saved(&text, "URL")) ||
        strcmp(url, source->url) != 0)
        return;
    *ret_etag = saved(&text, "ETag");
    *ret_last_modified = saved(&text, "Last-Modified");
    source->modified_at = saved_instant(&text, "Modified");
    source->changed_at = saved_instant(&text, "Changed");
    source->answered_at = saved_instant(&text, "Answered");
    source->refused = saved(&text, "Refused");
}

static Bundle *read_bundle(const char *path, char ***warnings)
{
    _cleanup_(buffer_deinit) Buffer data = { 0 };
    _cleanup_(bundle_freep) Bundle *bundle = bundle_new_list();
    int r = file_read(path, BUNDLE_BYTES_MAX, &data);
    if (r == -ENOENT)
        return NULL;
    if (r < 0)
        strv_append(warnings, xasprintf("%s: cannot read: %s", path, file_error(r)));
    else
        r = bundle_add(bundle, path, data.data, data.size, NULL, warnings);
    return r > 0 ? TAKE(bundle) : NULL;
}

void kept_read(const char *path, Bundle **ret, Bundle **ret_previous, char ***warnings)
{
    _cleanup_free_ char *previous = xasprintf("%s.previous", path);
    *ret_previous = read_bundle(previous, warnings);
    *ret = read_bundle(path, warnings);
}

int kept_write(const char *path, const Buffer *adopted, const Buffer *refused, const Buffer *headers)
{
    _cleanup_free_ char *refused_path = xasprintf("%s.refused", path),
                        *headers_path = xasprintf("%s.headers", path);
    int r = adopted->size > 0 ? file_replace(path, adopted->data, adopted->size, true) : 0;
    if (refused->size > 0) /* to be looked at; the finding says the rest */
        (void)file_replace(refused_path, refused->data, refused->size, false);
    int headers_r = file_replace(headers_path, headers->data, headers->size, false);
    return r < 0 ? r : headers_r;
}

static void rename_kept(const char *from, const char *to)
{
    static const char *const suffixes[] = { "", ".previous", ".refused" };
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        _cleanup_free_ char *old = xconcat(from, suffixes[i]), *new = xconcat(to, suffixes[i]);
        if (access(new, F_OK) == 0)
            (void)unlink(old);
        else
            (void)rename(old, new);
    }
}

/* Errors are the next start's: what cannot be removed now is tried again then. */
void kept_scrub(const char *directory)
{
    _cleanup_(strv_freep) char **paths = NULL;
    _cleanup_free_ char *pattern = xasprintf("%s/*.headers", directory);
    (void)file_glob(pattern, &paths); /* a directory that cannot be read is reported when it is used */
    for (char **path = paths; path && *path; path++) {
        _cleanup_(buffer_wipe) Buffer text = { 0 };
        _cleanup_free_ char *url = file_read(*path, HEADERS_BYTES_MAX, &text) < 0 ? NULL : saved(&text, "URL");
        _cleanup_free_ char *shown = url ? url_redact(url) : NULL;
        if (!shown || strcmp(shown, url) == 0 || !strrchr(shown, '/'))
            continue;
        _cleanup_free_ char *from = xstrndup(*path, strlen(*path) - strlen(".headers")),
                            *to = kept_path(directory, shown);
        (void)unlink(*path);
        rename_kept(from, to);
    }
}
