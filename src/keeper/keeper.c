/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `setia run`: holds what must outlive the other processes (listening sockets, the shared region,
 * the last good snapshot), starts control and proxy, and starts again what falls. One thread, one
 * poll loop; owns everything in struct keeper.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper/state.h"
#include "process/log.h"

#define CLOCK_SAVE_MS 60000
#define SHIFTED_TURN_MS 200 /* how often a loop looks at a clock that a test may move */
#define API_BIND_TRIES 20 /* a predecessor that was killed may still be ending: 1 s */
#define API_BIND_PAUSE_MS 50
#define STOP_MARGIN_MS 1000

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Descriptors 0 to 2 are taken, so that nothing of ours lands where a message is printed. */
static int hold_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		fcntl(fd, F_SETFD, 0);
	return 0;
}

static int open_signals(struct keeper *keeper)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, usual = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigaction(SIGPIPE, &ignore, NULL);
	/* A parent may have left these ignored: deaths would then go unnoticed. */
	sigaction(SIGCHLD, &usual, NULL);
	sigaction(SIGTERM, &usual, NULL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	keeper->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return keeper->signal_fd < 0 ? -errno : 0;
}

static int find_identity(struct keeper *keeper)
{
	const char *user = keeper->options.user;
	int error;

	if (!user) {
		if (geteuid() == 0)
			log_event(
				LOG_LEVEL_WARNING, "running_as_root", "advice",
				"traffic and API run as root too; --user NAME takes that from them",
				NULL);
		return 0;
	}
	error = privileges_find(user, &keeper->identity);
	if (!error && geteuid() != 0 && geteuid() != keeper->identity.user)
		error = -EPERM; /* only root can become another */
	if (error) {
		log_event(LOG_LEVEL_ERROR, "user_not_usable", "user", user, "reason",
			  error == -ENOENT ? "no such user" : log_errno(error), NULL);
		return error;
	}
	keeper->has_identity = geteuid() == 0;
	return 0;
}

static int open_api(struct keeper *keeper)
{
	const struct timespec pause = { .tv_nsec = API_BIND_PAUSE_MS * 1000000l };
	char address[ADDRESS_TEXT_SIZE];
	int error = 0;

	for (int i = 0; i < API_BIND_TRIES; i++) {
		error = sockets_listen(&keeper->options.api, 1, &keeper->api_socket);
		if (error != -EADDRINUSE)
			break;
		nanosleep(&pause, NULL);
	}
	if (error) {
		address_format(&keeper->options.api, address);
		log_event(LOG_LEVEL_ERROR, "api_bind_failed", "address", address, "reason",
			  log_errno(error), NULL);
	}
	return error;
}

static int keeper_open(struct keeper *keeper)
{
	const struct identity *identity;
	uint64_t now_ms;
	size_t descriptors;
	int error = find_identity(keeper);

	if (error)
		return error;
	identity = keeper->has_identity ? &keeper->identity : NULL;
	error = home_open(&keeper->home, keeper->options.data, identity);
	if (error)
		return error;
	keeper->options.data = keeper->home.path;
	error = open_api(keeper);
	if (error)
		return error;
	error = open_signals(keeper);
	if (!error)
		error = regions_create(&keeper->home.anchor, &keeper->regions_fd, &keeper->regions);
	if (error) {
		log_event(LOG_LEVEL_ERROR, "start_failed", "reason", log_errno(error), NULL);
		return error;
	}
	descriptors = privileges_raise_descriptors();
	now_ms = clock_boot_ms();
	socket_set_init(&keeper->sockets, keeper->options.workers, descriptors / 2);
	child_init(&keeper->proxy, "proxy");
	child_init(&keeper->control, "control");
	keeper->clock_due_ms = now_ms + CLOCK_SAVE_MS;
	keeper->is_config_wanted = keeper->options.config != NULL;
	exchange_load_last_good(keeper, now_ms);
	return 0;
}

static void keeper_close(struct keeper *keeper)
{
	child_close_channel(&keeper->proxy);
	child_close_channel(&keeper->control);
	socket_set_done(&keeper->sockets);
	history_done(&keeper->history);
	regions_close(keeper->regions);
	if (keeper->regions_fd >= 0)
		close(keeper->regions_fd);
	if (keeper->api_socket >= 0)
		close(keeper->api_socket);
	if (keeper->signal_fd >= 0)
		close(keeper->signal_fd);
	home_done(&keeper->home);
}

static void start_due(struct keeper *keeper, struct child *child, uint64_t now_ms)
{
	bool is_proxy = child == &keeper->proxy;
	struct child_setup setup = { .options = &keeper->options,
				     .identity = keeper->has_identity ? &keeper->identity : NULL,
				     .api_socket = is_proxy ? -1 : keeper->api_socket };

	if (keeper->is_stopping || child->pid != 0 || child->start_due_ms > now_ms)
		return;
	if (child_start(child, &setup, now_ms))
		return;
	if (is_proxy)
		exchange_greet_proxy(keeper);
	else
		exchange_greet_control(keeper);
}

static void kill_due(struct keeper *keeper, struct child *child, uint64_t now_ms)
{
	if (child->pid == 0 || child->kill_due_ms > now_ms)
		return;
	log_event(LOG_LEVEL_WARNING, "child_killed", "child", child->name, "pid",
		  log_number(child->pid), NULL);
	keeper->was_cut = keeper->was_cut || keeper->is_stopping;
	child_kill(child);
}

static struct child *child_of(struct keeper *keeper, pid_t pid)
{
	if (pid == keeper->proxy.pid)
		return &keeper->proxy;
	return pid == keeper->control.pid ? &keeper->control : NULL;
}

static void reap(struct keeper *keeper, uint64_t now_ms)
{
	int status;
	pid_t pid;

	/* Any child: as the first process of a container the keeper inherits strangers. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = child_of(keeper, pid);

		if (!child)
			continue;
		/* What it said before it ended counts. */
		exchange_hear(keeper, child, now_ms);
		if (keeper->is_stopping && status == 0) {
			child_close_channel(child);
			child->pid = 0;
			continue;
		}
		child_ended(child, status, now_ms);
		if (keeper->is_stopping)
			keeper->was_cut = true;
		else if (child == &keeper->proxy)
			exchange_proxy_ended(keeper, now_ms);
	}
}

static void stop_child(struct keeper *keeper, struct child *child, unsigned grace_s,
		       uint64_t now_ms)
{
	if (child->pid == 0)
		return;
	child->kill_due_ms =
		earlier(child->kill_due_ms, now_ms + grace_s * 1000ull + STOP_MARGIN_MS);
	exchange_send_stop(keeper, child, grace_s);
}

/* The first time with grace, the second time without. */
static void stop(struct keeper *keeper, uint64_t now_ms)
{
	unsigned grace_s = keeper->is_stopping ? 0 : keeper->options.grace_s;

	log_event(LOG_LEVEL_INFO, "stopping", "grace_s", log_number(grace_s), NULL);
	keeper->is_stopping = true;
	stop_child(keeper, &keeper->proxy, grace_s, now_ms);
	stop_child(keeper, &keeper->control, grace_s, now_ms);
	socket_set_done(&keeper->sockets);
	if (keeper->api_socket >= 0)
		close(keeper->api_socket);
	keeper->api_socket = -1;
}

static void hear_signals(struct keeper *keeper, uint64_t now_ms)
{
	struct signalfd_siginfo info;

	while (read(keeper->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(keeper, now_ms);
		else if (info.ssi_signo != SIGHUP)
			stop(keeper, now_ms);
		else if (keeper->options.config && !keeper->is_stopping)
			exchange_send_config(keeper);
		else
			log_event(LOG_LEVEL_INFO, "hangup_ignored", NULL);
	}
}

static int timeout_ms(const struct keeper *keeper, uint64_t now_ms)
{
	uint64_t due_ms = earlier(keeper->clock_due_ms,
				  earlier(keeper->proxy.kill_due_ms, keeper->control.kill_due_ms));

	if (!keeper->is_stopping)
		due_ms = earlier(earlier(due_ms, keeper->sockets.retry_due_ms),
				 earlier(keeper->proxy.start_due_ms, keeper->control.start_due_ms));
	if (due_ms <= now_ms)
		return 0;
	if (clock_is_shifted() && due_ms - now_ms > SHIFTED_TURN_MS)
		return SHIFTED_TURN_MS;
	return (int)(due_ms - now_ms);
}

static void turn(struct keeper *keeper)
{
	struct child *proxy = &keeper->proxy, *control = &keeper->control;
	struct pollfd waits[] = {
		{ .fd = keeper->signal_fd, .events = POLLIN },
		{ .fd = proxy->channel, .events = POLLIN },
		{ .fd = control->channel, .events = POLLIN },
	};
	uint64_t now_ms = clock_boot_ms();

	poll(waits, sizeof(waits) / sizeof(waits[0]), timeout_ms(keeper, now_ms));
	now_ms = clock_boot_ms();
	if (waits[1].revents)
		exchange_hear(keeper, proxy, now_ms);
	if (waits[2].revents)
		exchange_hear(keeper, control, now_ms);
	if (waits[0].revents)
		hear_signals(keeper, now_ms);
	kill_due(keeper, proxy, now_ms);
	kill_due(keeper, control, now_ms);
	if (now_ms >= keeper->clock_due_ms) {
		home_save_clock(&keeper->home, now_ms);
		keeper->clock_due_ms = now_ms + CLOCK_SAVE_MS;
	}
	if (keeper->is_stopping)
		return;
	if (now_ms >= keeper->sockets.retry_due_ms)
		exchange_retry_sockets(keeper, now_ms);
	start_due(keeper, proxy, now_ms);
	start_due(keeper, control, now_ms);
}

static bool has_ended(const struct keeper *keeper)
{
	return keeper->is_stopping && keeper->proxy.pid == 0 && keeper->control.pid == 0;
}

int keeper_main(const struct run_options *options)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	int code = EXIT_FAILURE;

	if (!keeper || hold_standard_descriptors()) {
		free(keeper);
		return EXIT_FAILURE;
	}
	umask(027);
	keeper->options = *options;
	keeper->home.directory_fd = keeper->home.lock_fd = -1;
	keeper->regions_fd = keeper->api_socket = keeper->signal_fd = -1;
	keeper->proxy.channel = keeper->control.channel = -1;
	if (keeper_open(keeper) == 0) {
		log_event(LOG_LEVEL_INFO, "started", "pid", log_number(getpid()), "data",
			  keeper->home.path, "workers", log_number(options->workers), NULL);
		while (!has_ended(keeper))
			turn(keeper);
		home_save_clock(&keeper->home, clock_boot_ms());
		code = keeper->was_cut ? EXIT_FAILURE : EXIT_SUCCESS;
		log_event(LOG_LEVEL_INFO, "stopped", "exit_code", log_number(code), NULL);
	}
	keeper_close(keeper);
	free(keeper);
	return code;
}
