/* SPDX-License-Identifier: Apache-2.0 */
/* The stage of layer-4 tests; see stage.h. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/log.h"
#include "proxy/listener.h"
#include "sticky/table.h"

#define TURNS 6
#define PATIENCE 400 /* rounds of turns, a millisecond each when nothing happens */
#define LISTENER_NUMBER 50

struct stage stage;

static struct clock_shift *shift;
static struct {
	struct sockets *sockets;
	struct descriptors descriptors;
	struct generation *generation;
	void *memory;
	size_t memory_size;
	uint64_t sequence;
	uint64_t number;
	int done_fd;
	int type; /* of the sockets */
} hidden;

void stage_begin(void)
{
	static char path[] = "/tmp/stage-clock-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*shift)), 0);
	shift = mmap(NULL, sizeof(*shift), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(shift != MAP_FAILED);
	setenv("SETIA_CLOCK_FILE", path, 1);
	assert_int_equal(clock_init(), 0);
	unlink(path);
	close(fd);
	log_init("test", LOG_LEVEL_ERROR, LOG_KEY_VALUE);
}

void stage_advance_ms(int64_t ms)
{
	shift->boot_ms += ms;
	shift->wall_ms += ms;
}

/* A listening (or, for UDP, bound) socket at a free port; `port` 0 = any. */
static int listen_at(struct address *address)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(address, &storage);
	int fd = socket(AF_INET, hidden.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&storage, size), 0);
	if (hidden.type == SOCK_STREAM)
		assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &size), 0);
	assert_int_equal(address_from_sockaddr(&storage, address), 0);
	return fd;
}

static const struct address loopback = { .ip = { 127, 0, 0, 1 }, .family = ADDRESS_IPV4 };

static void workers_open(void)
{
	struct clock_anchor anchor = { .boot_id = "stage", .offset_s = 1700000000 };
	int fd;

	assert_int_equal(regions_create(&anchor, STAGE_WORKERS, &fd, &stage.regions), 0);
	close(fd);
	assert_int_equal(regions_create_sessions(SESSIONS_LEAST, &fd), 0);
	assert_int_equal(regions_open_sessions(fd, &hidden.memory, &hidden.memory_size), 0);
	close(fd);
	assert_int_equal(session_table_open(hidden.memory, hidden.memory_size, &stage.sessions), 0);
	hidden.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	hidden.sockets = sockets_new();
	descriptors_init(&hidden.descriptors);
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		assert_int_equal(worker_init(&stage.workers[i],
					     &(struct worker_setup){
						     .index = i,
						     .regions = stage.regions,
						     .sessions = stage.sessions,
						     .sockets = hidden.sockets,
						     .descriptors = &hidden.descriptors,
						     .done_fd = hidden.done_fd,
					     }),
				 0);
}

static void open_with(unsigned targets, int type)
{
	struct instance *instance;

	memset(&stage, 0, sizeof(stage));
	memset(&hidden, 0, sizeof(hidden));
	hidden.type = type;
	workers_open();
	/* A socket for each worker, at ports of their own, so that tests can choose. */
	for (unsigned i = 0; i < STAGE_WORKERS; i++) {
		struct address address = loopback;
		int fd;

		stage.listening[i] = listen_at(&address);
		if (i == 0)
			stage.address = address;
		fd = fcntl(stage.listening[i], F_DUPFD_CLOEXEC, 3);
		assert_int_equal(sockets_put(hidden.sockets, LISTENER_NUMBER, i, fd), 0);
	}
	sample_init(&stage.sample);
	instance = sample_instance(&stage.sample, "127.0.0.1");
	stage.sample.next_number = LISTENER_NUMBER;
	stage.listener = sample_layer4(&stage.sample, instance,
				       type == SOCK_STREAM ? PROTOCOL_TCP : PROTOCOL_UDP,
				       stage.address.port);
	stage.sample.next_number = 101;
	for (unsigned i = 0; i < STAGE_TARGETS; i++) {
		char text[ADDRESS_TEXT_SIZE];

		stage.targets[i] = loopback;
		stage.target_fds[i] = listen_at(&stage.targets[i]);
		address_format(&stage.targets[i], text);
		if (i < targets)
			sample_listener_target(&stage.sample, stage.listener, text, 10);
	}
	stage_publish();
}

void stage_open(unsigned targets)
{
	open_with(targets, SOCK_STREAM);
}

void stage_open_udp(unsigned targets)
{
	open_with(targets, SOCK_DGRAM);
}

void stage_publish(void)
{
	struct generation *next = NULL;
	char why[200] = "";
	int fd;

	assert_int_equal(snapshot_build(&stage.sample.model, ++hidden.number, &fd), 0);
	if (generation_open(fd, hidden.generation, stage.regions, &next, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	close(fd);
	generation_unpin(hidden.generation);
	hidden.generation = next;
	sockets_deliver(hidden.sockets, ++hidden.sequence);
	for (unsigned i = 0; i < STAGE_WORKERS; i++) {
		worker_hand_over(&stage.workers[i], next, hidden.sequence);
		stage_turn();
		assert_int_equal(stage.workers[i].adopted, hidden.sequence);
	}
}

void stage_set_down(unsigned i, bool is_down)
{
	unsigned down = 0;

	stage.regions->health[i].is_down = is_down;
	for (unsigned k = 0; k < stage.listener->target_count; k++)
		down += stage.regions->health[k].is_down;
	stage.regions->turns[LIMIT_RULES + stage.listener->slot].down =
		!down                                 ? REGION_ALL_UP
		: down < stage.listener->target_count ? REGION_SOME_DOWN
						      : REGION_ALL_DOWN;
}

void stage_turn(void)
{
	for (int turn = 0; turn < TURNS; turn++) {
		for (unsigned i = 0; i < STAGE_WORKERS; i++) {
			if (stage.workers[i].is_ended)
				continue;
			worker_wake(&stage.workers[i]); /* or it would wait */
			worker_turn(&stage.workers[i]);
		}
	}
}

void stage_close(void)
{
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		worker_ask_to_stop(&stage.workers[i], 0);
	for (int i = 0; i < PATIENCE && (!stage.workers[0].is_ended || !stage.workers[1].is_ended);
	     i++) {
		stage_turn();
		stage_advance_ms(100);
	}
	for (unsigned i = 0; i < STAGE_WORKERS; i++) {
		assert_true(stage.workers[i].is_ended);
		assert_int_equal(stage.workers[i].connection_count, 0);
		assert_int_equal(stage.workers[i].buffers.used, 0);
		assert_true(list_is_empty(&stage.workers[i].listeners));
		worker_done(&stage.workers[i]);
		close(stage.listening[i]);
	}
	assert_int_equal(hidden.descriptors.used, 0);
	assert_int_equal(stage_open_connections(), 0);
	for (unsigned i = 0; i < STAGE_TARGETS; i++) {
		if (stage.target_fds[i] >= 0)
			close(stage.target_fds[i]);
	}
	generation_unpin(hidden.generation);
	sockets_free(hidden.sockets);
	sample_done(&stage.sample);
	session_table_close(stage.sessions);
	regions_close_sessions(hidden.memory, hidden.memory_size);
	regions_close(stage.regions);
	close(hidden.done_fd);
}

uint64_t stage_counter(enum counter counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		sum += stage.regions->columns[i].counters[stage.listener->slot].values[counter];
	return sum;
}

uint32_t stage_active(unsigned i)
{
	return stage.regions->target_connections[0][i];
}

uint32_t stage_open_connections(void)
{
	return stage.regions->listeners[0].connections[0];
}

int client_connect(unsigned worker, unsigned host)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(0x7f000000 | host) };
	struct sockaddr_storage to;
	socklen_t size = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(getsockname(stage.listening[worker], (struct sockaddr *)&to, &size), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_true(connect(fd, (struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS);
	stage_turn();
	return fd;
}

int target_accept(unsigned i)
{
	for (int round = 0; round < PATIENCE; round++) {
		int fd = accept4(stage.target_fds[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			stage_turn();
			return fd;
		}
		stage_turn();
		usleep(round > 20 ? 1000 : 0);
	}
	return -1;
}

int targets_accept(unsigned *ret_target)
{
	for (int round = 0; round < PATIENCE; round++) {
		for (unsigned i = 0; i < STAGE_TARGETS; i++) {
			int fd = accept4(stage.target_fds[i], NULL, NULL,
					 SOCK_NONBLOCK | SOCK_CLOEXEC);

			if (fd >= 0) {
				*ret_target = i;
				stage_turn();
				return fd;
			}
		}
		stage_turn();
		usleep(round > 20 ? 1000 : 0);
	}
	fail_msg("no target got a connection");
	return -1;
}

void assert_reads(int fd, const char *text)
{
	char got[256] = { 0 };
	size_t size = 0, expected = strlen(text);

	assert_true(expected < sizeof(got));
	for (int round = 0; round < PATIENCE && size < expected; round++) {
		ssize_t count = read(fd, got + size, expected - size);

		assert_true(count > 0 || (count < 0 && errno == EAGAIN));
		size += count > 0 ? (size_t)count : 0;
		stage_turn();
		usleep(round > 20 ? 1000 : 0);
	}
	assert_string_equal(got, text);
}

int read_end(int fd)
{
	char byte;

	for (int round = 0; round < PATIENCE; round++) {
		ssize_t count = read(fd, &byte, 1);

		if (count == 0)
			return 0;
		if (count < 0 && errno != EAGAIN)
			return errno;
		assert_true(count < 0);
		stage_turn();
		usleep(round > 20 ? 1000 : 0);
	}
	return EAGAIN;
}

void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	stage_turn();
}

void close_reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
	stage_turn();
}
