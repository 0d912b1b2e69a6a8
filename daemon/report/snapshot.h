#pragma once

/* All that is shown to whoever asks, borrowed while a request is answered. */

#include "model/state.h"
#include "rds/catalogue.h"

typedef struct Snapshot {
    const char *version;
    const char *config_path;
    int64_t started_at;
    int64_t reloaded_at;      /* when the configuration in force was read */
    const char *reload_error; /* of the latest reload, if it failed: the old configuration goes on */
    size_t n_probing;
    EndpointState *const *endpoints; /* in the configuration's order */
    size_t n_endpoints;
    char *const *trusted;                 /* fingerprints of what is in the bundle, SHA-256 */
    TrustStoreState *const *trust_stores; /* in the configuration's order */
    size_t n_trust_stores;
    BundleSource *const *sources; /* the same */
    size_t n_sources;
    RdsSourceState *const *rds_sources; /* the same */
    size_t n_rds_sources;
    const Catalogue *catalogue;
    char *const *socket_hosts; /* names that the status socket is reached by; may be NULL */
    const DaemonState *self;
    const SilenceList *silences;
    StoreCounters store;
    const Counters *counters;
} Snapshot;

/* What findings are about, and those: all borrowed. */
typedef struct SubjectView {
    SubjectKind kind;
    const char *name;
    const FindingList *findings;
    const EndpointState *endpoint; /* NULL for all others */
} SubjectView;

SubjectView subject_of_endpoint(const EndpointState *state);

/* The subject of that number from 0 on: endpoints, trust stores, bundles, RDS sources, the daemon. False after
 * it. */
bool snapshot_subject(const Snapshot *snapshot, size_t number, SubjectView *ret);

/*
 * A way through all endpoints that may be interrupted: what is borrowed is gone then, but not the place. All
 * zeros, it is at the beginning.
 */
typedef struct Walk {
    size_t n;       /* so many are passed */
    Endpoint *last; /* of them; owned */
    bool lost;      /* that one has gone: where to go on is not known */
} Walk;

/* The next one; NULL: that was all, or it is lost. */
const EndpointState *walk_next(Walk *walk, const Snapshot *snapshot);

/* The one that walk_next() gave last, as it is now; NULL: it is lost. */
const EndpointState *walk_again(Walk *walk, const Snapshot *snapshot);

/* From the beginning again. */
void walk_deinit(Walk *walk);

const EndpointState *snapshot_find(const Snapshot *snapshot, const char *name);
size_t snapshot_count(const Snapshot *snapshot, Severity severity);

/* The worst that the daemon has to say about itself. */
Severity snapshot_self_severity(const Snapshot *snapshot);

/* The worst finding of what the RDS API is asked. */
Severity snapshot_rds_severity(const Snapshot *snapshot);

/* The worst finding of trust stores and bundles. */
Severity snapshot_trust_severity(const Snapshot *snapshot);
