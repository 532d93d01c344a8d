/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's face: `setia run`. Returns an exit code when everything it started has ended. */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H
#include "process/options.h"
int keeper_main(const struct run_options *options);
#endif
