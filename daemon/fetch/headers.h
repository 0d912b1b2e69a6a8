#pragma once

/* PATH.headers, beside a bundle that is fetched: what the next question and the next start need to know. */

#include "model/trust.h"

/* A negative errno. */
int headers_save(const BundleSource *source, const char *etag, const char *last_modified);

/* Nothing changes where there are none, or they are another URL's. The texts are the caller's. */
void headers_load(BundleSource *source, char **ret_etag, char **ret_last_modified);
