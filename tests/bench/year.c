/*
 * What a year of a fleet leaves in the state file, and how much is written for it, by virtual time: every
 * endpoint is probed so often, rotates by the law's half-life, and now and then is away for one probe. The way
 * of a probe run is monitor/endpoint-run.c's, without a network: note, event, evaluate, alert, keep, deliver.
 *
 *   year DIRECTORY ENDPOINTS HOURS-BETWEEN-PROBES DAYS
 *
 * Prints bytes of the file, transactions, bytes written, transitions told, and the longest transaction in
 * microseconds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/instant.h"
#include "rules/event.h"
#include "rules/rule.h"
#include "store/store.h"

#define BEGIN          INT64_C(1798761600) /* 2027-01-01T00:00:00Z */
#define LIFE           (365 * DAY)
#define ROTATES_AFTER  (LIFE / 2 + 3 * DAY) /* within the first maintenance window */
#define DER_BYTES      1250                 /* as RDS's have */
#define FAILS_ONCE_IN  1000                 /* probes */
#define REMIND_SECONDS DAY
#define RETENTION      (3650 * DAY)

typedef struct Watched {
    EndpointState *state;
    Chain chain; /* that it serves */
} Watched;

static Certificate *intermediate;
static uint64_t randomness = 88172645463325252u; /* the same each time */
static size_t n_told;

static uint64_t next_random(void)
{
    randomness ^= randomness << 13; /* xorshift64 (Marsaglia, 2003) */
    randomness ^= randomness >> 7;
    randomness ^= randomness << 17;
    return randomness;
}

static Certificate *issue(CertificateRole role, const char *name, int64_t not_before)
{
    Certificate *c = certificate_new();
    uint64_t words[4] = { next_random(), next_random(), next_random(), next_random() };
    c->role = role;
    c->subject_cn = xstrdup(name);
    c->issuer_cn = xstrdup("Amazon RDS us-east-1 Subordinate CA RSA2048 G1.A.1");
    c->subject = xasprintf("CN=%s", name);
    c->issuer = xasprintf("CN=%s", c->issuer_cn);
    c->serial = xasprintf("%016llX", (unsigned long long)words[0]);
    c->sha256 = text_hex((const uint8_t *)words, sizeof words);
    c->key = xstrdup("RSA 2048");
    c->signature = xstrdup("RSA-SHA256");
    c->not_before = not_before;
    c->not_after = not_before + LIFE * (role == ROLE_SERVER ? 1 : 10);
    c->der_size = DER_BYTES;
    c->der = xcalloc(1, DER_BYTES);
    memcpy(c->der, words, sizeof words);
    if (role == ROLE_SERVER)
        strv_append(&c->names, xstrdup(name));
    return c;
}

static void serve(Watched *w, int64_t not_before)
{
    chain_deinit(&w->chain);
    chain_append(&w->chain, issue(ROLE_SERVER, w->state->endpoint->host, not_before));
    chain_append(&w->chain, certificate_ref(intermediate));
}

static void watch(Watched *w, size_t i)
{
    Endpoint *endpoint = endpoint_new();
    endpoint->name = xasprintf("db-%05zu", i);
    endpoint->host = xasprintf("db-%05zu.c9akciq32rgq.us-east-1.rds.amazonaws.com", i);
    endpoint->engine = engine_find("postgres");
    endpoint->engine_name = xstrdup("postgres");
    endpoint->port = 5432;
    endpoint->region = xstrdup("us-east-1");
    endpoint->ca = xstrdup("rds-ca-rsa2048-g1");
    (void)window_parse("sun:05:00-sun:06:00", &endpoint->maintenance_window);
    w->state = endpoint_state_new(endpoint);
    endpoint_unref(endpoint);
    serve(w, BEGIN - (int64_t)(next_random() % ROTATES_AFTER));
}

static Observation *probe(const Watched *w, int64_t now)
{
    Address address;
    if (address_parse("10.20.30.40", 5432, &address) < 0)
        abort();
    Observation *o = observation_new(&address);
    o->observed_at = now;
    o->duration_usec = next_random() % 50000;
    if (next_random() % FAILS_ONCE_IN == 0) {
        o->outcome = OUTCOME_UNREACHABLE;
        o->stage = STAGE_DIAL;
        o->detail = xstrdup("connection refused");
        return o;
    }
    o->outcome = OUTCOME_FETCHED;
    o->stage = STAGE_DONE;
    o->tls_version = xstrdup("TLS1.3");
    o->tls_cipher = xstrdup("TLS_AES_256_GCM_SHA384");
    o->tls_group = xstrdup("X25519");
    chain_append_all(&o->chain, &w->chain);
    return o;
}

static void verify(AddressState *address)
{
    verification_deinit(&address->verification);
    address->verification = (Verification) {
        .made = true, .possible = true, .trusted = true, .name_matches = true, .anchored = true
    };
    chain_append(&address->verification.path, certificate_ref(intermediate));
}

/* The journal takes it at once. */
static void deliver(Store *store)
{
    for (const TransitionList *box; (box = store_outbox(store, OUTBOX_JOURNAL))->n > 0; n_told++) {
        const Transition *first = &box->items[0];
        store_delivered(store, OUTBOX_JOURNAL, &first, 1);
    }
}

static void turn(Store *store, Watched *w, const Policy *policy, int64_t now)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    _cleanup_(served_deinit) Served before = { 0 };
    _cleanup_(observation_unrefp) Observation *observation = probe(w, now), *replaced = NULL;
    EndpointState *state = w->state;
    AddressState *address = endpoint_state_find(state, observation->address.text);
    bool news = observation->chain.n > 0 &&
                (!address || !address->seen || address_certificate(address) != w->chain.certificates[0]);
    if (news && address && address->seen) {
        replaced = observation_ref(address->seen);
        served_note(&before, address);
    }
    (void)endpoint_state_note(state, observation);
    address = endpoint_state_find(state, observation->address.text);
    if (news)
        verify(address);
    Finding event;
    if (before.server && event_of(state, address, &before, policy, now, &event))
        transition_list_append(&transitions,
                               (Transition) { .kind = TRANSITION_RAISED, .at = now, .finding = event });
    rule_evaluate_endpoint(state, policy, now);
    alert_update(store_alerts(store, SUBJECT_ENDPOINT, state->endpoint->name), &state->findings, REMIND_SECONDS,
                 now, &transitions);
    alert_of_endpoint(&transitions, state);
    store_commit(store,
                 &(Change) { .about = SUBJECT_ENDPOINT,
                             .subject = state->endpoint->name,
                             .transitions = &transitions,
                             .state = state,
                             .replaced = replaced },
                 now);
    deliver(store);
}

/* Bytes that this process has handed to write() and its kin. */
static long long written(void)
{
    long long bytes = 0;
    char line[128];
    FILE *file = fopen("/proc/self/io", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "wchar: %lld", &bytes) == 1)
            break;
    if (file)
        (void)fclose(file);
    return bytes;
}

/* Once a minute; they are in the order of their names. */
static void beat(Store *store, const Watched *fleet, size_t n, int64_t now)
{
    static int64_t last = BEGIN;
    if (now < last + MINUTE)
        return;
    last = now;
    _cleanup_free_ EndpointState **states = xcalloc(n, sizeof *states);
    for (size_t i = 0; i < n; i++)
        states[i] = fleet[i].state;
    store_heartbeat(store, states, n, now);
}

int main(int argc, char *argv[])
{
    _cleanup_free_ char *words = NULL;
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    Store *store = NULL;
    if (argc != 5) {
        fprintf(stderr, "usage: year DIRECTORY ENDPOINTS HOURS-BETWEEN-PROBES DAYS\n");
        return 2;
    }
    size_t n = (size_t)atoi(argv[2]);
    int64_t every = atoi(argv[3]) * HOUR, days = atoi(argv[4]);
    _cleanup_free_ char *path = xasprintf("%s/dbcertd.db", argv[1]);
    if (n == 0 || every <= 0 || store_open(&store, path, NULL, NULL, BEGIN, &words) < 0 || store_error(store)) {
        fprintf(stderr, "year: %s: %s\n", path, words ? words : store_error(store));
        return 1;
    }
    const Policy policy = { .unreachable_after = 3, .catalogue = catalogue };
    intermediate = issue(ROLE_INTERMEDIATE, "Amazon RDS us-east-1 Subordinate CA RSA2048 G1.A.1", BEGIN - LIFE);
    Watched *fleet = xcalloc(n, sizeof *fleet);
    for (size_t i = 0; i < n; i++)
        watch(&fleet[i], i);
    for (int64_t now = BEGIN; now < BEGIN + days * DAY; now += every) {
        for (size_t i = 0; i < n; i++) {
            int64_t at = now + every * (int64_t)i / (int64_t)n;
            if (at >= fleet[i].chain.certificates[0]->not_before + ROTATES_AFTER)
                serve(&fleet[i], at);
            turn(store, &fleet[i], &policy, at);
            beat(store, fleet, n, at);
        }
        if (now % DAY < every)
            store_forget(store, now - RETENTION);
    }
    StoreCounters counters = store_counters(store);
    printf("%lld %llu %lld %zu %llu\n", (long long)counters.bytes, (unsigned long long)counters.n_commits,
           written(), n_told, (unsigned long long)counters.longest_usec);
    for (size_t i = 0; i < n; i++) {
        chain_deinit(&fleet[i].chain);
        endpoint_state_free(fleet[i].state);
    }
    free(fleet);
    certificate_unref(intermediate);
    store_free(store);
    return 0;
}
