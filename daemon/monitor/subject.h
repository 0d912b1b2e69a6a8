#pragma once

/*
 * What is monitored: whatever findings are about. A subject is evaluated when something about it has changed,
 * and when time alone changes what is found; its findings are published, and it is known by its name.
 *
 *   something has changed: subject_evaluate() -> type->evaluate() -> publisher_tell() -> subject_wake_at()
 *   an instant has come:   type->woken(), else the same
 */

#include "base/heap.h"
#include "publish/publisher.h"

typedef struct Subject Subject;
typedef struct Subjects Subjects;

typedef struct SubjectType {
    SubjectKind kind;
    bool by_any_clock; /* also by one that cannot be right */

    /* Makes the findings again. Returns when time alone changes them; INSTANT_NONE: it cannot be evaluated yet,
     * and the active alerts stay. */
    int64_t (*evaluate)(Subject *subject, int64_t now);

    /* The instant has come; NULL: it is evaluated. */
    void (*woken)(Subject *subject);
} SubjectType;

/* Lives in what it stands for. */
struct Subject {
    const SubjectType *type;
    const char *name;      /* borrowed, as all that follows */
    FindingList *findings; /* what type->evaluate() makes */
    EndpointState *state;  /* of an endpoint; else NULL */
    Subjects *subjects;
    HeapItem wake;
};

/* All of them. One index, one heap of instants, one gate. */
struct Subjects {
    sd_event_source *timer; /* CLOCK_REALTIME: the first of the instants */
    Publisher *publisher;
    void *index; /* a tree by kind and name */
    Heap wakes;
    bool held; /* the clock cannot be right: nothing is evaluated */

    /* Something about it is different; NULL: about several. */
    void (*changed)(const Subject *subject, void *userdata);
    void *userdata;
};

/* publisher is borrowed; changed() is called from the loop. Errors: negative errno. */
int subjects_init(Subjects *subjects, sd_event *event, Publisher *publisher,
                  void (*changed)(const Subject *subject, void *userdata), void *userdata);
void subjects_deinit(Subjects *subjects);

/* held: nothing is evaluated, and nobody woken, until it is false again. At first it is false. */
void subjects_hold(Subjects *subjects, bool held);

/* Whether one of that name is monitored. */
bool subjects_has(const Subjects *subjects, SubjectKind kind, const char *name);

/* There is no other one of its kind and name. */
void subject_add(Subjects *subjects, Subject *subject);

/* Does nothing if it was not added. */
void subject_remove(Subject *subject);

/* Wakes it at that instant, in place of the one before; INSTANT_NEVER: not at all. */
void subject_wake_at(Subject *subject, int64_t at);

/* Makes its findings again, publishes them, and sets when to wake it. False: it cannot be evaluated
 * yet, and nothing was published; or it was not added. */
bool subject_evaluate(Subject *subject);
