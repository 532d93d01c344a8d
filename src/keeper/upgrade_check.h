/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start check of an upgrade (process/check.h), seen from the keeper that asks: a child that
 * runs the new binary, its one line of answer, its end. The keeper's one thread.
 */
#ifndef KEEPER_UPGRADE_CHECK_H
#define KEEPER_UPGRADE_CHECK_H

#include "keeper/upgrade.h"

/* Starts upgrade->path. -errno. */
int upgrade_check_begin(struct keeper *keeper);
/* Takes what it has said so far. */
void upgrade_check_read(struct upgrade *upgrade);
/* It ended: 0 when it can go on, else -EINVAL with a sentence in `why`. */
int upgrade_check_result(const struct upgrade *upgrade, int status, char *why, size_t why_size);
/* Ends it if it still runs, and all that it started; forgets the new binary. */
void upgrade_check_end(struct upgrade *upgrade);

#endif
