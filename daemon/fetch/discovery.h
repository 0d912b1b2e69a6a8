#pragma once

/*
 * One region of one account, asked from time to time which endpoints it has and what each should serve. A round
 * of questions counts as a whole: while one of them is not answered, what was known before stays.
 */

#include "http/http.h"
#include "model/discovery.h"

typedef struct Discovery Discovery;

typedef struct DiscoveryEvents {
    /* A round is over; news: what the API says is something else than before. */
    void (*answered)(const RdsSource *source, bool news, void *userdata);
} DiscoveryEvents;

/*
 * The source is borrowed. What is known of it from before may be put into its state before the loop runs. The
 * first round begins from the loop, at once, unless it asks nothing at all: what is signed by a wrong clock is
 * refused.
 */
int discovery_new(Discovery **ret, sd_event *event, Http *http, const RdsSource *source, bool asks,
                  const DiscoveryEvents *events, void *userdata);
void discovery_free(Discovery *discovery);
CLEANUP_OF(Discovery, discovery_free);

RdsSourceState *discovery_state(Discovery *discovery); /* borrowed */
