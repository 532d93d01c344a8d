/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trying a new binary before anything depends on it, and being tried. Runs on the keeper's one
 * thread; what stands between fork and exec runs in the child. What the child says is hostile: a
 * broken binary may say anything.
 */
#include "keeper/upgrade_check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keeper/handover.h"
#include "keeper/keeper.h"
#include "keeper/state.h"
#include "process/check.h"
#include "process/log.h"

#define SPARE_FD 20 /* descriptors go above this before they go to their places */

#define BINARY_PLACE CHECK_FDS /* behind what the check finds open */
#define PLACES (CHECK_FDS + 1)

/* Copies of `fds` at CHECK_ANSWER_FD and behind; -1 = that place stays empty. All others close. */
static int place_descriptors(const int fds[PLACES])
{
	int spare[PLACES];

	for (int i = 0; i < PLACES; i++) {
		spare[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, SPARE_FD);
		if (fds[i] >= 0 && spare[i] < 0)
			return -errno;
	}
	for (int i = 0; i < PLACES; i++) {
		if (spare[i] < 0)
			close(CHECK_ANSWER_FD + i);
		else if (dup2(spare[i], CHECK_ANSWER_FD + i) < 0)
			return -errno;
	}
	close_range(CHECK_ANSWER_FD + PLACES, ~0u, 0);
	return 0;
}

/* As the children start: what they could not do, it cannot do either. */
static int become_check(const struct keeper *keeper, const int fds[PLACES])
{
	struct run_arguments arguments;
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	int error;

	sigaction(SIGPIPE, &usual, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0); /* so that it ends with all that it started */
	error = place_descriptors(fds);
	if (!error && keeper->has_identity)
		error = privileges_drop(&keeper->identity);
	if (error)
		return error;
	run_options_to_arguments(&keeper->options, CHECK_COMMAND, &arguments);
	execveat(CHECK_ANSWER_FD + BINARY_PLACE, "", arguments.argv, environ, AT_EMPTY_PATH);
	return -errno;
}

static void answer_for_it(int error)
{
	char text[128];
	int size = snprintf(text, sizeof(text), CHECK_NO "it cannot be started: %s\n",
			    strerror(-error));

	if (write(CHECK_ANSWER_FD, text, (size_t)size) != size)
		_exit(2);
	_exit(1);
}

int upgrade_check_begin(struct keeper *keeper)
{
	struct upgrade *upgrade = &keeper->upgrade;
	const struct history_row *newest = history_newest(&keeper->history);
	int answer[2] = { -1, -1 }, state = -1, error;
	pid_t pid = -1;

	upgrade->new_binary = open(upgrade->path, O_PATH | O_CLOEXEC);
	error = upgrade->new_binary < 0 ? -errno : handover_write(keeper, &state);
	if (!error && pipe2(answer, O_CLOEXEC | O_NONBLOCK) < 0)
		error = -errno;
	if (!error)
		pid = fork();
	if (pid == 0) {
		const int fds[PLACES] = { answer[1],
					  state,
					  keeper->regions_fd,
					  keeper->sessions_fd,
					  newest ? newest->fd : -1,
					  upgrade->new_binary };

		answer_for_it(become_check(keeper, fds));
	}
	if (!error && pid < 0)
		error = -errno;
	if (state >= 0)
		close(state);
	if (answer[1] >= 0)
		close(answer[1]);
	upgrade->check_answer = answer[0];
	upgrade->answer_size = 0;
	if (error) {
		upgrade_check_end(upgrade);
		return error;
	}
	setpgid(pid, pid); /* whoever of the two comes first */
	upgrade->check_pid = pid;
	return 0;
}

void upgrade_check_read(struct upgrade *upgrade)
{
	while (upgrade->check_answer >= 0) {
		size_t room = sizeof(upgrade->answer) - 1 - upgrade->answer_size;
		ssize_t got =
			read(upgrade->check_answer, upgrade->answer + upgrade->answer_size, room);

		if (got < 0 && errno == EAGAIN)
			return;
		if (got > 0)
			upgrade->answer_size += (size_t)got;
		if (got > 0 || (got < 0 && errno == EINTR))
			continue;
		/* Its end, or more than anybody wants to read. */
		close(upgrade->check_answer);
		upgrade->check_answer = -1;
	}
}

int upgrade_check_result(const struct upgrade *upgrade, int status, char *why, size_t why_size)
{
	const char *answer = upgrade->answer;
	size_t size = upgrade->answer_size;
	const char *end = memchr(answer, '\n', size);

	if (status == 0 && end && size > strlen(CHECK_OK) &&
	    strncmp(answer, CHECK_OK "\n", strlen(CHECK_OK) + 1) == 0)
		return 0;
	if (end && size > strlen(CHECK_NO) && strncmp(answer, CHECK_NO, strlen(CHECK_NO)) == 0)
		snprintf(why, why_size, "%.160s: %.*s", upgrade->path,
			 (int)(end - answer - (ptrdiff_t)strlen(CHECK_NO)),
			 answer + strlen(CHECK_NO));
	else
		snprintf(why, why_size, "%.160s ended with %s, without an answer", upgrade->path,
			 child_status_text(status));
	return -EINVAL;
}

void upgrade_check_end(struct upgrade *upgrade)
{
	if (upgrade->check_answer >= 0)
		close(upgrade->check_answer);
	upgrade->check_answer = -1;
	if (upgrade->new_binary >= 0)
		close(upgrade->new_binary);
	upgrade->new_binary = -1;
	if (upgrade->check_pid > 0) {
		kill(-upgrade->check_pid, SIGKILL);
		kill(upgrade->check_pid, SIGKILL);
	}
	upgrade->check_pid = 0;
}

/* --- The other side: this is the new binary. */

int keeper_check_upgrade(const struct run_options *options, char *why, size_t why_size)
{
	struct regions *regions = NULL;
	struct snapshot snapshot = { 0 };
	char text[160] = "";
	int error = handover_check(CHECK_STATE_FD, options, why, why_size);

	if (error)
		return error;
	error = regions_open(CHECK_REGIONS_FD, &regions);
	if (error) {
		snprintf(why, why_size, "the shared region: %s",
			 error == -EBADMSG ? "it is of another version" : strerror(-error));
		return error;
	}
	if (regions_workers(regions) != options->workers)
		error = -EBADMSG;
	regions_close(regions);
	if (error) {
		snprintf(why, why_size, "the shared region: it is for another number of workers");
		return error;
	}
	if (fcntl(CHECK_SNAPSHOT_FD, F_GETFD) < 0)
		return 0;
	error = snapshot_open(CHECK_SNAPSHOT_FD, true, &snapshot, text, sizeof(text));
	if (error)
		snprintf(why, why_size, "the configuration: %s",
			 error == -EBADMSG ? text : strerror(-error));
	snapshot_close(&snapshot);
	return error;
}
