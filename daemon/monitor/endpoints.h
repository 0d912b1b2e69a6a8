#pragma once

/*
 * The endpoints that are monitored, and their schedule: whose probe run is due starts, as many at a time as the
 * configuration allows.
 */

#include "monitor/endpoint-monitor.h"

typedef struct Endpoints Endpoints;

typedef struct EndpointsEvents {
    /* A probe run is over, and its result is published; asked: a client may wait for it. */
    void (*probed)(const char *name, int64_t run, bool asked, void *userdata);

    /* There will be no such run: the endpoint is gone, or cannot be probed. */
    void (*given_up)(const char *name, void *userdata);

    /* Other probe runs may be under way than before. */
    void (*running)(void *userdata);

    /* An endpoint shows another chain, or endpoints came or went. */
    void (*chains_changed)(void *userdata);

    /* When the source of the RDS API that has it answered last; INSTANT_NONE: not since the start. */
    int64_t (*answered_at)(const RdsEndpoint *rds, void *userdata);
} EndpointsEvents;

/* context and events stay the caller's. Nothing is probed before the loop runs. */
int endpoints_new(Endpoints **ret, const Context *context, const EndpointsEvents *events, void *userdata);
void endpoints_free(Endpoints *endpoints);
CLEANUP_OF(Endpoints, endpoints_free);

/*
 * Monitors these, with a reference of its own to each. Of one whose server is the same it keeps what is known;
 * others start anew, with what the store has of them. due: all are to be probed now.
 */
void endpoints_replace(Endpoints *all, Endpoint *const *endpoints, size_t n, bool due);

/* In the order of the configuration, or of their names; borrowed until they are replaced. */
EndpointState *const *endpoints_states(const Endpoints *all, size_t *ret_n);
EndpointState *const *endpoints_states_by_name(const Endpoints *all, size_t *ret_n);

/* Borrowed, NULL if there is none. */
EndpointState *endpoints_find(const Endpoints *all, const char *name);

/* Somebody wants it probed now. Returns the number of the run to wait for, or -ENOENT. */
int64_t endpoints_ask(Endpoints *all, const char *name);

/* Evaluates again what was evaluated before; name: that endpoint, at once; NULL: all, bit by bit from the loop.
 */
void endpoints_evaluate(Endpoints *all, const char *name);

/* The same for all, after their chains were verified again. */
void endpoints_verify(Endpoints *all);

/* The clock was set, or is usable now: says anew when each is to be probed, and probes who is due. */
void endpoints_mind_clock(Endpoints *all);

/* Whether each of those that a trust store's clients connect to was probed. */
bool endpoints_were_probed(const Endpoints *all, const TrustStore *store);

/* Starts no probe run any more. */
void endpoints_quiesce(Endpoints *all);

/* How many probe runs are under way. */
size_t endpoints_n_running(const Endpoints *all);

/* Calls fn for each endpoint. */
void endpoints_each(const Endpoints *all, void (*fn)(const char *name, bool running, void *userdata),
                    void *userdata);
