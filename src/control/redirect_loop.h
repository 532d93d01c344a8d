/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a redirection can lead a client back to where it came from. Other rules may catch what
 * was sent to a target, and be redirected themselves, so this follows the requests and not the
 * rules. Pure; control's thread.
 */
#ifndef CONTROL_REDIRECT_LOOP_H
#define CONTROL_REDIRECT_LOOP_H

#include "model/model.h"

/*
 * Of a rule that is redirected. Where it cannot be known (hosts of wildcards, paths of regular
 * expressions) true is the answer, so that false is certain within this instance.
 */
bool redirect_may_loop(const struct instance *instance, const struct listener *listener,
		       const struct rule *rule);

#endif
