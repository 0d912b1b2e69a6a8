#pragma once

/*
 * The trust bundles: those that are fetched, each with its state, and the one that chains are verified against,
 * made of them and of the configuration's files.
 */

#include "monitor/endpoints.h"

typedef struct Bundles Bundles;

typedef struct BundlesEvents {
    /* Another one is in use: bundles_current(). */
    void (*adopted)(void *userdata);
} BundlesEvents;

/*
 * Begins to fetch if something is to be fetched. On a reload (old is not NULL) it asks at once, and has what
 * was fetched before. context, endpoints and events stay the caller's. Nobody knows of them before
 * bundles_start().
 */
int bundles_new(Bundles **ret, const Context *context, const Endpoints *endpoints, const Bundles *old,
                const BundlesEvents *events, void *userdata);
void bundles_free(Bundles *all);
CLEANUP_OF(Bundles, bundles_free);

/* Those of the configuration before are gone: from now on these are what is monitored. */
void bundles_start(Bundles *all);

/* Borrowed, until another one is adopted. */
const Bundle *bundles_current(const Bundles *all);
char *const *bundles_fingerprints(const Bundles *all); /* of its certificates, SHA-256 */

/* Evaluates again all that are fetched. */
void bundles_evaluate(Bundles *all);

/* In the order of the configuration; borrowed. */
BundleSource *const *bundles_sources(const Bundles *all, size_t *ret_n);
