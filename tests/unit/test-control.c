#include "unit.h"

#include "base/escape.h"
#include "control/json-text.h"
#include "control/json.h"
#include "control/metrics.h"
#include "control/origin.h"
#include "control/page.h"
#include "control/route.h"
#include "ctl/target.h"
#include "scene.h"

__attribute__((constructor)) static void as_main_does(void)
{
    json_set_alloc_funcs(xmalloc, free);
}

static Answer ask(const char *method, const char *path, const char *severity, bool local)
{
    EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_evaluate(state, at("2026-08-01T00:00:00Z"));
    const DaemonState self = { 0 };
    const SilenceList silences = { 0 };
    _cleanup_(catalogue_freep) Catalogue *catalogue = catalogue_new_builtin();
    const Snapshot snapshot = {
        .catalogue = catalogue,
        .self = &self,
        .silences = &silences,
        .version = "1",
        .config_path = "/c",
        .reloaded_at = at(BEGIN_TEXT),
        .started_at = at(BEGIN_TEXT),
        .endpoints = &state,
        .n_endpoints = 1,
    };
    const Request request = { .method = method, .path = path, .severity = severity, .local = local };
    Answer answer = route_request(&request, &snapshot);
    if (answer.pieces)
        answer.text = pieces_join(TAKE(answer.pieces), &snapshot);
    endpoint_state_free(state);
    return answer;
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Takes the text; NULL if there is none. */
static json_t *body_of(Answer *answer)
{
    _cleanup_free_ char *text = TAKE(answer->text);
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

TEST(each_path_answers_as_documented)
{
    static const struct {
        const char *method, *path, *severity;
        bool local;
        unsigned status;
    } cases[] = {
        { "GET", "/v1/status", NULL, true, 200 },
        { "GET", "/v1/endpoints", NULL, true, 200 },
        { "GET", "/v1/endpoints", "warning", true, 200 },
        { "GET", "/v1/endpoints", "bad", true, 400 },
        { "GET", "/v1/endpoints/orders", NULL, true, 200 },
        { "HEAD", "/v1/endpoints/orders", NULL, true, 200 },
        { "GET", "/v1/endpoints/", NULL, true, 404 },
        { "GET", "/v1/endpoints/nobody", NULL, true, 404 },
        { "GET", "/v1/endpoints/orders/else", NULL, true, 404 },
        { "GET", "/v1/findings", NULL, true, 200 },
        { "GET", "/v1/silences", NULL, false, 200 },
        { "POST", "/v1/silences", NULL, true, 400 }, /* without a body */
        { "POST", "/v1/silences", NULL, false, 403 },
        { "PUT", "/v1/silences", NULL, true, 405 },
        { "DELETE", "/v1/silences/1", NULL, true, 404 },
        { "DELETE", "/v1/silences/1", NULL, false, 403 },
        { "GET", "/healthz", NULL, false, 200 },
        { "GET", "/nothing", NULL, true, 404 },
        { "POST", "/", NULL, true, 405 },
        { "POST", "/metrics", NULL, true, 405 },
        { "POST", "/v1/status", NULL, true, 405 },
        { "GET", "/v1/endpoints/orders/probe", NULL, true, 405 },
        { "POST", "/v1/endpoints/orders/probe", NULL, true, 0 },    /* answered when it is over */
        { "POST", "/v1/endpoints/orders/probe", NULL, false, 403 }, /* never over TCP */
        { "POST", "/v1/endpoints/nobody/probe", NULL, true, 404 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Answer answer = ask(cases[i].method, cases[i].path, cases[i].severity, cases[i].local);
        assert_int_equal(answer.status, cases[i].status);
        assert_int_equal(answer.probe != NULL, cases[i].status == 0);
        json_t *body = body_of(&answer);
        assert_int_equal(body != NULL, cases[i].status != 0);
        assert_int_equal(answer.allow != NULL, cases[i].status == 405);
        if (cases[i].status >= 400)
            assert_non_null(text(json_object_get(body, "error"), "message"));
        json_decref(body);
        free(answer.probe);
        free(answer.allow);
    }
}

/* What is foreign may be anything. */
TEST(the_page_and_the_metrics_escape)
{
    static const DaemonState self = { 0 };
    static const SilenceList silences = { 0 };
    static const Counters counters = { 0 };
    static const unsigned char nonce[PAGE_NONCE_BYTES] = { 0xab };
    EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_evaluate(state, at("2026-03-01T00:00:00Z"));
    free(state->endpoint->region);
    state->endpoint->region = xstrdup("<b a=\"x\">\\\n&");
    EndpointState *states[] = { state };
    const Snapshot snapshot = { .version = "1",
                                .endpoints = states,
                                .n_endpoints = 1,
                                .self = &self,
                                .silences = &silences,
                                .counters = &counters };
    _cleanup_free_ char *policy = NULL;
    _cleanup_free_ char *html = pieces_join(page_pieces(at("2026-03-01T00:00:00Z"), nonce, &policy), &snapshot),
                        *metrics = pieces_join(metrics_pieces(), &snapshot);
    assert_non_null(strstr(html, "data-region=\"&lt;b a=&quot;x&quot;&gt;\\\n&amp;\""));
    assert_null(strstr(html, "<b a="));
    assert_null(strstr(html, "@ROWS@"));
    assert_non_null(strstr(html, "nonce=\"ab000000000000000000000000000000\""));
    assert_non_null(strstr(policy, "'nonce-ab000000000000000000000000000000'"));
    assert_non_null(strstr(html, "<title>valid 2026-01-01 to 2027-01-01, half-life 2026-07-02"));
    assert_non_null(strstr(metrics, ",region=\"<b a=\\\"x\\\">\\\\\\n&\","));
    assert_non_null(strstr(metrics, "dbcertd_certificate_not_after_timestamp_seconds{endpoint=\"orders\","
                                    "address=\"10.0.0.1\",role=\"server\"} 1798761600\n"));
    endpoint_state_free(state);
}

TEST(filters_choose_endpoints)
{
    Answer answer = ask("GET", "/v1/endpoints", "warning", true);
    json_t *body = body_of(&answer);
    assert_int_equal(json_array_size(json_object_get(body, "endpoints")), 1);
    json_decref(body);
    answer = ask("GET", "/v1/endpoints", "ok", true);
    body = body_of(&answer);
    assert_int_equal(json_array_size(json_object_get(body, "endpoints")), 0);
    json_decref(body);
}

/* The contract's words. */
TEST(an_endpoint_has_every_member_of_the_contract)
{
    static const char *const members[] = { "name",          "host",       "port",          "engine",
                                           "region",        "severity",   "configured_ca", "served_ca",
                                           "rotation",      "not_before", "not_after",     "ca_not_after",
                                           "next_probe_at", "addresses",  "findings" };
    static const char *const of_rotation[] = { "class", "source", "half_life", "expected_by", "overdue_after" };
    static const char *const of_address[] = { "address", "outcome",      "stage", "observed_at", "duration_ms",
                                              "trusted", "name_matches", "tls",   "chain" };
    static const char *const of_chain[] = { "role",       "subject",   "issuer", "serial",    "sha256",
                                            "not_before", "not_after", "key",    "signature", "names" };
    static const char *const of_finding[] = { "id",      "severity", "address", "since",
                                              "message", "steps",    "remedy",  "due" };
    Answer answer = ask("GET", "/v1/endpoints/orders", NULL, true);
    json_t *e = body_of(&answer), *address = json_array_get(json_object_get(e, "addresses"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        assert_non_null(json_object_get(e, members[i]));
    for (size_t i = 0; i < ARRAY_SIZE(of_rotation); i++)
        assert_non_null(json_object_get(json_object_get(e, "rotation"), of_rotation[i]));
    for (size_t i = 0; i < ARRAY_SIZE(of_address); i++)
        assert_non_null(json_object_get(address, of_address[i]));
    for (size_t i = 0; i < ARRAY_SIZE(of_chain); i++)
        assert_non_null(json_object_get(json_array_get(json_object_get(address, "chain"), 1), of_chain[i]));
    for (size_t i = 0; i < ARRAY_SIZE(of_finding); i++)
        assert_non_null(json_object_get(json_array_get(json_object_get(e, "findings"), 0), of_finding[i]));
    assert_string_equal(text(json_object_get(e, "rotation"), "half_life"), "2026-07-02T12:00:00Z");
    assert_string_equal(text(e, "severity"), "warning");
    json_decref(e);
}

TEST(bytes_that_are_not_utf_8_do_not_break_the_answer)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    free(state->addresses[0].seen->chain.certificates[0]->subject);
    state->addresses[0].seen->chain.certificates[0]->subject = xstrdup("CN=M\xfcnchen");
    json_t *e = json_of_endpoint(state, false);
    const json_t *chain = json_object_get(json_array_get(json_object_get(e, "addresses"), 0), "chain");
    assert_string_equal(text(json_array_get(chain, 0), "subject"), "CN=M\\xfcnchen");
    json_decref(e);
}

TEST(a_scan_s_target_is_read)
{
    static const struct {
        const char *text, *host;
        int port;
        const char *error, *engine;
    } cases[] = {
        { "postgres://db.example", "db.example", 5432, NULL },
        { "mysql://db.example:3307", "db.example", 3307, NULL },
        { "tls://[::1]:8443", "::1", 8443, NULL },
        { "mariadb://10.0.0.1/?ca=rds-ca-rsa2048-g1&rotation=online", "10.0.0.1", 3306, NULL },
        { "postgres://db?ca=x&maintenance_window=sun:05:00-sun:06:00&verify_name=v", "db", 5432, NULL },
        { "db.example", NULL, 0, "db.example: expected ENGINE://HOST[:PORT], or --engine for HOST[:PORT]" },
        { "db.example", "db.example", 5432, NULL, "aurora-postgresql" },
        { "db.example:1", "db.example", 1, NULL, "oracle-se2-cdb" },
        { "db.example", NULL, 0, "db.example: \"orcle\" is not an engine; did you mean \"oracle\"?", "orcle" },
        { "sqlserver://db.example:1434?strict", "db.example", 1434, NULL },
        { "sqlserver-se://db.example?strict=false", "db.example", 1433, NULL },
        { "oracle-ee://db.example", "db.example", 2484, NULL },
        { "postgres://db?direct_tls=perhaps", NULL, 0,
          "postgres://db?direct_tls=perhaps: direct_tls=\"perhaps\": expected true or false" },
        { "postgres://db?strict", NULL, 0,
          "postgres://db?strict: strict is for SQL Server; leave it out for postgres" },
        { "postgres://db?kind=proxy&ca=rds-ca-rsa2048-g1", NULL, 0,
          "postgres://db?kind=proxy&ca=rds-ca-rsa2048-g1: ca is for the authorities of RDS; leave it out for a "
          "proxy, "
          "whose certificates come from AWS Certificate Manager" },
        { "postgress://db", NULL, 0,
          "postgress://db: \"postgress\" is not an engine; did you mean \"postgres\"?" },
        { "tls://db", NULL, 0, "tls://db: engine \"tls\" has no default port; expected tls://HOST:PORT" },
        { "postgres://", NULL, 0, "postgres://: \"\" is no host name" },
        { "postgres://db:99999", NULL, 0, "postgres://db:99999: \"99999\" is no port; expected 1 to 65535" },
        { "postgres://db:1x", NULL, 0, "postgres://db:1x: \"1x\" is no port; expected 1 to 65535" },
        { "postgres://db?rotaton=online", NULL, 0,
          "postgres://db?rotaton=online: unknown key \"rotaton\"; did you mean \"rotation\"?" },
        { "postgres://db?rotation=never", NULL, 0,
          "postgres://db?rotation=never: rotation=\"never\": expected one of auto, online, restart, acm, "
          "external" },
        { "postgres://db?farewell=drop", NULL, 0,
          "postgres://db?farewell=drop: farewell=\"drop\": expected refused or drop, for MySQL and MariaDB" },
        { "postgres://[::1", NULL, 0, "postgres://[::1: expected [IPv6 ADDRESS]:PORT" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *error = NULL;
        _cleanup_(endpoint_unrefp) Endpoint *endpoint = target_parse(cases[i].text, cases[i].engine, &error);
        if (cases[i].error) {
            assert_null(endpoint);
            assert_string_equal(error, cases[i].error);
            continue;
        }
        assert_null(error);
        assert_string_equal(endpoint->host, cases[i].host);
        assert_int_equal(endpoint->port, cases[i].port);
    }
}

/* Each byte at each place of texts that are longer than what is looked at at once: a JSON reader gives
 * it back, escaped where it is a control character. */
TEST(every_byte_is_written_so_that_it_is_read_again_escaped)
{
    enum { LENGTH = 19 };
    for (int byte = 1; byte < 0x80; byte++)
        for (size_t place = 0; place <= LENGTH; place++) {
            char value[LENGTH + 1] = "abcdefgh01234567xyz";
            Buffer text = { 0 };
            value[place] = (char)(place < LENGTH ? byte : 0);
            json_text_string(&text, NULL, value);
            json_t *read = json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY, NULL);
            assert_non_null(read);
            _cleanup_free_ char *escaped = text_escape_lines(value);
            assert_string_equal(json_string_value(read), escaped);
            json_decref(read);
            buffer_deinit(&text);
        }
}

/* Each case is a head: its target, and up to four of its fields. */
TEST(a_head_is_refused_by_its_host_its_site_and_its_origin)
{
    static char listed[] = "status.test", address[] = "fd00::1";
    static char *const hosts[] = { listed, address, NULL };
    static const struct {
        const char *target, *fields[4][2];
        Refusal refusal;
    } cases[] = {
        { "/", { { "Host", "localhost" } }, REFUSAL_NONE },
        { "/", { { "host", "LOCALHOST:65535" } }, REFUSAL_NONE },
        { "/", { { "Host", "localhost: " } }, REFUSAL_NONE }, /* RFC 3986, 3.2.3: a port may be empty */
        { "/", { { "Host", "[::1]:80 \t" } }, REFUSAL_NONE },
        { "/", { { "Host", "Status.Test" } }, REFUSAL_NONE },
        { "/", { { "Host", "[FD00::1]" } }, REFUSAL_NONE },
        { "/", { { NULL } }, REFUSAL_NO_HOST },
        { "/", { { "Host", "" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", ":80" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "::1" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "[::1" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "[localhost]" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "[127.0.0.1]" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "localhost:1x" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "localhost:123456" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "localhost/" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "localhost, rebound.test" } }, REFUSAL_BAD_HOST },
        { "/", { { "Host", "localhost." } }, REFUSAL_FOREIGN_HOST },
        { "/", { { "Host", "xlocalhost" } }, REFUSAL_FOREIGN_HOST },
        { "/", { { "Host", "localhost.rebound.test" } }, REFUSAL_FOREIGN_HOST },
        { "/", { { "Host", "127.0.0.2" } }, REFUSAL_FOREIGN_HOST },
        { "/", { { "Host", "localhost" }, { "HOST", "localhost" } }, REFUSAL_MALFORMED },
        { "/", { { "Host ", "localhost" } }, REFUSAL_MALFORMED },
        { "/", { { "Host", "localhost" }, { "A", "\001" } }, REFUSAL_MALFORMED },
        { "http://status.test/x", { { "Host", "localhost" } }, REFUSAL_NONE },
        { "HTTPS://localhost:1", { { "Host", "localhost" } }, REFUSAL_NONE },
        { "http://rebound.test/x", { { "Host", "localhost" } }, REFUSAL_FOREIGN_HOST },
        { "http://localhost/", { { "Host", "rebound.test" } }, REFUSAL_FOREIGN_HOST },
        { "*", { { "Host", "localhost" } }, REFUSAL_TARGET },
        { "", { { "Host", "localhost" } }, REFUSAL_TARGET },
        { "/", { { "Host", "localhost" }, { "Sec-Fetch-Site", "none" } }, REFUSAL_NONE },
        { "/", { { "Host", "localhost" }, { "Sec-Fetch-Site", "same-site" } }, REFUSAL_FOREIGN_SITE },
        { "/", { { "Host", "localhost" }, { "Sec-Fetch-Site", "cross-site" } }, REFUSAL_FOREIGN_SITE },
        { "/", { { "Host", "localhost" }, { "Sec-Fetch-Site", "" } }, REFUSAL_FOREIGN_SITE },
        { "/", { { "Host", "localhost:1" }, { "Origin", "http://LOCALHOST:1" } }, REFUSAL_NONE },
        { "/", { { "Host", "status.test" }, { "Origin", "https://status.test" } }, REFUSAL_NONE },
        { "/", { { "Host", "localhost:1" }, { "Origin", "http://localhost" } }, REFUSAL_FOREIGN_ORIGIN },
        { "/", { { "Host", "localhost" }, { "Origin", "null" } }, REFUSAL_FOREIGN_ORIGIN },
        { "/", { { "Host", "localhost" }, { "Origin", "localhost" } }, REFUSAL_FOREIGN_ORIGIN },
        { "/", { { "Host", "localhost" }, { "Origin", "" } }, REFUSAL_FOREIGN_ORIGIN },
        { "/", { { "Host", "localhost" }, { "Transfer-Encoding", "chunked" } }, REFUSAL_CODING },
        { "/",
          { { "Host", "localhost" }, { "Content-Length", "1" }, { "content-length", "1" } },
          REFUSAL_MALFORMED },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Head head = { .target = cases[i].target };
        for (size_t j = 0; j < 4 && cases[i].fields[j][0]; j++)
            head_add(&head, cases[i].fields[j][0], cases[i].fields[j][1]);
        assert_int_equal(head_check(&head, hosts), cases[i].refusal);
    }
    const Head absolute = { .target = "http://status.test/x" }, bare = { .target = "http://localhost" };
    assert_string_equal(head_path(&absolute), "/x");
    assert_string_equal(head_path(&bare), "/");
}

/* One endpoint is written in parts, and reads as jansson would have written all of it. */
TEST(an_endpoint_in_parts_is_the_same_text_as_a_tree_of_it)
{
    EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT);
    scene_evaluate(state, at("2026-08-01T00:00:00Z"));
    free(state->endpoint->region);
    state->endpoint->region = xstrdup("a\\\"b{[,:]}");
    const Snapshot snapshot = { .endpoints = &state, .n_endpoints = 1 };
    const Request request = { .method = "GET", .path = "/v1/endpoints/orders" };
    Answer answer = route_request(&request, &snapshot);
    json_t *tree = json_of_endpoint(state, false);
    _cleanup_free_ char *parts = pieces_join(TAKE(answer.pieces), &snapshot),
                        *whole = json_dumps(tree, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    assert_string_equal(parts, whole);
    json_decref(tree);
    endpoint_state_free(state);
}

/* While a client reads, a reload may take endpoints away, bring others and change their order. */
TEST(a_walk_goes_on_behind_where_it_was)
{
    static const char names[] = "abcdef";
    EndpointState *states[ARRAY_SIZE(names) - 1];
    Walk walk = { 0 };
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        states[i] = scene_new();
        free(states[i]->endpoint->name);
        states[i]->endpoint->name = xasprintf("%c", names[i]);
    }
    EndpointState *a = states[0], *b = states[1], *c = states[2], *d = states[3], *e = states[4],
                  *f = states[5];
    EndpointState *before[] = { a, b, c, d }, *fewer[] = { b, c, d }, *other[] = { e, d, c, f },
                  *without[] = { a, b, d, e }, *none[] = { NULL };
    const struct {
        EndpointState **fleet;
        size_t n;
        const EndpointState *next;
    } steps[] = {
        { before, 4, a }, { before, 4, b }, { fewer, 3, c },  { other, 4, f },      { other, 4, NULL },
        { before, 4, a }, { before, 4, b }, { before, 4, c }, { without, 4, NULL }, { none, 0, NULL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        const Snapshot snapshot = { .endpoints = steps[i].fleet, .n_endpoints = steps[i].n };
        assert_ptr_equal(walk_next(&walk, &snapshot), steps[i].next);
        assert_int_equal(walk.lost, steps[i].fleet == without);
        if (!steps[i].next)
            walk_deinit(&walk);
    }
    for (size_t i = 0; i < ARRAY_SIZE(states); i++)
        endpoint_state_free(states[i]);
}

RUN_TESTS(cmocka_unit_test(a_head_is_refused_by_its_host_its_site_and_its_origin),
          cmocka_unit_test(an_endpoint_in_parts_is_the_same_text_as_a_tree_of_it),
          cmocka_unit_test(a_walk_goes_on_behind_where_it_was),
          cmocka_unit_test(each_path_answers_as_documented), cmocka_unit_test(the_page_and_the_metrics_escape),
          cmocka_unit_test(filters_choose_endpoints),
          cmocka_unit_test(an_endpoint_has_every_member_of_the_contract),
          cmocka_unit_test(every_byte_is_written_so_that_it_is_read_again_escaped),
          cmocka_unit_test(bytes_that_are_not_utf_8_do_not_break_the_answer),
          cmocka_unit_test(a_scan_s_target_is_read));
