#pragma once

/* Shared by remedy.c and remedy-wire.c alone: what to do about findings of the wire. */

#include "rules/case.h"

typedef void (*Remedy)(const Case *c, StepList *steps);

void remedy_self_signed(const Case *c, StepList *steps);
void remedy_reach(const Case *c, StepList *steps);
void remedy_allow_tls(const Case *c, StepList *steps);
void remedy_require_tls(const Case *c, StepList *steps);
void remedy_modernise(const Case *c, StepList *steps);
void remedy_unblock(const Case *c, StepList *steps);
void remedy_look_up(const Case *c, StepList *steps);
