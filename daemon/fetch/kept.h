#pragma once

/*
 * The files that a fetched bundle is kept in: PATH; PATH.previous, the one before; PATH.refused, one that was
 * not adopted; PATH.headers, what the next question and the next start need to know. To be called beside the
 * loop.
 */

#include "base/buffer.h"
#include "model/trust.h"
#include "pki/bundle.h"

/* "DIRECTORY/global-bundle.pem-3f2a...": the URL's last part for people, and a hash of it. The caller's. */
char *kept_path(const char *directory, const char *url);

/* What is adopted and the one before, as lists; NULL where there is none that can be used. */
void kept_read(const char *path, Bundle **ret, Bundle **ret_previous, char ***warnings);

/* Nothing changes where there are no headers, or they are another URL's. The texts are the caller's. */
void kept_read_headers(BundleSource *source, char **ret_etag, char **ret_last_modified);

/* The text of the headers. */
Buffer kept_headers(const BundleSource *source, const char *etag, const char *last_modified);

/* A body that is empty is not written. A negative errno, but for what was refused. */
int kept_write(const char *path, const Buffer *adopted, const Buffer *refused, const Buffer *headers);

/*
 * dbcertd up to 0.9 kept the whole URL of a bundle beside it, with its password. Where there was one, the
 * bundle gets the path that it has without, and what the server said of it is removed: the bundle will be
 * fetched again.
 */
void kept_scrub(const char *directory);
