/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a snapshot: from control, through the check, to the proxy, and its acknowledgement
 * back. Runs on the keeper's one thread. Both children are taken for hostile: what they send is
 * checked, and one that does not listen is killed and started again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/last_good.h"
#include "keeper/state.h"
#include "process/log.h"

#define MESSAGES_PER_TURN 64 /* so that one child cannot keep the keeper from the other */
#define GENERATION_MOST INT64_MAX /* the store and the log keep signed numbers */
#define WHY_SIZE 200

/* A child that cannot be spoken to is of no use. */
static bool give_up_on_failure(struct child *child, int error)
{
	if (!error)
		return true;
	if (error != -EPIPE)
		log_event(LOG_LEVEL_ERROR, "child_not_listening", "child", child->name, "reason",
			  log_errno(error), NULL);
	child_kill(child);
	return false;
}

static bool tell(struct child *child, enum message_type type, uint64_t generation,
		 const void *payload, size_t size)
{
	const struct message_header header = { .type = type,
					       .size = (uint32_t)size,
					       .generation = generation };

	if (child->channel < 0)
		return false;
	return give_up_on_failure(child, message_send(child->channel, &header, payload, NULL, 0));
}

static bool hand(struct child *child, enum message_type type, uint64_t generation, int fd)
{
	const struct message_header header = { .type = type, .generation = generation };

	if (child->channel < 0)
		return false;
	return give_up_on_failure(child, message_send(child->channel, &header, NULL, &fd, 1));
}

static void refuse(struct keeper *keeper, uint64_t generation, const char *why)
{
	log_event(LOG_LEVEL_ERROR, "snapshot_refused", "generation",
		  log_number((int64_t)generation), "reason", why, NULL);
	tell(&keeper->control, MESSAGE_REFUSED, generation, why, strlen(why));
}

static void send_binds(struct keeper *keeper, uint64_t generation)
{
	struct message_bind binds[SOCKET_BINDS_MOST];
	size_t count = socket_set_binds(&keeper->sockets, binds, SOCKET_BINDS_MOST);

	if (count > SOCKET_BINDS_MOST) {
		log_event(LOG_LEVEL_WARNING, "binds_cut", "failed", log_number((int64_t)count),
			  "reported", log_number((int64_t)SOCKET_BINDS_MOST), NULL);
		count = SOCKET_BINDS_MOST;
	}
	tell(&keeper->control, MESSAGE_BINDS, generation, binds, count * sizeof(binds[0]));
}

/* The newest snapshot, behind the sockets that this proxy does not have yet. */
static void send_newest_to(struct keeper *keeper, struct child *proxy, bool with_sockets)
{
	const struct history_row *newest = history_newest(&keeper->history);
	int error = 0;

	if (!newest || proxy->channel < 0)
		return;
	if (with_sockets)
		error = socket_set_send(&keeper->sockets, proxy->channel, newest->generation,
					proxy->incarnation % REGION_BANKS);
	if (give_up_on_failure(proxy, error))
		hand(proxy, MESSAGE_SNAPSHOT, newest->generation, newest->fd);
}

/* An old proxy accepts nothing any more, but what it has follows the configuration. */
static void send_newest(struct keeper *keeper)
{
	send_newest_to(keeper, &keeper->proxy, true);
	send_newest_to(keeper, &keeper->other, keeper->upgrade.phase == UPGRADE_STARTING);
}

/* The generation in force in every proxy that accepts connections. */
static uint64_t live_everywhere(const struct keeper *keeper)
{
	uint64_t live = keeper->proxy.live;

	if (keeper->upgrade.phase == UPGRADE_STARTING && keeper->other.pid > 0 &&
	    (keeper->proxy.pid == 0 || keeper->other.live < live))
		live = keeper->other.live;
	return live;
}

static uint64_t newest_generation(const struct keeper *keeper)
{
	const struct history_row *newest = history_newest(&keeper->history);

	return newest ? newest->generation : 0;
}

/*
 * Checks `fd`, opens its sockets and keeps it. Takes the descriptor when 0. `expected` is the
 * generation that it was announced with; 0 = none was.
 */
static int accept_snapshot(struct keeper *keeper, int fd, uint64_t expected, uint64_t now_ms,
			   char *why, size_t why_size)
{
	struct snapshot snapshot;
	uint64_t generation;
	int error = snapshot_open(fd, true, &snapshot, why, why_size);

	if (error) {
		if (error != -EBADMSG)
			snprintf(why, why_size, "%s", strerror(-error));
		return error;
	}
	generation = snapshot.header->generation;
	if (generation <= keeper->highest || generation > GENERATION_MOST) {
		snprintf(why, why_size, "generation %llu is not above %llu",
			 (unsigned long long)generation, (unsigned long long)keeper->highest);
		error = -EBADMSG;
	} else if (expected && generation != expected) {
		snprintf(why, why_size, "it is generation %llu", (unsigned long long)generation);
		error = -EBADMSG;
	}
	if (!error) {
		error = socket_set_adopt(&keeper->sockets, &snapshot, now_ms);
		if (error)
			snprintf(why, why_size, "the keeper is out of memory");
	}
	snapshot_close(&snapshot);
	if (error)
		return error;
	history_add(&keeper->history, generation, fd);
	keeper->highest = generation;
	return 0;
}

void exchange_load_last_good(struct keeper *keeper, uint64_t now_ms)
{
	char why[WHY_SIZE] = "";
	int fd, error = last_good_load(keeper->home.directory_fd, &fd);

	if (error == -ENOENT)
		return;
	if (!error) {
		error = accept_snapshot(keeper, fd, 0, now_ms, why, sizeof(why));
		if (error)
			close(fd);
	}
	if (error) {
		log_event(LOG_LEVEL_ERROR, "last_good_not_loaded", "path", keeper->home.path,
			  "reason", why[0] ? why : log_errno(error), NULL);
		return;
	}
	history_set_good(&keeper->history, keeper->highest);
	keeper->saved = keeper->highest;
	log_event(LOG_LEVEL_INFO, "last_good_loaded", "generation",
		  log_number((int64_t)keeper->highest), NULL);
}

void exchange_greet_proxy(struct keeper *keeper, struct child *proxy)
{
	const struct child *neighbour = proxy == &keeper->proxy ? &keeper->other : &keeper->proxy;
	const struct regions_greeting greeting = { .incarnation = proxy->incarnation,
						   .is_alone = neighbour->pid == 0 };
	const struct message_header header = { .type = MESSAGE_REGIONS, .size = sizeof(greeting) };
	const int fds[] = { keeper->regions_fd, keeper->sessions_fd };

	socket_set_forget_sent(&keeper->sockets, proxy->incarnation % REGION_BANKS);
	if (give_up_on_failure(proxy, message_send(proxy->channel, &header, &greeting, fds, 2)))
		send_newest_to(keeper, proxy, true);
}

/* Opened anew, because a copy of our descriptor could write. */
static void send_regions_to_control(struct keeper *keeper)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", keeper->regions_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		log_event(LOG_LEVEL_ERROR, "regions_not_passed", "reason", log_errno(errno), NULL);
		return;
	}
	hand(&keeper->control, MESSAGE_REGIONS, 0, fd);
	close(fd);
}

void exchange_greet_control(struct keeper *keeper)
{
	keeper->told = 0;
	send_binds(keeper, keeper->highest);
	send_regions_to_control(keeper);
	if (keeper->live > 0 && tell(&keeper->control, MESSAGE_LIVE, keeper->live, NULL, 0))
		keeper->told = keeper->live;
	if (keeper->is_config_wanted)
		exchange_send_config(keeper);
}

/* Goes back to the newest snapshot that is left after one was refused. */
static void return_to_newest(struct keeper *keeper, uint64_t now_ms)
{
	const struct history_row *newest = history_newest(&keeper->history);
	struct snapshot_header none = { .generation = keeper->highest };
	struct snapshot snapshot = { .header = &none };
	char why[WHY_SIZE];
	int error = 0;

	if (newest)
		error = snapshot_open(newest->fd, true, &snapshot, why, sizeof(why));
	if (!error)
		error = socket_set_adopt(&keeper->sockets, &snapshot, now_ms);
	if (error)
		log_event(LOG_LEVEL_ERROR, "sockets_not_returned", "reason", log_errno(error),
			  NULL);
	if (newest && snapshot.header != &none)
		snapshot_close(&snapshot);
	if (!newest) {
		/* A proxy without any configuration would keep its copies of the sockets. */
		socket_set_close_retired(&keeper->sockets, UINT64_MAX);
		child_kill(&keeper->proxy);
		if (keeper->upgrade.phase == UPGRADE_STARTING)
			child_kill(&keeper->other);
	} else if (live_everywhere(keeper) >= newest->generation) {
		socket_set_close_retired(&keeper->sockets, live_everywhere(keeper));
	}
	send_newest(keeper);
}

/* On disk before anybody is told, so that what the API calls done survives any crash. A full disk
 * must not stop changes, though. */
static void save_good(struct keeper *keeper, const struct history_row *row)
{
	int error;

	if (keeper->saved >= row->generation)
		return;
	error = keeper->prepared == row->generation ? last_good_put(keeper->home.path) : -ENOENT;
	if (error)
		error = last_good_save(keeper->home.path, row->fd);
	keeper->prepared = 0;
	if (error) {
		log_event(LOG_LEVEL_ERROR, "last_good_not_saved", "generation",
			  log_number((int64_t)row->generation), "reason", log_errno(error), NULL);
		return;
	}
	keeper->saved = row->generation;
}

void exchange_spread_live(struct keeper *keeper, uint64_t now_ms)
{
	uint64_t generation = live_everywhere(keeper);
	const struct history_row *row = history_find(&keeper->history, generation);
	size_t closed;

	if (!row)
		return; /* not everywhere yet */
	/* First of all: nobody accepts from these any more, and what arrives until they are closed
	 * is reset. */
	closed = socket_set_close_retired(&keeper->sockets, generation);
	save_good(keeper, row);
	history_set_good(&keeper->history, generation);
	if (generation > keeper->live) {
		keeper->live = generation;
		log_event(LOG_LEVEL_INFO, "snapshot_live", "generation",
			  log_number((int64_t)generation), NULL);
	}
	/* An address may be free now that another listener waits for. */
	if (closed > 0 && keeper->sockets.retry_due_ms != UINT64_MAX &&
	    socket_set_retry(&keeper->sockets, now_ms).opened > 0)
		send_newest(keeper);
	if (generation <= keeper->told)
		return;
	send_binds(keeper, generation);
	if (tell(&keeper->control, MESSAGE_LIVE, generation, NULL, 0))
		keeper->told = generation;
}

static void hear_live(struct keeper *keeper, struct child *proxy, uint64_t now_ms)
{
	uint64_t generation = keeper->message.header.generation;

	if (!history_find(&keeper->history, generation)) {
		/* One that newer ones have pushed out: theirs follows. */
		log_event(LOG_LEVEL_DEBUG, "live_unknown", "generation",
			  log_number((int64_t)generation), NULL);
		return;
	}
	proxy->live = generation;
	if (proxy == &keeper->other && keeper->upgrade.phase == UPGRADE_DRAINING)
		return; /* it accepts nothing: nobody waits for it */
	exchange_spread_live(keeper, now_ms);
	if (proxy == &keeper->other)
		upgrade_hear_live(keeper, now_ms);
}

static void hear_refused(struct keeper *keeper, const struct child *proxy, uint64_t now_ms)
{
	const struct message *message = &keeper->message;
	uint64_t generation = message->header.generation;
	char why[WHY_SIZE];

	if (!history_find(&keeper->history, generation))
		return;
	snprintf(why, sizeof(why), "%.*s", (int)message->header.size, message->payload);
	if (proxy == &keeper->other) {
		/* The new binary is to blame, or the old one that cannot read what the new one
		 * writes: never the snapshot. */
		upgrade_hear_refused(keeper, why, now_ms);
		return;
	}
	refuse(keeper, generation, why);
	if (generation == keeper->history.good)
		return; /* nothing better is at hand */
	history_remove(&keeper->history, generation);
	return_to_newest(keeper, now_ms);
}

/*
 * While the proxy adopts a snapshot its bytes go to disk, so that once it is live only a name has
 * to change. Not while an older one is under way, which will need the place beside the file.
 */
static void prepare_good(struct keeper *keeper, const struct history_row *row)
{
	keeper->prepared = 0;
	if (last_good_prepare(keeper->home.path, row->fd) == 0)
		keeper->prepared = row->generation;
}

static void hear_publish(struct keeper *keeper, struct message *message, uint64_t now_ms)
{
	uint64_t generation = message->header.generation, before = newest_generation(keeper);
	const struct history_row *newest;
	char why[WHY_SIZE] = "";

	if (message->fd_count != 1 || message->header.size != 0) {
		refuse(keeper, generation, "not one descriptor alone");
		return;
	}
	if (accept_snapshot(keeper, message->fds[0], generation, now_ms, why, sizeof(why))) {
		refuse(keeper, generation, why);
		return;
	}
	message->fd_count = 0; /* the history owns it */
	newest = history_newest(&keeper->history);
	log_event(LOG_LEVEL_DEBUG, "snapshot_accepted", "generation",
		  log_number((int64_t)newest->generation), NULL);
	send_newest(keeper);
	if (live_everywhere(keeper) >= before)
		prepare_good(keeper, newest);
}

static void dispatch(struct keeper *keeper, struct child *from, uint64_t now_ms)
{
	struct message *message = &keeper->message;
	bool is_proxy = from != &keeper->control;

	if (is_proxy && message->header.type == MESSAGE_LIVE)
		hear_live(keeper, from, now_ms);
	else if (is_proxy && message->header.type == MESSAGE_REFUSED)
		hear_refused(keeper, from, now_ms);
	else if (!is_proxy && message->header.type == MESSAGE_PUBLISH)
		hear_publish(keeper, message, now_ms);
	else
		log_event(LOG_LEVEL_WARNING, "message_unexpected", "child", from->name, "type",
			  log_number(message->header.type), NULL);
}

void exchange_hear(struct keeper *keeper, struct child *child, uint64_t now_ms)
{
	for (int i = 0; i < MESSAGES_PER_TURN && child->channel >= 0; i++) {
		int result = message_receive(child->channel, &keeper->message);

		if (result == -EAGAIN)
			return;
		if (result == 1) {
			if (!keeper->is_stopping)
				dispatch(keeper, child, now_ms);
			message_close_fds(&keeper->message);
			continue;
		}
		if (result < 0)
			log_event(LOG_LEVEL_ERROR, "message_malformed", "child", child->name,
				  "reason", log_errno(result), NULL);
		/* Closed: it is ending, or has lost its way and gets a moment to end. */
		child_close_channel(child);
		if (!keeper->is_stopping)
			child->kill_due_ms = now_ms + (result < 0 ? 0 : CHILD_CLOSED_MS);
	}
}

void exchange_retry_sockets(struct keeper *keeper, uint64_t now_ms)
{
	struct socket_retry result = socket_set_retry(&keeper->sockets, now_ms);

	if (result.opened > 0)
		send_newest(keeper);
	if (result.changed > 0)
		send_binds(keeper, newest_generation(keeper));
}

void exchange_proxy_ended(struct keeper *keeper, uint64_t now_ms)
{
	uint64_t newest = newest_generation(keeper);
	uint64_t *ends_ms = keeper->proxy_ends_ms;

	memmove(ends_ms + 1, ends_ms, (POISON_ENDS - 1) * sizeof(ends_ms[0]));
	ends_ms[0] = now_ms;
	/* Ends before the snapshot came do not speak against it: they are forgotten whenever one
	 * proves good. */
	if (newest <= keeper->history.good) {
		memset(ends_ms, 0, POISON_ENDS * sizeof(ends_ms[0]));
		return;
	}
	if (ends_ms[POISON_ENDS - 1] == 0 || now_ms - ends_ms[POISON_ENDS - 1] > POISON_WINDOW_MS)
		return;
	memset(ends_ms, 0, POISON_ENDS * sizeof(ends_ms[0]));
	history_fall_back(&keeper->history);
	refuse(keeper, newest, "the traffic process died of it three times");
	return_to_newest(keeper, now_ms);
}

void exchange_send_config(struct keeper *keeper)
{
	const char *path = keeper->options.config;
	struct stat status;
	int fd;

	keeper->is_config_wanted = true;
	if (keeper->control.channel < 0)
		return; /* the next control gets it */
	keeper->is_config_wanted = false;
	/* O_NONBLOCK: a FIFO's missing writer must not stop the keeper. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status) < 0) {
		log_event(LOG_LEVEL_ERROR, "config_not_opened", "path", path, "reason",
			  log_errno(errno), NULL);
	} else if (!S_ISREG(status.st_mode)) {
		log_event(LOG_LEVEL_ERROR, "config_not_opened", "path", path, "reason",
			  "not a regular file", NULL);
	} else {
		hand(&keeper->control, MESSAGE_CONFIG, 0, fd);
	}
	if (fd >= 0)
		close(fd);
}

void exchange_send_stop(struct keeper *keeper, struct child *child, struct message_stop stop)
{
	child->is_asked = true;
	tell(child, MESSAGE_STOP, 0, &stop, sizeof(stop));
}

void exchange_send_reopen(struct keeper *keeper)
{
	tell(&keeper->proxy, MESSAGE_REOPEN, 0, NULL, 0);
	tell(&keeper->other, MESSAGE_REOPEN, 0, NULL, 0);
}
