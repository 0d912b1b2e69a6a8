#pragma once

/*
 * A bundle that is fetched: asked for from time to time, adopted when it is good, and kept in a file, so that a
 * start without a network has what the last one had. What is adopted beside PATH: PATH.previous, the one
 * before; PATH.refused, one that was not adopted; PATH.headers, what the server said of it.
 */

#include "base/url.h"
#include "http/http.h"
#include "model/trust.h"
#include "pki/bundle.h"

#define DOWNLOAD_SECONDS 60

typedef struct Download Download;

typedef struct DownloadEvents {
    /* The name of an endpoint whose chain leads to the certificate with this SHA-256 now; NULL: none does. */
    const char *(*used_by)(const char *sha256, void *userdata);

    /* The source's state is another one; adopted: and so is its bundle. */
    void (*changed)(bool adopted, void *userdata);
} DownloadEvents;

typedef struct DownloadParams {
    const Url *url;
    const char *credential; /* as in HttpRequest; NULL: none */
    const char *directory;  /* that there is */
    bool plain_allowed;
    int64_t interval_seconds;
    bool asked; /* somebody wants it now; else one that was answered lately is not asked again */
} DownloadParams;

/* Reads what is kept; the first question is asked from the loop. Errors of what is kept are said in *warnings.
 */
int download_new(Download **ret, sd_event *event, Http *http, const DownloadParams *params,
                 const DownloadEvents *events, void *userdata, char ***warnings);
void download_free(Download *download);

/*
 * dbcertd up to 0.9 kept the whole URL of a bundle beside it, with its password. Where there was one, the
 * bundle gets the path that it has without, and what the server said of it is removed: the bundle will be
 * fetched again.
 */
void download_scrub(const char *directory);
CLEANUP_OF(Download, download_free);

/* Whether nothing is known yet, one way or the other: no bundle, no answer, no failure. */
bool download_is_pending(const Download *download);

/* Takes over what the other one has in memory, where this one has found nothing kept. */
void download_inherit(Download *download, Download *from);

/* Both are borrowed; the bundle is NULL while there is none. */
const Bundle *download_bundle(const Download *download);
BundleSource *download_source(Download *download);
