/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `setia check-upgrade`: a new binary, started by the old keeper, says whether it can go on with
 * what the old one holds. It gets copies of the descriptors below and answers with one line on the
 * first of them: "ok", or "no REASON". It changes nothing.
 */
#ifndef PROCESS_CHECK_H
#define PROCESS_CHECK_H

#define CHECK_COMMAND "check-upgrade"
#define CHECK_ANSWER_FD 3 /* a pipe */
#define CHECK_STATE_FD 4 /* keeper/handover.h */
#define CHECK_REGIONS_FD 5
#define CHECK_SESSIONS_FD 6
#define CHECK_SNAPSHOT_FD 7 /* closed when there is no snapshot yet */
#define CHECK_FDS 5

#define CHECK_OK "ok"
#define CHECK_NO "no "

#endif
