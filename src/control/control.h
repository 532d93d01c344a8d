/* SPDX-License-Identifier: Apache-2.0 */
/* Control's face: `setia control`, started by the keeper. Returns an exit code. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H
#include "process/options.h"
int control_main(const struct run_options *options);
#endif
