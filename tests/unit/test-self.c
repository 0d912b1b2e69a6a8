#include "unit.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "rules/rule-daemon.h"

static const char *found(DaemonState *self, const char *now)
{
    static char text[512];
    rule_evaluate_daemon(self, at(now));
    text[0] = 0;
    for (size_t i = 0; i < self->findings.n; i++) {
        const Finding *f = &self->findings.items[i];
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s%s", i ? ", " : "",
                 finding_to_string(f->id), severity_to_string(f->severity), f->pending ? " pending" : "");
    }
    return text;
}

TEST(a_clock_that_cannot_be_right_is_waited_for_as_long_as_it_takes)
{
    static const ClockTrust all[] = { CLOCK_UNKNOWN, CLOCK_SYNCHRONISED, CLOCK_UNSYNCHRONISED };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        _cleanup_(daemon_state_deinit) DaemonState self = { .clock = all[i], .uptime_seconds = 10 };
        assert_string_equal(found(&self, "1970-01-01T00:00:12Z"), "clock-unsynchronised critical pending");
        assert_true(self.clock_waits);
        self.uptime_seconds = 10 * DAY;
        assert_string_equal(found(&self, "2026-11-19T23:59:59Z"), "clock-unsynchronised critical");
        assert_true(self.clock_waits);
        self.clock = CLOCK_SYNCHRONISED;
        assert_string_equal(found(&self, "2026-11-20T00:00:00Z"), "");
        assert_false(self.clock_waits);
    }
}

TEST(a_clock_that_may_be_right_is_waited_for_while_the_host_is_young)
{
    _cleanup_(daemon_state_deinit) DaemonState self = { .clock = CLOCK_UNSYNCHRONISED, .uptime_seconds = 119 };
    assert_string_equal(found(&self, "2027-01-01T00:00:00Z"), "clock-unsynchronised notice pending");
    assert_true(self.clock_waits);
    self.uptime_seconds = 120;
    assert_string_equal(found(&self, "2027-01-01T00:00:00Z"), "clock-unsynchronised notice");
    assert_false(self.clock_waits);
    self.clock = CLOCK_UNKNOWN; /* a sandbox does not let it be asked */
    self.uptime_seconds = 1;
    assert_string_equal(found(&self, "2027-01-01T00:00:00Z"), "");
    assert_false(self.clock_waits);
}

TEST(what_cannot_be_kept_and_what_was_set_aside_is_said_with_the_file)
{
    _cleanup_(daemon_state_deinit)
        DaemonState self = { .clock = CLOCK_SYNCHRONISED, .database = xstrdup("/s/d.db") };
    strv_append(&self.damaged, xstrdup("/s/d.db.damaged-20270101T000000Z"));
    self.unwritable = xstrdup("/s/d.db: database or disk is full");
    assert_string_equal(found(&self, "2027-01-01T00:00:00Z"),
                        "state-damaged warning, state-unwritable warning");
    assert_non_null(strstr(self.findings.items[0].message, "/s/d.db.damaged-20270101T000000Z"));
    _cleanup_free_ char *remedy = steps_script(&self.findings.items[0].steps);
    assert_non_null(strstr(remedy, "\nrm /s/d.db.damaged-20270101T000000Z"));
    assert_non_null(strstr(self.findings.items[1].message, "database or disk is full"));
}

RUN_TESTS(cmocka_unit_test(a_clock_that_cannot_be_right_is_waited_for_as_long_as_it_takes),
          cmocka_unit_test(a_clock_that_may_be_right_is_waited_for_while_the_host_is_young),
          cmocka_unit_test(what_cannot_be_kept_and_what_was_set_aside_is_said_with_the_file));
