/* SPDX-License-Identifier: Apache-2.0 */
/* The traffic process's face: `setia proxy`, started by the keeper. Returns an exit code. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H
#include "process/options.h"
int proxy_main(const struct run_options *options);
#endif
