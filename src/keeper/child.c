/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, ending and restarting a child. Runs on the keeper's one thread; the part between fork
 * and exec runs in the child, which has one thread too.
 */
#include "keeper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/log.h"

#define CHILD_SPARE_FD 10 /* descriptors go above this before they go to their places */
#define CHILD_EXEC_FAILED 127

void child_init(struct child *child, const char *name)
{
	*child = (struct child){
		.name = name, .channel = -1, .start_due_ms = 0, .kill_due_ms = CHILD_NEVER
	};
}

unsigned child_pause_ms(unsigned ends)
{
	unsigned pause_ms = CHILD_PAUSE_LEAST_MS;

	if (ends < 2)
		return 0;
	for (unsigned i = 2; i < ends && pause_ms < CHILD_PAUSE_MOST_MS; i++)
		pause_ms *= 2;
	return pause_ms < CHILD_PAUSE_MOST_MS ? pause_ms : CHILD_PAUSE_MOST_MS;
}

static void child_plan(struct child *child, uint64_t now_ms)
{
	child->ends++;
	child->start_due_ms = now_ms + child_pause_ms(child->ends);
}

/* Puts the descriptors in their places and closes all others. */
static int place_descriptors(int channel, int api_socket, int *binary)
{
	int spare_channel = fcntl(channel, F_DUPFD_CLOEXEC, CHILD_SPARE_FD);
	int spare_api = api_socket < 0 ? -1 : fcntl(api_socket, F_DUPFD_CLOEXEC, CHILD_SPARE_FD);
	int spare_binary = *binary < 0 ? -1 : fcntl(*binary, F_DUPFD_CLOEXEC, CHILD_SPARE_FD);
	unsigned first_unused = api_socket < 0 ? CHILD_CHANNEL_FD + 1 : CHILD_API_FD + 1;

	if (spare_channel < 0 || dup2(spare_channel, CHILD_CHANNEL_FD) < 0)
		return -errno;
	if (api_socket >= 0 && (spare_api < 0 || dup2(spare_api, CHILD_API_FD) < 0))
		return -errno;
	if (*binary >= 0) {
		/* Behind the others; it closes itself with the exec. */
		if (spare_binary < 0 || dup3(spare_binary, (int)first_unused, O_CLOEXEC) < 0)
			return -errno;
		*binary = (int)first_unused++;
	}
	/* Ours are close-on-exec; this is for what the keeper itself was started with. A kernel
	 * without the call keeps those. */
	close_range(first_unused, ~0u, 0);
	return 0;
}

/*
 * A terminal's Ctrl-C or a service manager's signal reaches the whole group: only the keeper
 * answers it, and tells the children in order. They end by STOP, by the end of their channel, or by
 * SIGKILL.
 */
static void set_signals(void)
{
	/* SIGXFSZ: a roof on the size of files is one write's error, not the end of traffic. */
	static const int ignored[] = {
		SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGXFSZ
	};
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &ignore, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become_child(const struct child *child, const struct child_setup *setup, int channel,
			pid_t keeper)
{
	struct run_arguments arguments;
	int binary = setup->binary, error;

	set_signals();
	error = place_descriptors(channel, setup->api_socket, &binary);
	if (!error && setup->identity)
		error = privileges_drop(setup->identity);
	if (error)
		return error;
	/* After the change of user, which clears it. The keeper may have died before it took hold.
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (getppid() != keeper)
		return -ESRCH;
	run_options_to_arguments(setup->options, child->name, &arguments);
	if (binary < 0)
		execve("/proc/self/exe", arguments.argv, environ);
	else
		execveat(binary, "", arguments.argv, environ, AT_EMPTY_PATH);
	return -errno;
}

static int child_spawn(struct child *child, const struct child_setup *setup)
{
	int ends[2], error;
	pid_t keeper = getpid(), pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		error = become_child(child, setup, ends[1], keeper);
		log_event(LOG_LEVEL_ERROR, "child_start_failed", "child", child->name, "reason",
			  log_errno(error), NULL);
		_exit(CHILD_EXEC_FAILED);
	}
	error = -errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return error;
	}
	child->pid = pid;
	child->channel = ends[0];
	return 0;
}

int child_start(struct child *child, const struct child_setup *setup, uint64_t now_ms)
{
	int error = child_spawn(child, setup);

	if (error) {
		child_plan(child, now_ms);
		log_event(LOG_LEVEL_ERROR, "child_start_failed", "child", child->name, "reason",
			  log_errno(error), "retry_ms",
			  log_number((int64_t)(child->start_due_ms - now_ms)), NULL);
		return error;
	}
	snprintf(child->version, sizeof(child->version), "%s", setup->version);
	child->is_asked = false;
	child->live = 0;
	child->started_ms = now_ms;
	child->started_s = clock_wall_s();
	child->start_due_ms = CHILD_NEVER;
	child->kill_due_ms = CHILD_NEVER;
	log_event(LOG_LEVEL_INFO, "child_started", "child", child->name, "pid",
		  log_number(child->pid), NULL);
	return 0;
}

const char *child_status_text(int status)
{
	static _Thread_local char text[32];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %s", sigabbrev_np(WTERMSIG(status)) ?: "?");
	else
		snprintf(text, sizeof(text), "exit code %d", WEXITSTATUS(status));
	return text;
}

/* Its successor may come at once, and is not held to account for it. */
static void child_left(struct child *child, const char *pid, uint64_t now_ms)
{
	child->ends = 0;
	child->start_due_ms = now_ms;
	log_event(LOG_LEVEL_INFO, "child_left", "child", child->name, "pid", pid, NULL);
}

void child_ended(struct child *child, int status, uint64_t now_ms)
{
	bool is_signal = WIFSIGNALED(status);
	uint64_t lived_ms = now_ms - child->started_ms;
	const char *pid = log_number(child->pid);

	child_close_channel(child);
	child->pid = 0;
	child->kill_due_ms = CHILD_NEVER;
	if (child->is_asked && status == 0) {
		child_left(child, pid, now_ms);
		return;
	}
	if (lived_ms >= CHILD_STEADY_MS)
		child->ends = 0;
	child_plan(child, now_ms);
	log_event(LOG_LEVEL_WARNING, "child_died", "child", child->name, "pid", pid,
		  is_signal ? "signal" : "exit_code",
		  is_signal ? sigabbrev_np(WTERMSIG(status)) : log_number(WEXITSTATUS(status)),
		  "lived_ms", log_number((int64_t)lived_ms), "retry_ms",
		  log_number((int64_t)(child->start_due_ms - now_ms)), NULL);
}

void child_kill(struct child *child)
{
	child_close_channel(child);
	if (child->pid > 0)
		kill(child->pid, SIGKILL);
	child->kill_due_ms = CHILD_NEVER;
}

void child_close_channel(struct child *child)
{
	if (child->channel >= 0)
		close(child->channel);
	child->channel = -1;
}
