/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The traffic process's main thread: talks with the keeper, opens generations, hands them to the
 * workers and reports when all of them have adopted one. Owns the workers, the registry of sockets,
 * the newest generation and the session table's view. Ends when the keeper asks for it, or is gone.
 */
#include "proxy/proxy.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "process/check.h"
#include "process/log.h"
#include "process/message.h"
#include "proxy/access_log.h"
#include "proxy/body_store.h"
#include "proxy/health.h"
#include "proxy/listener.h"
#include "proxy/sessions.h"
#include "proxy/worker.h"

struct proxy {
	const struct run_options *options;
	struct regions *regions;
	void *session_memory;
	size_t session_size;
	struct session_table *table;
	struct sessions *sessions; /* the table's housekeeper */
	struct health *health;
	struct access_log *access;
	struct sockets *sockets;
	struct worker *workers;
	unsigned started; /* workers whose thread runs */
	struct descriptors descriptors;
	struct body_room bodies;
	char body_directory[PATH_MAX];
	struct generation *newest;
	uint64_t sequence; /* of the last handover */
	uint64_t live; /* handover that the keeper was told of */
	int done_fd;
	bool is_waiting; /* the newest generation, for the sessions to be loaded */
	bool is_stopping;
	bool is_replaced; /* another one has taken over */
	struct message message; /* scratch: 32 KiB are much for a stack */
};

static int proxy_refuse(uint64_t generation, const char *why)
{
	const struct message_header header = { .type = MESSAGE_REFUSED,
					       .size = (uint32_t)strlen(why),
					       .generation = generation };

	log_event(LOG_LEVEL_ERROR, "snapshot_refused", "generation",
		  log_number((int64_t)generation), "why", why, NULL);
	return message_send(CHILD_CHANNEL_FD, &header, why, NULL, 0);
}

static void proxy_make_body_room(struct proxy *proxy)
{
	const struct run_options *options = proxy->options;

	/* Both have a roof below PATH_MAX. */
	snprintf(proxy->body_directory, sizeof(proxy->body_directory), "%s%s",
		 options->body_dir ? options->body_dir : options->data,
		 options->body_dir ? "" : "/body");
	proxy->bodies.directory = proxy->body_directory;
	proxy->bodies.disk_most = (uint64_t)options->body_room_m << 20;
}

static int proxy_start_workers(struct proxy *proxy, unsigned bank)
{
	int result = 0;

	proxy_make_body_room(proxy);
	proxy->workers = calloc(proxy->options->workers, sizeof(*proxy->workers));
	if (!proxy->workers)
		return -ENOMEM;
	for (unsigned i = 0; i < proxy->options->workers; i++) {
		result = worker_init(&proxy->workers[i],
				     &(struct worker_setup){
					     .index = i,
					     .bank = bank,
					     .regions = proxy->regions,
					     .sessions = proxy->table,
					     .access = access_log_ring(proxy->access, i),
					     .bodies = &proxy->bodies,
					     .health = proxy->health,
					     .sockets = proxy->sockets,
					     .descriptors = &proxy->descriptors,
					     .done_fd = proxy->done_fd,
				     });
		if (result == 0)
			result = worker_start(&proxy->workers[i]);
		if (result < 0)
			return result;
		proxy->started++;
	}
	return 0;
}

static int proxy_open_table(struct proxy *proxy, int fd, bool is_alone)
{
	int result = regions_open_sessions(fd, &proxy->session_memory, &proxy->session_size);

	if (result == 0)
		result = session_table_open(proxy->session_memory, proxy->session_size,
					    &proxy->table);
	if (result < 0)
		return result;
	/* What is in the memory is newer than any file, unless nobody has read the file yet. */
	return sessions_start(
		&(struct sessions_setup){
			.table = proxy->table,
			.regions = proxy->regions,
			.data = proxy->options->data,
			.must_load = is_alone && !atomic_load(&proxy->regions->sessions.is_loaded),
			.done_fd = proxy->done_fd,
		},
		&proxy->sessions);
}

static int proxy_take_regions(struct proxy *proxy)
{
	struct message *message = &proxy->message;
	struct regions_greeting greeting;
	int result;

	if (message->fd_count != 2 || message->header.size != sizeof(greeting) || proxy->workers) {
		message_close_fds(message);
		return -EBADMSG;
	}
	memcpy(&greeting, message->payload, sizeof(greeting));
	result = regions_open(message->fds[0], &proxy->regions);
	if (result == 0 && regions_workers(proxy->regions) < proxy->options->workers)
		result = -EBADMSG;
	if (result == 0)
		result = proxy_open_table(proxy, message->fds[1], greeting.is_alone);
	message_close_fds(message);
	if (result == 0) {
		proxy->health = health_new(proxy->regions);
		result = proxy->health ? 0 : -ENOMEM;
	}
	if (result == 0)
		result = access_log_start(
			&(struct access_log_setup){
				.data = proxy->options->data,
				.directory = proxy->options->log_dir,
				.regions = proxy->regions,
				.workers = proxy->options->workers,
			},
			&proxy->access);
	if (result == 0)
		result = proxy_start_workers(proxy, greeting.incarnation % REGION_BANKS);
	return result;
}

static int proxy_take_sockets(struct proxy *proxy)
{
	const struct message *message = &proxy->message;
	const struct message_socket *entries = (const struct message_socket *)message->payload;
	size_t count = message->header.size / sizeof(*entries);

	if (count != message->fd_count || message->header.size % sizeof(*entries)) {
		message_close_fds(&proxy->message);
		return -EBADMSG;
	}
	for (size_t i = 0; i < count; i++) {
		int result;

		if (entries[i].worker >= proxy->started) {
			close(message->fds[i]);
			continue;
		}
		result = sockets_put(proxy->sockets, entries[i].listener, entries[i].worker,
				     message->fds[i]);
		if (result < 0)
			log_event(LOG_LEVEL_ERROR, "socket_lost", "error", log_errno(result), NULL);
	}
	return 0;
}

/* To all workers, once clients find their pins. */
static void proxy_deliver(struct proxy *proxy)
{
	proxy->is_waiting = !sessions_are_loaded(proxy->sessions);
	if (proxy->is_waiting)
		return;
	sockets_deliver(proxy->sockets, ++proxy->sequence);
	for (unsigned i = 0; i < proxy->started; i++)
		worker_hand_over(&proxy->workers[i], proxy->newest, proxy->sequence);
}

static int proxy_take_snapshot(struct proxy *proxy)
{
	struct message *message = &proxy->message;
	uint64_t number = message->header.generation;
	struct generation *generation = NULL;
	char why[256] = "no descriptor";
	int result = -EBADMSG;

	if (!proxy->started)
		result = -EBADMSG;
	else if (proxy->newest && proxy->newest->number == number)
		result = 0; /* the same again: only sockets are new */
	else if (message->fd_count == 1)
		result = generation_open(message->fds[0], proxy->newest, proxy->regions,
					 &generation, why, sizeof(why));
	message_close_fds(message);
	if (result == 0 && generation && generation->number != number) {
		generation_unpin(generation);
		snprintf(why, sizeof(why), "its number is not the message's");
		result = -EBADMSG;
	}
	if (result == 0 && generation) {
		result = health_adopt(proxy->health, generation);
		if (result < 0)
			generation_unpin(generation);
	}
	if (result < 0)
		return proxy_refuse(number, result == -EBADMSG ? why : strerror(-result));
	if (generation) {
		generation_unpin(proxy->newest);
		proxy->newest = generation;
	}
	proxy_deliver(proxy);
	return 0;
}

static void proxy_take_stop(struct proxy *proxy)
{
	const struct message *message = &proxy->message;
	struct message_stop stop = { 0 };

	if (message->header.size >= sizeof(stop))
		memcpy(&stop, message->payload, sizeof(stop));
	proxy->is_stopping = true;
	proxy->is_replaced |= stop.is_replaced != 0;
	if (stop.is_replaced)
		health_stop(proxy->health);
	for (unsigned i = 0; i < proxy->started; i++) {
		if (stop.is_replaced)
			worker_ask_to_make_way(&proxy->workers[i], (int64_t)stop.grace_s * 1000);
		else
			worker_ask_to_stop(&proxy->workers[i], (int64_t)stop.grace_s * 1000);
	}
}

static int proxy_take_message(struct proxy *proxy)
{
	struct message *message = &proxy->message;

	switch (message->header.type) {
	case MESSAGE_REGIONS:
		return proxy_take_regions(proxy);
	case MESSAGE_SOCKETS:
		return proxy_take_sockets(proxy);
	case MESSAGE_SNAPSHOT:
		return proxy_take_snapshot(proxy);
	case MESSAGE_STOP:
		proxy_take_stop(proxy);
		return 0;
	case MESSAGE_REOPEN:
		if (proxy->access)
			access_log_reopen(proxy->access);
		return 0;
	default:
		message_close_fds(message);
		log_event(LOG_LEVEL_WARNING, "unknown_message", "type",
			  log_number(message->header.type), NULL);
		return 0;
	}
}

/* The keeper hears of a generation when the slowest worker has it. */
static int proxy_tell_live(struct proxy *proxy)
{
	uint64_t slowest = proxy->sequence;

	for (unsigned i = 0; i < proxy->started; i++) {
		uint64_t adopted =
			atomic_load_explicit(&proxy->workers[i].adopted, memory_order_acquire);

		if (adopted < slowest)
			slowest = adopted;
	}
	if (slowest != proxy->sequence || proxy->live == slowest || !proxy->newest)
		return 0;
	proxy->live = slowest;
	return message_send(CHILD_CHANNEL_FD,
			    &(struct message_header){ .type = MESSAGE_LIVE,
						      .generation = proxy->newest->number },
			    NULL, NULL, 0);
}

/* A worker adopted a generation or ended, or the sessions are loaded. */
static int proxy_hear_done(struct proxy *proxy)
{
	uint64_t count;

	if (read(proxy->done_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	if (proxy->is_waiting)
		proxy_deliver(proxy);
	return proxy_tell_live(proxy);
}

static bool proxy_is_ended(const struct proxy *proxy)
{
	if (!proxy->is_stopping)
		return false;
	for (unsigned i = 0; i < proxy->started; i++) {
		if (!atomic_load_explicit(&proxy->workers[i].is_ended, memory_order_acquire))
			return false;
	}
	return true;
}

static int proxy_loop(struct proxy *proxy)
{
	struct pollfd polled[] = {
		{ .fd = CHILD_CHANNEL_FD, .events = POLLIN },
		{ .fd = proxy->done_fd, .events = POLLIN },
	};

	while (!proxy_is_ended(proxy)) {
		int result = 0;

		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (polled[1].revents)
			result = proxy_hear_done(proxy);
		if (result == 0 && polled[0].revents) {
			result = message_receive(CHILD_CHANNEL_FD, &proxy->message);
			if (result == 0)
				return -EPIPE;
			if (result > 0)
				result = proxy_take_message(proxy);
			else if (result == -EAGAIN)
				result = 0;
		}
		if (result < 0)
			return result;
	}
	return 0;
}

static void proxy_done(struct proxy *proxy)
{
	for (unsigned i = 0; i < proxy->started; i++)
		pthread_join(proxy->workers[i].thread, NULL);
	for (unsigned i = 0; i < proxy->started; i++)
		worker_done(&proxy->workers[i]);
	free(proxy->workers);
	access_log_stop(proxy->access);
	health_free(proxy->health);
	/* All pins are in the table now. */
	sessions_stop(proxy->sessions, !proxy->is_replaced);
	session_table_close(proxy->table);
	regions_close_sessions(proxy->session_memory, proxy->session_size);
	sockets_free(proxy->sockets);
	generation_unpin(proxy->newest);
	regions_close(proxy->regions);
	close(proxy->done_fd);
	free(proxy);
}

int proxy_check_upgrade(char *why, size_t why_size)
{
	struct session_table *table = NULL;
	void *memory = NULL;
	size_t size = 0;
	int result = regions_open_sessions(CHECK_SESSIONS_FD, &memory, &size);
	uint64_t begin = 0;

	if (result == 0)
		memcpy(&begin, memory, sizeof(begin));
	/* Nobody has laid it out yet: that is not for a check to do. */
	if (begin != 0)
		result = session_table_open(memory, size, &table);
	if (result < 0)
		snprintf(why, why_size, "the session table: %s",
			 result == -EBADMSG ? "it is of another version" : strerror(-result));
	session_table_close(table);
	regions_close_sessions(memory, size);
	return result;
}

int proxy_main(const struct run_options *options)
{
	struct proxy *proxy = calloc(1, sizeof(*proxy));
	int result;

	if (!proxy)
		return 1;
	/* The terminal's Ctrl-C goes to the whole group; only the keeper decides. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	proxy->options = options;
	proxy->sockets = sockets_new();
	descriptors_init(&proxy->descriptors);
	proxy->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	log_event(LOG_LEVEL_INFO, "patterns", "run_as",
		  pattern_is_fast() ? "machine code" : "interpreted: slower", NULL);
	result = proxy->sockets && proxy->done_fd >= 0 ? proxy_loop(proxy) : -ENOMEM;
	if (result < 0) {
		/* Without the keeper there is nothing to serve for: threads and all end here. */
		log_event(result == -EPIPE ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "proxy_ended",
			  "error", result == -EPIPE ? "keeper gone" : log_errno(result), NULL);
		_exit(1);
	}
	proxy_done(proxy);
	return 0;
}
