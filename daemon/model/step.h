#pragma once

/*
 * What a finding asks people to do: commands to paste, each with where it is run and what it does to the
 * database or its clients. A command is put together from two kinds of pieces alone: literals of this program,
 * and values, which are quoted here. There is no other way to write one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/text.h"

typedef enum StepKind {
    STEP_LOOK, /* changes nothing */
    STEP_CHANGE,
    STEP_VERIFY,
} StepKind;
DECLARE_STRING_TABLE(step_kind, StepKind);

typedef enum StepPlace {
    PLACE_HERE,   /* on dbcertd's host */
    PLACE_AWS,    /* where the AWS CLI has credentials of that account */
    PLACE_CLIENT, /* where the database's clients run */
    PLACE_SERVER, /* on the database's host, or in a session with it */
} StepPlace;
DECLARE_STRING_TABLE(step_place, StepPlace);

typedef struct Step {
    StepKind kind;
    StepPlace where;
    char *run;    /* one shell command, complete; NULL: the step is done by hand */
    char *effect; /* what the command does to the database or its clients, NULL: nothing; of a step by hand,
                     what to do */
    bool refused; /* a value could not be written into the command, so that there is none */
} Step;

typedef struct StepList {
    Step *items;
    size_t n;
} StepList;

void steps_deinit(StepList *steps);
StepList steps_copy(const StepList *steps);

/* A new step after those of its kind: looks come first, then changes, then verifications. Borrowed until the
 * next one. */
Step *steps_append(StepList *steps, StepKind kind, StepPlace where);

/* Appends string literals to the command: words, after a blank; or what belongs to the word before. */
#define step_words(step, literal) step_append_words((step), "" literal "")
#define step_glue(step, literal)  step_append_literal((step), "" literal "")
void step_append_words(Step *step, const char *literal);
void step_append_literal(Step *step, const char *literal);

/*
 * Appends a value: as one word, which must not look like an option; or as a part of the word before. A value
 * that no command can carry (base/shell.h) leaves the step without one, and the step says so.
 */
void step_value(Step *step, const char *value);
void step_glue_value(Step *step, const char *value);
void step_number(Step *step, int64_t value);
void step_glue_number(Step *step, int64_t value);

/* A step that is done by hand, in words. */
void steps_by_hand(StepList *steps, StepKind kind, StepPlace where, const char *format, ...) _printf_(4, 5);

/* Says what the command does. What is no value has no place in it. */
void step_effect(Step *step, const char *format, ...) _printf_(2, 3);

/* The first command of all, and of the changes; NULL if there is none. Borrowed. */
const char *steps_first_command(const StepList *steps);
const char *steps_first_change(const StepList *steps);

/*
 * All of them as one script for sh and bash: each command on a line of its own, above it a comment with the
 * kind, the place and the effect. The caller's.
 */
char *steps_script(const StepList *steps);

/*
 * One line of text for each step, for the state database, and back. What was written otherwise, as by dbcertd
 * 0.9, becomes a step by hand that shows the text.
 */
char *steps_write(const StepList *steps);
StepList steps_read(const char *text);
