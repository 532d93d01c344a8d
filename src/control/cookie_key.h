/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that seal persistence cookies: the first one, and a new one. Control's one thread. */
#ifndef CONTROL_COOKIE_KEY_H
#define CONTROL_COOKIE_KEY_H

#include "control/state.h"
#include "model/problem.h"

/*
 * Within the open transaction: a new key seals from now on, the one that did so far is retired but
 * goes on opening cookies for COOKIE_KEY_LIFE_S. LimitExceeded when COOKIE_KEYS_MOST of them still
 * have to open cookies. Model and store agree afterwards.
 */
int cookie_key_rotate(struct control *control, struct problem *problem, uint8_t *ret_id);

#endif
