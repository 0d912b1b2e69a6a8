/*
 * Prints what every finding, plan and audit says to do, once with harmless texts and once with hostile ones in
 * their place, for tests/unit/remedies, which runs both. Fields end with a NUL: the case, the harmless text,
 * the hostile one, the number of steps, each step's command with the harmless and with the hostile text ("" for
 * none), and the script of the hostile one.
 */

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "report/plan.h"
#include "rules/case.h"
#include "rules/event.h"
#include "rules/rule-daemon.h"
#include "rules/rule-rds.h"
#include "rules/rule-trust.h"
#include "scene.h"
#include "unit.h"

/* What is not varied; {} is where the text goes that is. */
typedef enum Field {
    FIELD_ISSUER,
    FIELD_ALTERNATIVE_NAME,
    FIELD_NAME,
    FIELD_HOST,
    FIELD_CA,
    FIELD_REGION,
    FIELD_ENGINE,
    FIELD_VERSION,
    FIELD_IDENTIFIER,
    FIELD_PENDING_CA,
    FIELD_DEFAULT_CA,
    FIELD_PATH,
    FIELD_URL,
    FIELD_DATABASE,
} Field;
#define N_FIELDS (FIELD_DATABASE + 1)

static const struct {
    const char *label, *usual, *pattern;
} fields[N_FIELDS] = {
    [FIELD_ISSUER] = { "issuer", "Amazon RDS us-east-1 Root CA RSA2048 G1",
                       "Amazon RDS us-east-1 Root CA RSA2048 G1{}" },
    [FIELD_ALTERNATIVE_NAME] = { "alternative name", "orders.example", "{}" },
    [FIELD_NAME] = { "endpoint", "orders", "{}" },
    [FIELD_HOST] = { "host", "orders.c9akciq32rgq.us-east-1.rds.amazonaws.com", "{}.example" },
    [FIELD_CA] = { "CA", "rds-ca-rsa2048-g1", "rds-ca-rsa2048-g1{}" },
    [FIELD_REGION] = { "region", "us-east-1", "{}" },
    [FIELD_ENGINE] = { "engine", "postgres", "{}" },
    [FIELD_VERSION] = { "version", "16.4", "{}" },
    [FIELD_IDENTIFIER] = { "identifier", "orders", "{}" },
    [FIELD_PENDING_CA] = { "pending CA", "rds-ca-ecc384-g1", "rds-ca-ecc384-g1{}" },
    [FIELD_DEFAULT_CA] = { "default CA", "rds-ca-rsa4096-g1", "rds-ca-rsa4096-g1{}" },
    [FIELD_PATH] = { "path", "@SCRATCH@/store.pem", "@SCRATCH@/{}.pem" },
    [FIELD_URL] = { "URL", "https://mirror.example/bundle.pem", "https://mirror.example/{}/bundle.pem" },
    [FIELD_DATABASE] = { "database", "@SCRATCH@/dbcertd.db", "@SCRATCH@/{}.db" },
};

/* Each makes a file, or runs something, if a shell reads it as more than a word. */
static const char *const payloads[] = {
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned; #",
    "' ; touch pwned ; '",
    "\" ; touch pwned ; \"",
    "'\"'\"; touch pwned #",
    "|| touch pwned",
    "| tee pwned",
    "> pwned",
    "\ntouch pwned\n",
    " -rf --endpoint-url evil.example",
    "--endpoint-url=evil.example",
    "*",
    "~root",
    "!!",
    "\\'",
    "$HOME ${PATH} $undefined",
    "\u202etxt.hs\u2066",
    "\xff\xfe; touch pwned",
    "\033[2J\007",
    "=touch",
    "a b\tc",
};

#define HARMLESS "Xq7Token"

/* One scene: all of the texts, of which one is not as usual. */
typedef struct Scene {
    char *texts[N_FIELDS];
    const char *engine; /* with its family; FIELD_ENGINE replaces its name alone */
    RotationClass class;
    int from_api; /* RdsKind; -1: the API was not asked */
} Scene;

static char *put(const char *pattern, const char *text)
{
    const char *place = strstr(pattern, "{}");
    return xasprintf("%.*s%s%s", (int)(place - pattern), pattern, text, place + 2);
}

static Scene scene(const char *engine, RotationClass class, int from_api, Field field, const char *text)
{
    Scene scene = { .engine = engine, .class = class, .from_api = from_api };
    for (Field f = 0; f < N_FIELDS; f++)
        scene.texts[f] = f == field          ? put(fields[f].pattern, text)
                         : f == FIELD_ENGINE ? xstrdup(engine)
                                             : xstrdup(fields[f].usual);
    return scene;
}

static void scene_deinit(Scene *scene)
{
    for (Field f = 0; f < N_FIELDS; f++)
        free(scene->texts[f]);
}

static void give_rds(Endpoint *e, const Scene *s)
{
    const RdsEndpoint rds = {
        .source = (char[]) { "us-east-1" },
        .identifier = s->texts[FIELD_IDENTIFIER],
        .host = s->texts[FIELD_HOST],
        .engine = s->texts[FIELD_ENGINE],
        .engine_version = s->texts[FIELD_VERSION],
        .pending_ca = s->texts[FIELD_PENDING_CA],
        .offered = (char[]) { "rds-ca-rsa4096-g1" },
        .default_ca = s->texts[FIELD_DEFAULT_CA],
        .kind = s->from_api % N_RDS_KINDS,
        .maintenance = s->from_api >= N_RDS_KINDS,
    };
    RdsEndpoint copy = rds_endpoint_copy(&rds);
    e->rds = xmemdup(&copy, sizeof copy);
}

static EndpointState *state_of(const Scene *s)
{
    EndpointState *state = scene_new();
    Endpoint *e = state->endpoint;
    text_set(&e->name, xstrdup(s->texts[FIELD_NAME]));
    text_set(&e->host, xstrdup(s->texts[FIELD_HOST]));
    text_set(&e->region, xstrdup(s->texts[FIELD_REGION]));
    text_set(&e->ca, xstrdup(s->texts[FIELD_CA]));
    text_set(&e->engine_name, xstrdup(s->texts[FIELD_ENGINE]));
    e->engine = engine_find(s->engine);
    e->farewell = e->engine->family == FAMILY_MYSQL ? FAREWELL_DROP : FAREWELL_CLOSE;
    e->rotation = (int)s->class;
    if (s->from_api >= 0)
        give_rds(e, s);
    scene_fetch(state, "10.0.0.7", BEGIN_TEXT, END_TEXT);
    Certificate *server = state->addresses[0].seen->chain.certificates[0];
    text_set(&server->issuer_cn, xstrdup(s->texts[FIELD_ISSUER]));
    text_set(&server->names[0], xstrdup(s->texts[FIELD_ALTERNATIVE_NAME]));
    return state;
}

/* All that one scene says to do, one list for each finding. */
typedef struct Said {
    StepList *lists;
    char **labels;
    size_t n;
} Said;

static void take(Said *said, const char *label, StepList steps)
{
    said->lists = xgrow(said->lists, said->n, sizeof *said->lists);
    said->lists[said->n++] = steps;
    strv_append(&said->labels, xstrdup(label));
}

static void take_findings(Said *said, const FindingList *findings)
{
    for (size_t i = 0; i < findings->n; i++)
        take(said, finding_to_string(findings->items[i].id), steps_copy(&findings->items[i].steps));
}

static void said_deinit(Said *said)
{
    for (size_t i = 0; i < said->n; i++)
        steps_deinit(&said->lists[i]);
    free(said->lists);
    strv_free(said->labels);
}

/* Findings of endpoints that rule.c and its like make: the others come from files of their own. */
static bool is_of_case(FindingId id)
{
    return finding_info(id)->subject == SUBJECT_ENDPOINT && !finding_is_event(id);
}

static void say_endpoint(const Scene *s, const Policy *policy, Said *said)
{
    static const unsigned errors[] = { 0, ER_CON_COUNT_ERROR, ER_HOST_NOT_PRIVILEGED };
    _cleanup_(endpoint_state_freep) EndpointState *state = state_of(s);
    for (size_t variant = 0; variant < ARRAY_SIZE(errors); variant++) {
        Case c = { .state = state, .address = &state->addresses[0], .policy = policy };
        state->addresses[0].latest->server_error = errors[variant];
        state->endpoint->direct_tls = variant == 1 && state->endpoint->engine->family == FAMILY_POSTGRES;
        case_look(&c);
        c.found.configured_differs = variant != 2;
        for (FindingId id = 0; id < N_FINDINGS; id++)
            if (is_of_case(id) && (id != FINDING_MAINTENANCE_SCHEDULED || state->endpoint->rds))
                take(said, finding_to_string(id), steps_of(&c, id));
    }
}

static void say_event(const Scene *s, const Policy *policy, Said *said)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = state_of(s);
    Served before;
    Finding event;
    served_note(&before, &state->addresses[0]);
    scene_fetch(state, "10.0.0.7", "2026-07-01T00:00:00Z", "2027-07-01T00:00:00Z");
    Certificate *server = state->addresses[0].seen->chain.certificates[0];
    text_set(&server->subject, xstrdup(before.server->subject));
    if (event_of(state, &state->addresses[0], &before, policy, at("2026-07-01T00:00:00Z"), &event)) {
        take(said, "event", steps_copy(&event.steps));
        finding_deinit(&event);
    }
    served_deinit(&before);
}

static TrustStoreState store_of(const Scene *s, TrustStore *store, const char *format)
{
    *store = (TrustStore) { .name = s->texts[FIELD_NAME], .path = s->texts[FIELD_PATH] };
    return (
        TrustStoreState) { .store = store, .format = format, .read_at = 0, .last_end = 0, .n_certificates = 1 };
}

static void say_store(const Scene *s, const Catalogue *catalogue, const char *format, Said *said)
{
    TrustStore store;
    TrustStoreState state = store_of(s, &store, format);
    trust_verdicts_append(&state.verdicts, (TrustVerdict) { .endpoint = xstrdup(s->texts[FIELD_NAME]),
                                                            .region = xstrdup(s->texts[FIELD_REGION]),
                                                            .now = ACCEPTANCE_NO,
                                                            .served = xstrdup(s->texts[FIELD_ISSUER]),
                                                            .next = ACCEPTANCE_NO,
                                                            .next_ca = xstrdup(s->texts[FIELD_CA]) });
    for (int way = 0; way < 3; way++) {
        text_set(&state.error, xstrdup("why"));
        state.denied = way == 1;
        state.locked = way == 2;
        rule_evaluate_trust_store(&state, catalogue, at(BEGIN_TEXT));
        take_findings(said, &state.findings);
    }
    trust_store_state_deinit(&state);
}

static void say_bundle(const Scene *s, Said *said)
{
    BundleSource source = { .url = xstrdup(s->texts[FIELD_URL]),
                            .path = xstrdup(s->texts[FIELD_PATH]),
                            .refused = xstrdup("why"),
                            .modified_at = 0,
                            .changed_at = at(BEGIN_TEXT) };
    rule_evaluate_bundle(&source, at(BEGIN_TEXT));
    take_findings(said, &source.findings);
    bundle_source_deinit(&source);
}

static void say_self(const Scene *s, Said *said)
{
    _cleanup_(daemon_state_deinit) DaemonState self = { .clock = CLOCK_UNSYNCHRONISED,
                                                        .uptime_seconds = DAY,
                                                        .database = xstrdup(s->texts[FIELD_DATABASE]),
                                                        .unwritable = xstrdup("why") };
    strv_append(&self.damaged, xasprintf("%s.damaged-1", s->texts[FIELD_DATABASE]));
    rule_evaluate_daemon(&self, at("2027-01-01T00:00:00Z"));
    take_findings(said, &self.findings);
}

static void say_discovery(const Scene *s, Said *said)
{
    const RdsSource source = { .name = s->texts[FIELD_NAME],
                               .region = s->texts[FIELD_REGION],
                               .interval_seconds = 60 };
    const RdsEndpoint e = { .source = s->texts[FIELD_NAME],
                            .identifier = s->texts[FIELD_IDENTIFIER],
                            .host = s->texts[FIELD_HOST],
                            .engine = s->texts[FIELD_ENGINE],
                            .problem = (char[]) { "why" } };
    const RdsEndpoint *unwatched[] = { &e };
    RdsSourceState state = { .source = &source,
                             .error = xstrdup("why"),
                             .answered_at = INSTANT_NONE,
                             .unwatched = xmemdup(unwatched, sizeof unwatched),
                             .n_unwatched = 1 };
    rule_evaluate_rds_source(&state, at(BEGIN_TEXT));
    take_findings(said, &state.findings);
    rds_source_state_deinit(&state);
}

static void say_plan(const Scene *s, const Catalogue *catalogue, Said *said)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = state_of(s);
    EndpointState *endpoints[] = { state };
    TrustStore store;
    TrustStoreState trust = store_of(s, &store, "PEM"), *stores[] = { &trust };
    const Snapshot snapshot = { .endpoints = endpoints,
                                .n_endpoints = 1,
                                .trust_stores = stores,
                                .n_trust_stores = 1,
                                .catalogue = catalogue };
    for (int seen = 0; seen < 2; seen++) {
        Plan plan;
        state->oldest = seen ? &state->addresses[0] : NULL;
        state->rotation.class = seen ? CLASS_RESTART : CLASS_AUTO;
        assert_int_equal(plan_make(&snapshot, "rds-ca-ecc384-g1", &plan), 0);
        for (size_t i = 0; i < plan.n; i++)
            if (plan.steps[i].steps.n > 0)
                take(said, "plan", steps_copy(&plan.steps[i].steps));
        plan_deinit(&plan);
    }
}

static Said say(const Scene *s, const Catalogue *catalogue)
{
    static const char *const formats[] = { "PEM", "PKCS#7", "PKCS#12" };
    const Policy policy = { .unreachable_after = 3, .catalogue = catalogue };
    Said said = { 0 };
    say_endpoint(s, &policy, &said);
    say_event(s, &policy, &said);
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        say_store(s, catalogue, formats[i], &said);
    say_bundle(s, &said);
    say_self(s, &said);
    say_discovery(s, &said);
    say_plan(s, catalogue, &said);
    return said;
}

static void print(const char *text)
{
    (void)fwrite(text ? text : "", 1, text ? strlen(text) + 1 : 1, stdout);
}

/* Whether the text that is varied is nowhere in it, so that there is nothing to see. */
static bool is_as_usual(const StepList *harmless, const StepList *hostile)
{
    _cleanup_free_ char *a = steps_script(harmless), *b = steps_script(hostile);
    return strcmp(a, b) == 0;
}

static void print_case(const char *field, const char *label, const char *payload, const StepList *harmless,
                       const StepList *hostile)
{
    _cleanup_free_ char *title = xasprintf("%s: %s", label, field), *n = xasprintf("%zu", hostile->n),
                        *script = steps_script(hostile);
    print(title);
    print(HARMLESS);
    print(payload);
    print(n);
    for (size_t i = 0; i < hostile->n; i++) {
        print(harmless->items[i].run);
        print(hostile->items[i].run);
    }
    print(script);
}

static void vary(const Scene *harmless, Field field, const Catalogue *catalogue)
{
    Said usual = say(harmless, catalogue);
    for (size_t p = 0; p < ARRAY_SIZE(payloads); p++) {
        Scene s = scene(harmless->engine, harmless->class, harmless->from_api, field, payloads[p]);
        Said said = say(&s, catalogue);
        assert_int_equal(said.n, usual.n);
        for (size_t i = 0; i < said.n; i++) {
            bool alike = usual.lists[i].n == said.lists[i].n;
            if (!alike || !is_as_usual(&usual.lists[i], &said.lists[i]))
                print_case(fields[field].label, said.labels[i], payloads[p],
                           alike ? &usual.lists[i] : &said.lists[i], &said.lists[i]);
        }
        said_deinit(&said);
        scene_deinit(&s);
    }
    said_deinit(&usual);
}

int main(void)
{
    static const struct {
        const char *engine;
        RotationClass class;
        int from_api;
    } scenes[] = {
        { "postgres", CLASS_ONLINE, -1 },
        { "aurora-mysql", CLASS_RESTART, RDS_INSTANCE },
        { "mysql", CLASS_AUTO, RDS_INSTANCE + N_RDS_KINDS },
        { "sqlserver-se", CLASS_EXTERNAL, RDS_CLUSTER + N_RDS_KINDS },
        { "oracle-ee", CLASS_RESTART, -1 },
        { "db2-se", CLASS_ACM, -1 },
        { "docdb", CLASS_ONLINE, RDS_CLUSTER },
        { "redshift", CLASS_ACM, -1 },
        { "tls", CLASS_AUTO, RDS_PROXY },
    };
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
        for (Field field = 0; field < N_FIELDS; field++) {
            Scene harmless = scene(scenes[i].engine, scenes[i].class, scenes[i].from_api, field, HARMLESS);
            vary(&harmless, field, catalogue);
            scene_deinit(&harmless);
        }
    return ferror(stdout) || fflush(stdout) == EOF;
}
