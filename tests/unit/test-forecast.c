/* What is to come, in order of time. */

#include "unit.h"

#include <stdio.h>

#include "report/forecast.h"
#include "scene.h"

#define ADDRESS "10.0.0.1"

/* "2026-07-02T12:00:00Z half-life; ...": what is foretold. Static. */
static const char *foretold(EndpointState *state, const char *now, const char *until)
{
    static char text[2048];
    Forecast forecast;
    const Snapshot snapshot = { .endpoints = &state, .n_endpoints = 1 };
    forecast_make(&snapshot, at(now), until ? at(until) : INSTANT_NONE, &forecast);
    text[0] = 0;
    for (size_t i = 0; i < forecast.n; i++) {
        const ForecastEvent *e = &forecast.items[i];
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s %s", i ? "; " : "", INSTANT_TEXT(e->at),
                 forecast_kind_to_string(e->kind));
        assert_true(strlen(e->text) > 10 && strlen(e->id) > 10);
    }
    forecast_deinit(&forecast);
    return text;
}

TEST(a_year_of_an_online_certificate)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, BEGIN_TEXT, END_TEXT);
    assert_string_equal(foretold(state, "2026-01-02T00:00:00Z", NULL),
                        "2026-07-02T12:00:00Z half-life; 2026-07-05T05:00:00Z maintenance-window; "
                        "2026-07-13T06:00:00Z overdue; 2026-10-01T18:00:00Z critical; "
                        "2027-01-01T00:00:00Z certificate-ends");
    assert_string_equal(foretold(state, "2026-01-02T00:00:00Z", "2026-07-05T05:00:00Z"),
                        "2026-07-02T12:00:00Z half-life; 2026-07-05T05:00:00Z maintenance-window");
    /* A window that is open is still to come; then the next one is. */
    assert_string_equal(foretold(state, "2026-07-05T05:30:00Z", "2026-07-12T00:00:00Z"),
                        "2026-07-05T05:00:00Z maintenance-window");
    assert_string_equal(foretold(state, "2026-07-05T06:00:00Z", "2026-07-12T23:00:00Z"),
                        "2026-07-12T05:00:00Z maintenance-window");
    assert_string_equal(foretold(state, "2030-12-01T00:00:00Z", "2061-06-01T00:00:00Z"),
                        "2030-12-01T05:00:00Z maintenance-window; 2032-01-01T00:00:00Z intermediate-ends; "
                        "2061-05-25T23:34:57Z root-ends");
}

TEST(three_years_of_one_that_needs_a_restart)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, ADDRESS, "2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z");
    assert_string_equal(
        foretold(state, "2026-01-02T00:00:00Z", "2029-12-31T00:00:00Z"),
        "2028-07-01T00:00:00Z notice; 2028-10-03T00:00:00Z overdue; 2028-12-02T00:00:00Z critical; "
        "2029-01-01T00:00:00Z certificate-ends");
}

TEST(addresses_that_share_a_certificate_share_its_future_and_others_are_told_apart)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fetch(state, "10.0.0.1", BEGIN_TEXT, END_TEXT);
    scene_fetch(state, "10.0.0.2", BEGIN_TEXT, END_TEXT);
    assert_string_equal(foretold(state, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
                        "2026-12-06T05:00:00Z maintenance-window; 2027-01-01T00:00:00Z certificate-ends");
    scene_fetch(state, "10.0.0.2", "2026-06-01T00:00:00Z", "2027-06-01T00:00:00Z");
    const char *two = foretold(state, "2026-12-25T00:00:00Z", "2027-06-01T00:00:00Z");
    assert_non_null(strstr(two, "2027-01-01T00:00:00Z certificate-ends"));
    assert_non_null(strstr(two, "2027-06-01T00:00:00Z certificate-ends"));
}

TEST(nothing_is_foretold_of_what_was_never_seen)
{
    _cleanup_(endpoint_state_freep) EndpointState *state = scene_new();
    scene_fail(state, ADDRESS, OUTCOME_UNREACHABLE, BEGIN_TEXT);
    assert_string_equal(foretold(state, BEGIN_TEXT, NULL), "");
}

RUN_TESTS(cmocka_unit_test(a_year_of_an_online_certificate),
          cmocka_unit_test(three_years_of_one_that_needs_a_restart),
          cmocka_unit_test(addresses_that_share_a_certificate_share_its_future_and_others_are_told_apart),
          cmocka_unit_test(nothing_is_foretold_of_what_was_never_seen));
