/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --config, which the keeper opened: applied like a call of the API. Control's one
 * thread. */
#ifndef CONTROL_CONFIG_FILE_H
#define CONTROL_CONFIG_FILE_H

#include "control/api.h"

/*
 * Reads `fd` (which stays the caller's) from its start and applies it as key id "config"; `name` is
 * what messages call the file. Logs the outcome, also what is wrong with it: then nothing was
 * applied. 0 or -errno.
 */
int config_file_apply(struct api *api, int fd, const char *name);

#endif
