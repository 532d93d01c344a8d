/* SPDX-License-Identifier: Apache-2.0 */
/* Every timeout of the proxy, one case each: it ends the wait when it is due and not before. */
#ifndef SIM_SWEEP_TIMEOUTS_H
#define SIM_SWEEP_TIMEOUTS_H

#include "sim.h"

#define TIMEOUT_CASES 17

/* `variant` is the case; there is one place in each. */
bool timeout_run(unsigned variant, unsigned at);

#endif
