#include "rules/rule-rds.h"

#include "base/alloc.h"
#include "model/engine.h"
#include "rds/value.h"
#include "rules/command.h"

/* A round or two may fail; where nothing was ever answered, somebody may be waiting for it. */
#define PATIENCE_INTERVALS 3
#define PATIENCE_AT_FIRST  (5 * MINUTE)

static StepList check_access(const RdsSource *source)
{
    StepList steps = { 0 };
    step_words(steps_append(&steps, STEP_LOOK, PLACE_AWS), "aws sts get-caller-identity");
    Step *step = steps_append(&steps, STEP_LOOK, PLACE_AWS);
    step_words(step, "aws rds describe-db-instances --max-items 1");
    command_region(step, source->region);
    steps_by_hand(&steps, STEP_CHANGE, PLACE_AWS,
                  "allow dbcertd the actions in /usr/share/doc/dbcertd/iam-policy.json");
    return steps;
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

/* A name that is no value is in the message, and nowhere else. */
static StepList watch_by_hand(const RdsEndpoint *e, const char *region)
{
    StepList steps = { 0 };
    Step *look = steps_append(&steps, STEP_LOOK, PLACE_AWS);
    step_words(look, "aws rds describe-db-instances");
    command_region(look, region);
    if (!value_is_identifier(e->identifier) || !value_is_host(e->host) || !value_is_engine(e->engine))
        return steps;
    const Engine *engine = engine_find(e->engine);
    if (!engine) {
        command_configure(&steps, "add \"%s\" to exclude of rds %s", e->identifier, e->source);
        return steps;
    }
    long long port = e->port > 0 ? e->port : engine->port;
    _cleanup_free_ char *number = port ? xasprintf("%lld", port) : xstrdup("TLS-PORT");
    command_configure(
        &steps,
        "add { name = \"%s\"; host = \"%s\"; port = %s; engine = \"%s\"; } to endpoints, or \"%s\" "
        "to exclude of rds %s,",
        e->identifier, e->host, number, e->engine, e->identifier, e->source);
    return steps;
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

void rule_evaluate_rds_source(RdsSourceState *state, int64_t now)
{
    finding_list_deinit(&state->findings);
    state->changes_at = INSTANT_NEVER;
    rule_failing(state, now);
    rule_lacking(state);
    rule_unwatched(state);
}
