/* SPDX-License-Identifier: Apache-2.0 */
/* Runs over a TCP listener: thrown ones, and sweeps. */
#ifndef SIM_CASES_TALK_H
#define SIM_CASES_TALK_H

#include "sim.h"

/* Everything thrown, after the dice said that this seed talks. */
void talk_seed(void);

#define TALK_HOLDS 8
bool talk_hold_run(unsigned variant, unsigned at);
#define TALK_BREAKS 4
bool talk_break_run(unsigned variant, unsigned at);
#define TALK_CHANGES 9
bool talk_change_run(unsigned variant, unsigned at);

#endif
