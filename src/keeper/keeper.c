/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `setia run`: holds what must outlive the other processes (listening sockets, the shared region,
 * the last good snapshot), starts control and proxy, and starts again what falls. One thread, one
 * poll loop; owns everything in struct keeper.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper/handover.h"
#include "keeper/state.h"
#include "process/log.h"

#define CLOCK_SAVE_MS 60000
#define SHIFTED_TURN_MS 200 /* how often a loop looks at a clock that a test may move */
#define API_BIND_TRIES 20 /* a predecessor that was killed may still be ending: 1 s */
#define API_BIND_PAUSE_MS 50
#define STOP_MARGIN_MS 1000
#define SAVE_MARGIN_MS 5000 /* a proxy writes its sessions at the end ... */
#define SAVE_PER_MS 1000 /* ... at least so many in a millisecond, on any disk that is alive */

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
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
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
		error = sockets_open(&keeper->options.api, false, 1, &keeper->api_socket);
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

/* A keeper that finds nothing but what is on disk. */
static int keeper_begin(struct keeper *keeper)
{
	const struct identity *identity;
	uint64_t now_ms;
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
		error = regions_create(&keeper->home.anchor, keeper->options.workers,
				       &keeper->regions_fd, &keeper->regions);
	if (!error)
		error = regions_create_sessions(keeper->options.sessions, &keeper->sessions_fd);
	if (error) {
		log_event(LOG_LEVEL_ERROR, "start_failed", "reason", log_errno(error), NULL);
		return error;
	}
	now_ms = clock_boot_ms();
	socket_set_init(&keeper->sockets, keeper->options.workers,
			privileges_raise_descriptors() / 2);
	keeper->started_s = clock_wall_s();
	keeper->clock_due_ms = now_ms + CLOCK_SAVE_MS;
	keeper->is_config_wanted = keeper->options.config != NULL;
	door_open(keeper);
	exchange_load_last_good(keeper, now_ms);
	return 0;
}

/* A keeper that is the former one with another program. */
static int keeper_go_on(struct keeper *keeper)
{
	char why[UPGRADE_TEXT_SIZE] = "";
	int error = handover_take(keeper, keeper->options.resume_fd, why, sizeof(why));

	keeper->options.resume_fd = 0;
	if (!error)
		error = open_signals(keeper);
	if (error) {
		log_event(LOG_LEVEL_ERROR, "resume_failed", "reason",
			  why[0] ? why : log_errno(error), NULL);
		return error;
	}
	keeper->options.data = keeper->home.path;
	upgrade_resume(keeper, clock_boot_ms());
	return 0;
}

static void keeper_close(struct keeper *keeper)
{
	child_close_channel(&keeper->proxy);
	child_close_channel(&keeper->other);
	child_close_channel(&keeper->control);
	upgrade_done(&keeper->upgrade);
	door_done(keeper, keeper->home.lock_fd >= 0);
	socket_set_done(&keeper->sockets);
	history_done(&keeper->history);
	regions_close(keeper->regions);
	if (keeper->regions_fd >= 0)
		close(keeper->regions_fd);
	if (keeper->sessions_fd >= 0)
		close(keeper->sessions_fd);
	if (keeper->api_socket >= 0)
		close(keeper->api_socket);
	if (keeper->signal_fd >= 0)
		close(keeper->signal_fd);
	home_done(&keeper->home);
}

static int start_child(struct keeper *keeper, struct child *child, int api_socket, uint64_t now_ms)
{
	const struct upgrade *upgrade = &keeper->upgrade;
	bool is_own = upgrade->old_binary < 0 || child == &keeper->other;
	const struct child_setup setup = {
		.options = &keeper->options,
		.identity = keeper->has_identity ? &keeper->identity : NULL,
		.api_socket = api_socket,
		.binary = is_own ? -1 : upgrade->old_binary,
		.version = is_own ? SETIA_VERSION : upgrade->old_version,
	};

	return child_start(child, &setup, now_ms);
}

int keeper_start_proxy(struct keeper *keeper, struct child *child, uint64_t now_ms)
{
	const struct child *neighbour = child == &keeper->proxy ? &keeper->other : &keeper->proxy;
	int error;

	/* Two that run never count in the same bank. */
	do {
		keeper->incarnation++;
	} while (neighbour->pid > 0 &&
		 (keeper->incarnation - neighbour->incarnation) % REGION_BANKS == 0);
	child->incarnation = keeper->incarnation;
	regions_clear_bank(keeper->regions, keeper->regions_fd, child->incarnation % REGION_BANKS);
	error = start_child(keeper, child, -1, now_ms);
	if (!error)
		exchange_greet_proxy(keeper, child);
	return error;
}

static bool is_due(const struct keeper *keeper, const struct child *child, uint64_t now_ms)
{
	return !keeper->is_stopping && child->pid == 0 && child->start_due_ms <= now_ms;
}

static void start_due(struct keeper *keeper, uint64_t now_ms)
{
	/* While a new proxy starts, one that died waits for how that ends. */
	if (is_due(keeper, &keeper->proxy, now_ms) && keeper->upgrade.phase != UPGRADE_STARTING)
		keeper_start_proxy(keeper, &keeper->proxy, now_ms);
	if (is_due(keeper, &keeper->control, now_ms) &&
	    start_child(keeper, &keeper->control, keeper->api_socket, now_ms) == 0)
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
	if (pid == keeper->other.pid)
		return &keeper->other;
	return pid == keeper->control.pid ? &keeper->control : NULL;
}

static void bury(struct keeper *keeper, struct child *child, int status, uint64_t now_ms)
{
	bool was_proxy = child != &keeper->control;

	/* Nobody takes back what it had open. */
	if (was_proxy && status != 0)
		regions_clear_bank(keeper->regions, keeper->regions_fd,
				   child->incarnation % REGION_BANKS);
	if (keeper->is_stopping && status == 0) {
		child_close_channel(child);
		child->pid = 0;
		return;
	}
	child_ended(child, status, now_ms);
	if (keeper->is_stopping)
		keeper->was_cut = true;
	else if (child == &keeper->proxy)
		exchange_proxy_ended(keeper, now_ms);
	else if (child == &keeper->other)
		upgrade_other_ended(keeper, status, now_ms);
}

static void reap(struct keeper *keeper, uint64_t now_ms)
{
	int status;
	pid_t pid;

	/* Any child: as the first process of a container the keeper inherits strangers. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = child_of(keeper, pid);

		if (pid == keeper->upgrade.check_pid)
			upgrade_check_ended(keeper, status, now_ms);
		if (!child)
			continue;
		/* What it said before it ended counts; it may change its place by that. */
		exchange_hear(keeper, child, now_ms);
		bury(keeper, child_of(keeper, pid), status, now_ms);
	}
}

/* A proxy that is not replaced has its sessions to write. */
static uint64_t stop_margin_ms(const struct keeper *keeper, const struct child *child,
			       struct message_stop stop)
{
	if (child == &keeper->control || stop.is_replaced)
		return STOP_MARGIN_MS;
	return STOP_MARGIN_MS + SAVE_MARGIN_MS + keeper->options.sessions / SAVE_PER_MS;
}

void keeper_stop_child(struct keeper *keeper, struct child *child, struct message_stop stop,
		       uint64_t now_ms)
{
	if (child->pid == 0)
		return;
	child->kill_due_ms =
		earlier(child->kill_due_ms,
			now_ms + stop.grace_s * 1000ull + stop_margin_ms(keeper, child, stop));
	exchange_send_stop(keeper, child, stop);
}

/* The first time with grace, the second time without. */
static void stop(struct keeper *keeper, uint64_t now_ms)
{
	unsigned grace_s = keeper->is_stopping ? 0 : keeper->options.grace_s;

	log_event(LOG_LEVEL_INFO, "stopping", "grace_s", log_number(grace_s), NULL);
	if (!keeper->is_stopping)
		upgrade_give_up(keeper);
	keeper->is_stopping = true;
	keeper_stop_child(keeper, &keeper->proxy, (struct message_stop){ grace_s, 0 }, now_ms);
	keeper_stop_child(keeper, &keeper->other, (struct message_stop){ grace_s, 0 }, now_ms);
	keeper_stop_child(keeper, &keeper->control, (struct message_stop){ grace_s, 0 }, now_ms);
	socket_set_done(&keeper->sockets);
	if (keeper->api_socket >= 0)
		close(keeper->api_socket);
	keeper->api_socket = -1;
}

static void hear_upgrade_signal(struct keeper *keeper, uint64_t now_ms)
{
	char why[UPGRADE_TEXT_SIZE];

	if (upgrade_begin(keeper, now_ms, why, sizeof(why)))
		log_event(LOG_LEVEL_ERROR, "upgrade_refused", "reason", why, NULL);
}

static void hear_signals(struct keeper *keeper, uint64_t now_ms)
{
	struct signalfd_siginfo info;

	while (read(keeper->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(keeper, now_ms);
		else if (info.ssi_signo == SIGUSR1)
			exchange_send_reopen(keeper);
		else if (info.ssi_signo == SIGUSR2)
			hear_upgrade_signal(keeper, now_ms);
		else if (info.ssi_signo != SIGHUP)
			stop(keeper, now_ms);
		else if (keeper->options.config && !keeper->is_stopping)
			exchange_send_config(keeper);
		else
			log_event(LOG_LEVEL_INFO, "hangup_ignored", NULL);
	}
}

static uint64_t due_ms(const struct keeper *keeper)
{
	uint64_t due = earlier(keeper->clock_due_ms,
			       earlier(keeper->proxy.kill_due_ms, keeper->control.kill_due_ms));

	due = earlier(earlier(due, keeper->other.kill_due_ms), door_due_ms(&keeper->door));
	if (keeper->is_stopping)
		return due;
	due = earlier(earlier(due, keeper->upgrade.due_ms), keeper->sockets.retry_due_ms);
	if (keeper->upgrade.phase != UPGRADE_STARTING)
		due = earlier(due, keeper->proxy.start_due_ms);
	return earlier(due, keeper->control.start_due_ms);
}

static int timeout_ms(const struct keeper *keeper, uint64_t now_ms)
{
	uint64_t due = due_ms(keeper);

	if (due <= now_ms)
		return 0;
	if (clock_is_shifted() && due - now_ms > SHIFTED_TURN_MS)
		return SHIFTED_TURN_MS;
	return due - now_ms < INT_MAX ? (int)(due - now_ms) : INT_MAX;
}

enum { WAIT_SIGNALS, WAIT_PROXY, WAIT_OTHER, WAIT_CONTROL, WAIT_CHECK, WAIT_DOOR };

static void wait_and_hear(struct keeper *keeper)
{
	struct pollfd waits[WAIT_DOOR + DOOR_POLLS] = {
		[WAIT_SIGNALS] = { .fd = keeper->signal_fd, .events = POLLIN },
		[WAIT_PROXY] = { .fd = keeper->proxy.channel, .events = POLLIN },
		[WAIT_OTHER] = { .fd = keeper->other.channel, .events = POLLIN },
		[WAIT_CONTROL] = { .fd = keeper->control.channel, .events = POLLIN },
		[WAIT_CHECK] = { .fd = keeper->upgrade.check_answer, .events = POLLIN },
	};
	struct child *children[] = { &keeper->proxy, &keeper->other, &keeper->control };
	uint64_t now_ms;

	door_poll(&keeper->door, waits + WAIT_DOOR);
	poll(waits, sizeof(waits) / sizeof(waits[0]), timeout_ms(keeper, clock_boot_ms()));
	now_ms = clock_boot_ms();
	for (int i = 0; i < 3; i++) {
		if (waits[WAIT_PROXY + i].revents)
			exchange_hear(keeper, children[i], now_ms);
	}
	if (waits[WAIT_CHECK].revents)
		upgrade_hear_check(keeper);
	if (waits[WAIT_SIGNALS].revents)
		hear_signals(keeper, now_ms);
	door_turn(keeper, waits + WAIT_DOOR, now_ms);
}

static void turn(struct keeper *keeper)
{
	uint64_t now_ms;

	wait_and_hear(keeper);
	now_ms = clock_boot_ms();
	kill_due(keeper, &keeper->proxy, now_ms);
	kill_due(keeper, &keeper->other, now_ms);
	kill_due(keeper, &keeper->control, now_ms);
	if (now_ms >= keeper->clock_due_ms) {
		home_save_clock(&keeper->home, now_ms);
		keeper->clock_due_ms = now_ms + CLOCK_SAVE_MS;
	}
	if (keeper->is_stopping)
		return;
	upgrade_turn(keeper, now_ms);
	if (now_ms >= keeper->sockets.retry_due_ms)
		exchange_retry_sockets(keeper, now_ms);
	start_due(keeper, now_ms);
}

static bool has_ended(const struct keeper *keeper)
{
	return keeper->is_stopping && keeper->proxy.pid == 0 && keeper->other.pid == 0 &&
	       keeper->control.pid == 0;
}

static void keeper_init(struct keeper *keeper, const struct run_options *options)
{
	keeper->options = *options;
	keeper->home.directory_fd = keeper->home.lock_fd = -1;
	keeper->regions_fd = keeper->sessions_fd = keeper->api_socket = keeper->signal_fd = -1;
	child_init(&keeper->proxy, "proxy");
	child_init(&keeper->other, "proxy");
	child_init(&keeper->control, "control");
	keeper->other.start_due_ms = CHILD_NEVER;
	upgrade_init(&keeper->upgrade);
	door_init(&keeper->door);
}

static int keeper_open(struct keeper *keeper)
{
	if (keeper->options.resume_fd)
		return keeper_go_on(keeper);
	return keeper_begin(keeper);
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
	keeper_init(keeper, options);
	if (keeper_open(keeper) == 0) {
		log_event(LOG_LEVEL_INFO, options->resume_fd ? "resumed" : "started", "pid",
			  log_number(getpid()), "data", keeper->home.path, "workers",
			  log_number(options->workers), "version", SETIA_VERSION, NULL);
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
