/* What it means that an address serves another certificate than before. */

#include "unit.h"

#include "rules/event.h"
#include "scene.h"

#define ADDRESS "10.0.0.1"

static const Policy policy = { .unreachable_after = 3 };

/* The certificate that is served from here on; what was before is kept in *before. */
static void replace(EndpointState *state, const char *begin, const char *end, Served *before)
{
    served_note(before, endpoint_state_find(state, ADDRESS));
    scene_fetch(state, ADDRESS, begin, end);
}

/* The event's id, "" if there is none; its message into *message, the caller's. */
static const char *told(EndpointState *state, const Served *before, char **message)
{
    Finding event;
    *message = NULL;
    if (!event_of(state, &state->addresses[0], before, &policy, at("2026-07-10T00:00:00Z"), &event))
        return "";
    FindingId id = event.id;
    *message = xstrdup(event.message);
    assert_int_equal(event.severity, id == FINDING_ROTATED_BACK ? SEVERITY_WARNING : SEVERITY_NOTICE);
    assert_string_equal(event.address, ADDRESS);
    assert_non_null(steps_first_command(&event.steps));
    finding_deinit(&event);
    return finding_to_string(id);
}

TEST(a_rotation_is_told_with_its_age_and_whether_it_was_on_time)
{
    static const struct {
        const char *begin, *end, *next_begin, *next_end, *id, *words;
    } cases[] = {
        { BEGIN_TEXT, END_TEXT, "2026-07-05T05:30:00Z", "2027-07-05T05:30:00Z", "rotated",
          "at 50 % of its life (185d 5h), on time" },
        { BEGIN_TEXT, END_TEXT, "2026-12-01T00:00:00Z", "2027-12-01T00:00:00Z", "rotated",
          "at 91 % of its life (334d), late" },
        { BEGIN_TEXT, END_TEXT, "2026-02-01T00:00:00Z", "2027-02-01T00:00:00Z", "rotated-early",
          "at 8 % of its life (31d), before 2026-07-02T12:00:00Z, when it would have been due" },
        { BEGIN_TEXT, END_TEXT, "2026-07-01T00:00:00Z", "2027-07-01T00:00:00Z", "rotated", "on time" },
        { BEGIN_TEXT, END_TEXT, "2025-07-01T00:00:00Z", "2026-07-01T00:00:00Z", "rotated-back",
          "is gone and an older one is back" },
        { "2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z", "2028-08-01T00:00:00Z", "2031-08-01T00:00:00Z",
          "rotated", "at 86 % of its life (943d), on time" },
        { "2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z", "2027-08-01T00:00:00Z", "2030-08-01T00:00:00Z",
          "rotated-early", "before 2028-07-01T00:00:00Z" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        _cleanup_(served_deinit) Served before = { 0 };
        _cleanup_free_ char *message = NULL;
        scene_fetch(state, ADDRESS, cases[i].begin, cases[i].end);
        replace(state, cases[i].next_begin, cases[i].next_end, &before);
        assert_string_equal(told(state, &before, &message), cases[i].id);
        assert_non_null(strstr(message, cases[i].words));
        assert_non_null(strstr(message, cases[i].begin));
        assert_non_null(strstr(message, cases[i].next_end));
    }
}

TEST(what_is_no_rotation_is_no_event)
{
    static const char *const flaws[] = { "same", "first", "self-made", "another-instance" };
    for (size_t i = 0; i < ARRAY_SIZE(flaws); i++) {
        _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
        _cleanup_(served_deinit) Served before = { 0 };
        _cleanup_free_ char *message = NULL;
        bool first = strcmp(flaws[i], "first") == 0, same = strcmp(flaws[i], "same") == 0;
        if (!first)
            scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
        replace(state, same ? BEGIN_TEXT : "2026-07-05T00:00:00Z", same ? END_TEXT : "2027-07-05T00:00:00Z",
                &before);
        Certificate *now = state->addresses[0].seen->chain.certificates[0];
        if (strcmp(flaws[i], "self-made") == 0)
            now->self_issued = before.server->self_issued = true;
        if (strcmp(flaws[i], "another-instance") == 0) {
            free(now->subject);
            now->subject = xstrdup("CN=another");
        }
        assert_string_equal(told(state, &before, &message), "");
    }
}

TEST(another_ca_is_told_as_such_and_the_key_is_compared)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    _cleanup_(served_deinit) Served before = { 0 };
    _cleanup_free_ char *message = NULL, *again = NULL;
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    replace(state, "2026-07-05T00:00:00Z", "2027-07-05T00:00:00Z", &before);
    Certificate *now = state->addresses[0].seen->chain.certificates[0];
    now->key_sha256 = xstrdup("aa");
    before.server->key_sha256 = xstrdup("aa");
    assert_string_equal(told(state, &before, &message), "rotated");
    assert_non_null(strstr(message, "; the key is the same"));
    free(now->key_sha256);
    now->key_sha256 = xstrdup("bb");
    free(now->issuer_cn);
    now->issuer_cn = xstrdup("Amazon RDS us-east-1 Subordinate CA ECC384 G1.A.1");
    assert_string_equal(told(state, &before, &again), "ca-changed");
    assert_non_null(strstr(again, "; the key is another one"));
    assert_non_null(strstr(again, "(rds-ca-ecc384-g1, valid 2026-07-05"));
}

TEST(nodes_that_alternate_behind_an_address_are_told_once_a_day)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    int64_t now = at("2026-07-10T00:00:00Z");
    unsigned n = 0;
    for (int i = 0; i < 48; i++) {
        bool odd = i % 2;
        _cleanup_(served_deinit) Served before = { 0 };
        served_note(&before, endpoint_state_find(state, ADDRESS));
        scene_fetch(state, ADDRESS, odd ? BEGIN_TEXT : "2026-07-05T00:00:00Z",
                    odd ? END_TEXT : "2027-07-05T00:00:00Z");
        if (before.server)
            n += address_state_replaces(&state->addresses[0], before.server->sha256, now + i * HOUR);
    }
    assert_int_equal(n, 4); /* there and back, on each of the two days */
}

RUN_TESTS(cmocka_unit_test(a_rotation_is_told_with_its_age_and_whether_it_was_on_time),
          cmocka_unit_test(what_is_no_rotation_is_no_event),
          cmocka_unit_test(another_ca_is_told_as_such_and_the_key_is_compared),
          cmocka_unit_test(nodes_that_alternate_behind_an_address_are_told_once_a_day));
