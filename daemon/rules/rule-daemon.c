#include "rules/rule-daemon.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"

/* 2026-11-20T00:00:00Z: no clock that is right shows an instant before this was written. */
#define WRITTEN_AT INT64_C(1795132800)

/* A host that has just booted is given so long to synchronise its clock before it is taken as it is. */
#define SETTLING (2 * MINUTE)

static StepList set_clock(void)
{
    StepList steps = { 0 };
    step_words(steps_append(&steps, STEP_LOOK, PLACE_HERE), "timedatectl status");
    Step *step = steps_append(&steps, STEP_CHANGE, PLACE_HERE);
    step_words(step, "timedatectl set-ntp true");
    step_effect(step, "sets this host's clock");
    return steps;
}

/*
 * Dates that are judged by a wrong clock are false alarms, and silence: so nothing is judged by one that cannot
 * be right. One that may be right and is not synchronised is waited for only while the host is young, since on
 * many a host nobody tells the kernel.
 */
static void rule_clock(DaemonState *self, int64_t now)
{
    bool wrong = now < WRITTEN_AT, young = self->uptime_seconds < SETTLING;
    Finding *finding;
    self->clock_waits = wrong || (self->clock == CLOCK_UNSYNCHRONISED && young);
    if (wrong)
        finding = finding_list_say(
            &self->findings, FINDING_CLOCK_UNSYNCHRONISED, SEVERITY_CRITICAL, NULL, INSTANT_NONE,
            xasprintf("this host's clock says %s, which is before this dbcertd was written: nothing is probed "
                      "or judged until it is set",
                      INSTANT_TEXT(now)),
            set_clock());
    else if (self->clock == CLOCK_UNSYNCHRONISED)
        finding = finding_list_say(
            &self->findings, FINDING_CLOCK_UNSYNCHRONISED, SEVERITY_NOTICE, NULL, INSTANT_NONE,
            xstrdup("the kernel says that this host's clock is not synchronised; certificates are "
                    "judged by it as it is"),
            set_clock());
    else
        return;
    finding->pending = young;
}

static StepList look_at_damage(const DaemonState *self)
{
    StepList steps = { 0 };
    Step *recover = steps_append(&steps, STEP_LOOK, PLACE_HERE);
    step_words(recover, "sqlite3");
    step_value(recover, self->damaged[0]);
    step_words(recover, ".recover");
    step_words(steps_append(&steps, STEP_LOOK, PLACE_HERE), "dmesg --level=err,warn");
    Step *remove = steps_append(&steps, STEP_CHANGE, PLACE_HERE);
    step_words(remove, "rm");
    for (char **path = self->damaged; *path; path++)
        step_value(remove, *path);
    step_effect(remove, "deletes what was kept of the damaged database");
    return steps;
}

static void rule_damage(DaemonState *self)
{
    if (strv_length(self->damaged) == 0)
        return;
    Buffer text = { 0 };
    buffer_printf(&text,
                  "%s was damaged, and another one was begun: the history up to then is missing, and "
                  "what stood then may be said again. The damaged one is kept:",
                  self->database);
    for (char **path = self->damaged; *path; path++)
        buffer_printf(&text, " %s", *path);
    finding_list_say(&self->findings, FINDING_STATE_DAMAGED, SEVERITY_WARNING, NULL, INSTANT_NONE,
                     buffer_take_text(&text), look_at_damage(self));
}

/* It is tried again every minute, so there is nothing to do but to make room. */
static StepList look_at_disk(const DaemonState *self)
{
    StepList steps = { 0 };
    Step *space = steps_append(&steps, STEP_LOOK, PLACE_HERE);
    step_words(space, "df -h");
    step_value(space, self->database);
    Step *mode = steps_append(&steps, STEP_LOOK, PLACE_HERE);
    step_words(mode, "ls -ld");
    step_value(mode, self->database);
    return steps;
}

static void rule_unwritable(DaemonState *self)
{
    if (!self->unwritable)
        return;
    finding_list_say(&self->findings, FINDING_STATE_UNWRITABLE, SEVERITY_WARNING, NULL, INSTANT_NONE,
                     xasprintf("what is seen and said cannot be kept: %s. Watching goes on; but a restart now "
                               "would forget it, and say again what was said",
                               self->unwritable),
                     look_at_disk(self));
}

void rule_evaluate_daemon(DaemonState *self, int64_t now)
{
    finding_list_deinit(&self->findings);
    rule_clock(self, now);
    rule_damage(self);
    rule_unwritable(self);
}
