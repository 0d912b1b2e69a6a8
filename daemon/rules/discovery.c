#include "rules/discovery.h"

#include <string.h>

#include "base/alloc.h"
#include "model/engine.h"

/* A round or two may fail; where nothing was ever answered, somebody may be waiting for it. */
#define PATIENCE_INTERVALS 3
#define PATIENCE_AT_FIRST  (5 * MINUTE)

static char *check_access(const RdsSource *source)
{
    return xasprintf(
        "aws sts get-caller-identity; aws rds describe-db-instances --region %s --max-items 1; what "
        "dbcertd may have to ask is in /usr/share/doc/dbcertd/iam-policy.json",
        source->region);
}

static void rule_failing(RdsSourceState *state, int64_t now)
{
    const RdsSource *source = state->source;
    int64_t patience = source->interval_seconds * PATIENCE_INTERVALS;
    bool never = state->answered_at == INSTANT_NONE && state->inventory.n_endpoints == 0;
    if (!state->error)
        return;
    if (never && patience > PATIENCE_AT_FIRST)
        patience = PATIENCE_AT_FIRST;
    char *message =
        never ? xasprintf("the RDS API was never answered as yet, so nothing in %s is discovered: %s",
                          source->region, state->error)
              : xasprintf("the RDS API is without an answer since %s: %s; the %zu endpoints that it named "
                          "before go on being watched by what it said then",
                          INSTANT_TEXT(state->failing_since), state->error, state->inventory.n_endpoints);
    Finding *finding = finding_list_say(&state->findings, FINDING_DISCOVERY_FAILING, SEVERITY_WARNING, NULL,
                                        INSTANT_NONE, message, check_access(source));
    if (now < state->failing_since + patience) {
        finding->pending = true;
        state->changes_at = state->failing_since + patience;
    }
}

static void rule_lacking(RdsSourceState *state)
{
    if (state->error || !state->lacking)
        return;
    finding_list_say(
        &state->findings, FINDING_DISCOVERY_FAILING, SEVERITY_WARNING, NULL, INSTANT_NONE,
        xasprintf("the RDS API refuses a part of what it is asked, so that is not known or stays as "
                  "it was: %s",
                  state->lacking),
        check_access(state->source));
}

/* Only what looks like a name gets into a line that is to be copied. */
static char *watch_by_hand(const RdsEndpoint *e, const char *region)
{
    if (!text_is_name(e->identifier) || !text_is_name(e->host) || !text_is_name(e->engine))
        return xasprintf("aws rds describe-db-instances --region %s", region);
    const Engine *engine = engine_find(e->engine);
    if (!engine)
        return xasprintf("add \"%s\" to exclude of rds %s and: systemctl reload dbcertd", e->identifier,
                         e->source);
    long long port = e->port > 0 ? e->port : engine->port;
    _cleanup_free_ char *number = port ? xasprintf("%lld", port) : xstrdup("TLS-PORT");
    return xasprintf(
        "add { name = \"%s\"; host = \"%s\"; port = %s; engine = \"%s\"; } to endpoints, or \"%s\" "
        "to exclude of rds %s, and: systemctl reload dbcertd",
        e->identifier, e->host, number, e->engine, e->identifier, e->source);
}

/* No endpoint may be left out in silence. */
static void rule_unwatched(RdsSourceState *state)
{
    for (size_t i = 0; i < state->n_unwatched; i++) {
        const RdsEndpoint *e = state->unwatched[i];
        Finding *finding =
            finding_list_say(&state->findings, FINDING_INSTANCE_UNWATCHED, SEVERITY_NOTICE, NULL, INSTANT_NONE,
                             xasprintf("%s (%s, %s) is not watched: %s", e->identifier, e->engine, e->host,
                                       e->problem ? e->problem : "there are more than dbcertd watches at most"),
                             watch_by_hand(e, state->source->region));
        finding->address = xstrdup(e->host);
    }
}

void judge_rds_source(RdsSourceState *state, int64_t now)
{
    finding_list_deinit(&state->findings);
    state->changes_at = INSTANT_NEVER;
    rule_failing(state, now);
    rule_lacking(state);
    rule_unwatched(state);
}
