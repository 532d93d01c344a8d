/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control's main loop: the API's server, the channel to the keeper, the publisher and one signal
 * are turns of one thread. Owns all of them. Ends when the keeper says so or is gone; a store that
 * cannot be opened ends nothing, it is tried again.
 */
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control/api.h"
#include "control/config_file.h"
#include "control/metrics.h"
#include "control/opening.h"
#include "control/publish.h"
#include "control/quota.h"
#include "control/server.h"
#include "control/traffic_watch.h"
#include "process/message.h"
#include "process/regions.h"

#define REOPEN_MS 2000 /* how often a store that cannot be opened is tried */
#define REOPEN_DAMAGED_MS 60000 /* a damaged one, when its file stays the same */
#define STOP_MOST_MS 5000 /* a call that takes longer to arrive is not waited for */
#define SHIFTED_WAIT_MS 100 /* a test moves the clock: look often */
#define MESSAGES_MOST 64 /* read from the channel in one turn */

enum loop_state {
	LOOP_RUNNING,
	LOOP_STOPPING, /* answers what has begun, until stop_ms */
	LOOP_ENDED,
};

struct loop {
	enum loop_state state;
	int exit_code;
	struct control control;
	struct api *api;
	struct server *server;
	int signals;
	uint64_t reopen_ms; /* while the store is not open */
	uint64_t stop_ms;
	uint64_t traffic_ms; /* the watch's next turn */
	bool is_damaged; /* then only another file, or REOPEN_DAMAGED_MS, is worth a try */
	uint64_t look; /* the damaged file's, see control_look */
	uint64_t reopen_damaged_ms;
	char why[512]; /* why the store is not open, as it was last logged */
	int config; /* a file that waits for the store, or -1 */
	struct message message; /* the one just received */
	/* The newest of their kind, for a publisher that is made later; type 0 = none. */
	struct message live, binds;
};

static int signals_open(void)
{
	sigset_t set;

	/* Ctrl-C and a closed terminal reach the whole group; what to do then is the keeper's to
	 * say. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_SETMASK, &set, NULL) != 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The keeper wrote it before it started us; without it, cookie keys are stamped with a time of our
 * own. */
static void read_anchor(struct control *control)
{
	char path[4096], boot_id[40] = "";
	int error;

	(void)snprintf(path, sizeof(path), "%s/clock", control->options->data);
	error = clock_anchor_read(path, &control->anchor);
	if (error == 0)
		return;
	log_event(LOG_LEVEL_WARNING, "clock_unread", "path", path, "error", log_errno(error), NULL);
	(void)clock_boot_id(boot_id);
	control->anchor = clock_anchor_make(NULL, boot_id, clock_boot_ms(), clock_wall_s());
}

static void store_closed(struct loop *loop, const char *why)
{
	if (strcmp(why, loop->why) != 0)
		log_event(LOG_LEVEL_ERROR, "store_unavailable", "problem", why, NULL);
	(void)snprintf(loop->why, sizeof(loop->why), "%s", why);
	api_set_unavailable(loop->api, why);
	loop->reopen_ms = clock_boot_ms() + REOPEN_MS;
}

static void publisher_begin(struct loop *loop)
{
	struct publisher *publisher = loop->control.publisher;

	if (loop->live.header.type != 0)
		publisher_message(publisher, &loop->live);
	if (loop->binds.header.type != 0)
		publisher_message(publisher, &loop->binds);
	publisher_request(publisher);
}

/* Each try of a damaged database costs a log line and its whole reading. */
static bool is_worth_a_try(const struct loop *loop)
{
	return !loop->is_damaged || control_look(&loop->control) != loop->look ||
	       clock_boot_ms() >= loop->reopen_damaged_ms;
}

static void try_open(struct loop *loop)
{
	char why[sizeof(loop->why)] = "";
	int error;

	if (!is_worth_a_try(loop)) {
		loop->reopen_ms = clock_boot_ms() + REOPEN_MS;
		return;
	}
	error = control_open(&loop->control, why, sizeof(why));
	loop->is_damaged = error == -EBADMSG;
	if (error != 0) {
		loop->look = control_look(&loop->control);
		loop->reopen_damaged_ms = clock_boot_ms() + REOPEN_DAMAGED_MS;
		store_closed(loop, why);
		return;
	}
	log_event(LOG_LEVEL_INFO, "store_open", "instances",
		  log_number((int64_t)loop->control.model.instance_count), NULL);
	loop->why[0] = '\0';
	api_set_unavailable(loop->api, NULL);
	publisher_begin(loop);
}

static void check_store(struct loop *loop)
{
	if (loop->control.store && api_lost_store(loop->api)) {
		control_close(&loop->control);
		store_closed(loop, "The database failed and is being opened again.");
	}
	if (!loop->control.store && clock_boot_ms() >= loop->reopen_ms)
		try_open(loop);
}

static void apply_config(struct loop *loop)
{
	if (loop->config < 0 || !loop->control.store)
		return;
	(void)config_file_apply(loop->api, loop->config, loop->control.options->config ?: "config");
	close(loop->config);
	loop->config = -1;
}

static void stop(struct loop *loop, uint64_t grace_ms)
{
	uint64_t wait_ms = grace_ms < STOP_MOST_MS ? grace_ms : STOP_MOST_MS;

	/* The keeper may say it before there is a server. */
	if (loop->server)
		server_quiesce(loop->server);
	loop->state = LOOP_STOPPING;
	loop->stop_ms = clock_boot_ms() + wait_ms;
}

/* A second one, of a keeper that was upgraded, takes the place of the first. */
static void take_regions(struct loop *loop, const struct message *message)
{
	const struct regions *regions;
	int error =
		message->fd_count == 1 ? regions_open_reader(message->fds[0], &regions) : -EBADMSG;

	if (error != 0) {
		log_event(LOG_LEVEL_ERROR, "regions_not_opened", "error", log_errno(error), NULL);
		return;
	}
	regions_close(loop->control.regions);
	loop->control.regions = regions;
}

static void take_message(struct loop *loop)
{
	struct message *message = &loop->message;
	struct message_stop stop_message = { 0 };

	switch (message->header.type) {
	case MESSAGE_STOP:
		if (message->header.size >= sizeof(stop_message))
			memcpy(&stop_message, message->payload, sizeof(stop_message));
		stop(loop, (uint64_t)stop_message.grace_s * 1000);
		break;
	case MESSAGE_CONFIG:
		if (message->fd_count != 1)
			break;
		if (loop->config >= 0)
			close(loop->config);
		loop->config = message->fds[0];
		message->fd_count = 0;
		break;
	case MESSAGE_REGIONS:
		take_regions(loop, message);
		break;
	case MESSAGE_LIVE:
	case MESSAGE_BINDS:
		message_close_fds(message);
		memcpy(message->header.type == MESSAGE_LIVE ? &loop->live : &loop->binds, message,
		       sizeof(*message));
		/* fall through */
	case MESSAGE_REFUSED:
		if (loop->control.publisher)
			publisher_message(loop->control.publisher, message);
		break;
	default:
		log_event(LOG_LEVEL_WARNING, "message_unknown", "type",
			  log_number(message->header.type), NULL);
		break;
	}
	message_close_fds(message);
}

static void read_channel(struct loop *loop)
{
	for (int i = 0; i < MESSAGES_MOST; i++) {
		int result = message_receive(loop->control.channel, &loop->message);

		if (result == -EAGAIN)
			return;
		if (result == -EBADMSG) {
			log_event(LOG_LEVEL_WARNING, "message_malformed", NULL);
			continue;
		}
		if (result != 1) {
			log_event(LOG_LEVEL_WARNING, "keeper_gone", NULL);
			loop->exit_code = EXIT_FAILURE;
			loop->state = LOOP_ENDED;
			return;
		}
		take_message(loop);
	}
}

static void read_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signals, &info, sizeof(info)) == sizeof(info))
		stop(loop, (uint64_t)loop->control.options->grace_s * 1000);
}

static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int until(uint64_t then_ms)
{
	uint64_t now_ms = clock_boot_ms();

	return then_ms > now_ms ? (int)(then_ms - now_ms) : 0;
}

static int timeout_ms(const struct loop *loop)
{
	int timeout = server_timeout_ms(loop->server);

	if (loop->control.publisher)
		timeout = sooner(timeout, publisher_timeout_ms(loop->control.publisher));
	if (!loop->control.store)
		timeout = sooner(timeout, until(loop->reopen_ms));
	if (loop->state == LOOP_STOPPING)
		timeout = sooner(timeout, until(loop->stop_ms));
	timeout = sooner(timeout, until(loop->traffic_ms));
	return clock_is_shifted() ? sooner(timeout, SHIFTED_WAIT_MS) : timeout;
}

static void turn(struct loop *loop)
{
	struct pollfd fds[] = {
		{ .fd = loop->control.channel, .events = POLLIN },
		{ .fd = loop->signals, .events = POLLIN },
		{ .fd = server_fd(loop->server), .events = POLLIN },
	};

	(void)poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms(loop));
	if (fds[0].revents)
		read_channel(loop);
	if (fds[1].revents)
		read_signals(loop);
	if (loop->state == LOOP_ENDED)
		return;
	server_turn(loop->server);
	check_store(loop);
	apply_config(loop);
	if (loop->control.publisher)
		publisher_turn(loop->control.publisher);
	loop->traffic_ms = traffic_watch_turn(loop->control.traffic_watch, &loop->control.model,
					      loop->control.regions, clock_boot_ms());
	if (loop->state == LOOP_STOPPING &&
	    (!server_is_busy(loop->server) || clock_boot_ms() >= loop->stop_ms))
		loop->state = LOOP_ENDED;
}

static int loop_open(struct loop *loop, const struct run_options *options)
{
	int flags = fcntl(CHILD_CHANNEL_FD, F_GETFL);
	int error;

	loop->config = -1;
	loop->signals = -1;
	loop->control.options = options;
	loop->control.channel = CHILD_CHANNEL_FD;
	if (flags < 0 || fcntl(CHILD_CHANNEL_FD, F_SETFL, flags | O_NONBLOCK) != 0)
		return -errno;
	loop->signals = signals_open();
	if (loop->signals < 0)
		return -errno;
	loop->control.traffic_watch = traffic_watch_new();
	if (!loop->control.traffic_watch)
		return -ENOMEM;
	quota_use(&options->quotas);
	read_anchor(&loop->control);
	error = metrics_token_make(options->data);
	if (error != 0)
		log_event(LOG_LEVEL_WARNING, "metrics_token_not_made", "error", log_errno(error),
			  NULL);
	error = api_new(&loop->control, action_find, &loop->api);
	if (error != 0)
		return error;
	/* The keeper's first messages are there already: the publisher has to know the live
	 * generation. */
	read_channel(loop);
	try_open(loop);
	return server_open(CHILD_API_FD, loop->api, &loop->server);
}

static void loop_close(struct loop *loop)
{
	server_close(loop->server);
	control_close(&loop->control);
	api_free(loop->api);
	traffic_watch_free(loop->control.traffic_watch);
	regions_close(loop->control.regions);
	if (loop->config >= 0)
		close(loop->config);
	if (loop->signals >= 0)
		close(loop->signals);
}

int control_main(const struct run_options *options)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int error, exit_code;

	if (!loop)
		return EXIT_FAILURE;
	error = loop_open(loop, options);
	if (error != 0) {
		log_event(LOG_LEVEL_ERROR, "control_failed", "error", log_errno(error), NULL);
		loop->exit_code = EXIT_FAILURE;
		loop->state = LOOP_ENDED;
	} else {
		log_event(LOG_LEVEL_INFO, "started", NULL);
	}
	while (loop->state != LOOP_ENDED)
		turn(loop);
	exit_code = loop->exit_code;
	if (error == 0)
		log_event(LOG_LEVEL_INFO, "stopped", NULL);
	loop_close(loop);
	free(loop);
	return exit_code;
}
