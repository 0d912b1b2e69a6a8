#pragma once

/* One endpoint's turn, from due to delivered: the only place where facts, verdicts and deeds follow one
 * another. */

#include "manager/fleet.h"

/* Starts probing; the manager hears of the end by manager_turn_over(). Negative errno if it could not start. */
int turn_start(Member *member);

/* A new verdict of what is known: after a probe, and when time alone changes it. Says what has changed. */
void turn_judge(Member *member);
