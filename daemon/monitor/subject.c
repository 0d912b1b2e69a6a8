#include "monitor/subject.h"

#include <search.h>
#include <string.h>

#include "base/clock.h"
#include "base/timer.h"

#define TIMER_ACCURACY_USEC (10 * USEC_PER_MSEC)
#define SLICE_USEC          (10 * USEC_PER_MSEC) /* then others have their turn */

static int compare(const void *a, const void *b)
{
    const Subject *x = a, *y = b;
    return x->type->kind != y->type->kind ? (x->type->kind > y->type->kind) - (x->type->kind < y->type->kind)
                                          : strcmp(x->name, y->name);
}

bool subjects_has(const Subjects *subjects, SubjectKind kind, const char *name)
{
    const SubjectType type = { .kind = kind };
    const Subject like = { .type = &type, .name = name };
    return tfind(&like, &subjects->index, compare) != NULL;
}

static Subject *subject_of(HeapItem *wake)
{
    return CONTAINER_OF(wake, Subject, wake);
}

static void arm(Subjects *subjects)
{
    const HeapItem *first = subjects->held ? NULL : heap_first(&subjects->wakes);
    if (!first)
        timer_disarm(subjects->timer);
    else
        timer_arm_at(subjects->timer, first->key > 0 ? (uint64_t)first->key * USEC_PER_SEC : 0);
}

void subject_add(Subjects *subjects, Subject *subject)
{
    subject->subjects = subjects;
    (void)tsearch(subject, &subjects->index, compare);
}

void subject_remove(Subject *subject)
{
    Subjects *subjects = subject->subjects;
    if (!subjects)
        return;
    (void)tdelete(subject, &subjects->index, compare);
    subject_wake_at(subject, INSTANT_NEVER);
    subject->subjects = NULL;
}

void subject_wake_at(Subject *subject, int64_t at)
{
    Subjects *subjects = subject->subjects;
    if (!subjects)
        return;
    if (at == INSTANT_NEVER)
        heap_remove(&subjects->wakes, &subject->wake);
    else
        heap_put(&subjects->wakes, &subject->wake, at);
    arm(subjects);
}

static bool evaluate(Subject *subject)
{
    _cleanup_(transition_list_deinit) TransitionList transitions = { 0 };
    Subjects *subjects = subject->subjects;
    if (subjects->held && !subject->type->by_any_clock)
        return false;
    int64_t at = subject->type->evaluate(subject, clock_now());
    if (at == INSTANT_NONE)
        return false;
    Change change = {
        .about = subject->type->kind,
        .subject = subject->name,
        .transitions = &transitions,
        .state = subject->state,
    };
    int64_t reminder = publisher_tell(subjects->publisher, subject->findings, &change);
    subject_wake_at(subject, instant_earlier(at, reminder));
    return true;
}

bool subject_evaluate(Subject *subject)
{
    if (!subject->subjects)
        return false;
    bool published = evaluate(subject);
    subject->subjects->changed(subject, subject->subjects->userdata);
    return published;
}

/*
 * A whole fleet may be due at one instant, when its CA is about to end or a bundle is another one: it is
 * evaluated in pieces, and whoever asks in between is answered.
 */
static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    Subjects *subjects = userdata;
    int64_t now = clock_now();
    uint64_t until_usec = clock_boottime_usec() + SLICE_USEC;
    for (HeapItem *first;
         clock_boottime_usec() < until_usec && (first = heap_first(&subjects->wakes)) && first->key <= now;) {
        Subject *subject = subject_of(first);
        heap_remove(&subjects->wakes, first);
        if (subject->type->woken)
            subject->type->woken(subject);
        else
            (void)evaluate(subject);
    }
    arm(subjects);
    subjects->changed(NULL, subjects->userdata);
    return 0;
}

void subjects_hold(Subjects *subjects, bool held)
{
    subjects->held = held;
    arm(subjects);
}

int subjects_init(Subjects *subjects, sd_event *event, Publisher *publisher,
                  void (*changed)(const Subject *subject, void *userdata), void *userdata)
{
    *subjects = (Subjects) { .publisher = publisher, .changed = changed, .userdata = userdata };
    int r =
        sd_event_add_time(event, &subjects->timer, CLOCK_REALTIME, 0, TIMER_ACCURACY_USEC, on_timer, subjects);
    if (r >= 0)
        timer_disarm(subjects->timer);
    return r;
}

static void keep_node(void *node _unused_)
{
}

void subjects_deinit(Subjects *subjects)
{
    sd_event_source_disable_unref(subjects->timer);
    tdestroy(subjects->index, keep_node);
    heap_deinit(&subjects->wakes);
}
