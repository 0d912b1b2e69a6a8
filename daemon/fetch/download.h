#pragma once

/*
 * A bundle that is fetched: asked for from time to time, adopted when it is good, and kept in a file, so that a
 * start without a network has what the last one had. What is adopted beside PATH: PATH.previous, the one
 * before; PATH.refused, one that was not adopted; PATH.headers, what the server said of it.
 */

#include "base/url.h"
#include "base/worker.h"
#include "http/http.h"
#include "model/trust.h"
#include "pki/bundle.h"

#define DOWNLOAD_SECONDS 60

typedef struct Download Download;

typedef struct DownloadEvents {
    /* The name of an endpoint whose chain leads now to a root that kept has and fresh has not, and that root;
     * NULL: none does. */
    const char *(*lost_by)(const Bundle *kept, const Bundle *fresh, const Certificate **ret_root,
                           void *userdata);

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
    Worker *worker;
    const Download *from; /* one of the same URL, whose bundle it takes over; NULL: there is none */
    bool in_loop;         /* what is kept is read beside it; else at once */
} DownloadParams;

/* Reads what is kept; the first question is asked from the loop. Errors of what is kept, where it is read at
 * once, are said in *warnings. */
int download_new(Download **ret, sd_event *event, Http *http, const DownloadParams *params,
                 const DownloadEvents *events, void *userdata, char ***warnings);
void download_free(Download *download);
CLEANUP_OF(Download, download_free);

/* Whether nothing is known yet, one way or the other: no bundle, no answer, no failure. */
bool download_is_pending(const Download *download);

/* Both are borrowed; the bundle is NULL while there is none. */
Bundle *download_bundle(const Download *download);
BundleSource *download_source(Download *download);
