/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper hands to its next life, what it makes of a new binary's answer, and what it says
 * about itself at its door. */
#include "keeper/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/report.h"
#include "keeper/state.h"
#include "keeper/upgrade_check.h"
#include "model/model.h"
#include "process/log.h"

#define WORKERS 3
#define LISTENERS 40
#define PORT 29480

static char why[UPGRADE_TEXT_SIZE];

/* A snapshot of so many listeners, of both transports in turn. */
static int build_snapshot(uint64_t generation, unsigned listeners)
{
	struct model model = { .key_count = 1, .keys[0] = { .id = 1 } };
	struct instance *instance = instance_new();
	int fd = -1;

	snprintf(instance->id, sizeof(instance->id), "lb-aaaaaaaa");
	instance->number = 1;
	instance->network = NETWORK_OPEN;
	address_parse_ip(BYTES_LITERAL("127.0.0.1"), &instance->vip);
	for (unsigned i = 0; i < listeners; i++) {
		struct listener *listener = listener_new();

		snprintf(listener->id, sizeof(listener->id), "lbl-%08x", i);
		listener->number = 10 + i;
		listener->slot = i;
		listener->protocol = PROTOCOL_HTTP;
		listener->port = (uint16_t)(PORT + i);
		instance_add_listener(instance, listener);
	}
	model_add_instance(&model, instance);
	assert_int_equal(snapshot_build(&model, generation, &fd), 0);
	model_done(&model);
	return fd;
}

static struct keeper *keeper_new(void)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	keeper->options.workers = WORKERS;
	keeper->options.data = "/somewhere";
	keeper->home.directory_fd = keeper->home.lock_fd = -1;
	keeper->regions_fd = keeper->sessions_fd = keeper->api_socket = keeper->signal_fd = -1;
	child_init(&keeper->proxy, "proxy");
	child_init(&keeper->other, "proxy");
	child_init(&keeper->control, "control");
	upgrade_init(&keeper->upgrade);
	door_init(&keeper->door);
	return keeper;
}

/* One that holds something of everything. */
static struct keeper *keeper_full(unsigned listeners)
{
	struct keeper *keeper = keeper_new();
	struct snapshot snapshot;
	int ends[2], fd = build_snapshot(7, listeners);

	keeper->home.anchor =
		(struct clock_anchor){ .boot_id = "b", .offset_s = 5, .last_session_s = 6 };
	assert_int_equal(regions_create(&keeper->home.anchor, keeper->options.workers,
					&keeper->regions_fd, &keeper->regions),
			 0);
	assert_int_equal(regions_create_sessions(SESSIONS_LEAST, &keeper->sessions_fd), 0);
	keeper->home.directory_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	keeper->home.lock_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	keeper->api_socket = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	keeper->proxy.channel = ends[0];
	keeper->control.channel = ends[1];
	keeper->proxy.pid = 4711;
	keeper->proxy.incarnation = keeper->incarnation = 9;
	keeper->proxy.live = keeper->live = keeper->highest = keeper->saved = 7;
	keeper->proxy.kill_due_ms = CHILD_NEVER;
	snprintf(keeper->proxy.version, sizeof(keeper->proxy.version), "1.2.3");
	keeper->has_identity = true;
	keeper->identity = (struct identity){ .user = 12, .group = 34 };
	door_take_waiter(&keeper->door, open("/dev/null", O_RDONLY | O_CLOEXEC));
	socket_set_init(&keeper->sockets, WORKERS, 1000);
	assert_int_equal(snapshot_open(fd, true, &snapshot, why, sizeof(why)), 0);
	assert_int_equal(socket_set_adopt(&keeper->sockets, &snapshot, 0), 0);
	snapshot_close(&snapshot);
	history_add(&keeper->history, 7, fd);
	history_set_good(&keeper->history, 7);
	return keeper;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void keeper_free(struct keeper *keeper)
{
	socket_set_done(&keeper->sockets);
	history_done(&keeper->history);
	door_done(keeper, false);
	upgrade_done(&keeper->upgrade);
	child_close_channel(&keeper->proxy);
	child_close_channel(&keeper->control);
	regions_close(keeper->regions);
	close_if_open(keeper->regions_fd);
	close_if_open(keeper->sessions_fd);
	close_if_open(keeper->api_socket);
	home_done(&keeper->home);
	free(keeper);
}

static void the_next_life_has_all(void **state)
{
	struct keeper *old = keeper_full(LISTENERS), *new = keeper_new();
	int fd;

	old->sockets.entries[3]->is_sent[1] = true;
	assert_int_equal(handover_write(old, &fd), 0);
	assert_int_equal(handover_check(fd, &old->options, why, sizeof(why)), 0);
	assert_int_equal(handover_keep_open(old, fd, true), 0);
	assert_int_equal(fcntl(old->api_socket, F_GETFD), 0);
	assert_int_equal(fcntl(old->sockets.entries[39]->fds[2], F_GETFD), 0);
	assert_int_equal(fcntl(old->door.clients[0].fd, F_GETFD), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	/* In truth this is another program in the same process. */
	assert_int_equal(handover_take(new, fd, why, sizeof(why)), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fcntl(new->api_socket, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(new->sockets.entries[39]->fds[2], F_GETFD), FD_CLOEXEC);
	assert_int_equal(new->proxy.pid, 4711);
	assert_int_equal(new->proxy.incarnation, 9);
	assert_string_equal(new->proxy.version, "1.2.3");
	assert_string_equal(new->proxy.name, "proxy");
	assert_int_equal(new->live, 7);
	assert_int_equal(new->history.good, 7);
	assert_int_equal(history_newest(&new->history)->fd, history_newest(&old->history)->fd);
	assert_int_equal(new->identity.group, 34);
	assert_int_equal(new->home.anchor.offset_s, 5);
	assert_string_equal(new->home.path, "/somewhere");
	assert_string_equal(new->home.clock_path, "/somewhere/clock");
	assert_int_equal(new->door.clients[0].state, DOOR_UPGRADING);
	assert_int_equal(new->sockets.count, LISTENERS);
	assert_int_equal(new->sockets.open_count, LISTENERS * WORKERS);
	assert_true(new->sockets.entries[3]->is_sent[1]);
	assert_false(new->sockets.entries[3]->is_sent[0]);
	assert_int_equal(new->sockets.entries[5]->address.port, PORT + 5);
	assert_true(new->regions &&new->regions != old->regions);
	regions_close(old->regions);
	old->regions = NULL;
	/* One of the two closes what both name. */
	keeper_free(old);
	for (size_t i = 0; i < new->sockets.count; i++)
		free(new->sockets.entries[i]);
	free(new->sockets.entries);
	regions_close(new->regions);
	free(new);
}

static void what_is_bent_is_refused(void **state)
{
	struct keeper *keeper = keeper_full(2);
	struct run_options options = keeper->options;
	struct stat status;
	int fd;

	assert_int_equal(handover_write(keeper, &fd), 0);
	assert_int_equal(fstat(fd, &status), 0);
	for (off_t at = 0; at < status.st_size; at++) {
		unsigned char byte, bent;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		bent = byte ^ (unsigned char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &bent, 1, at), 1);
		why[0] = '\0';
		assert_int_equal(handover_check(fd, &options, why, sizeof(why)), -EBADMSG);
		assert_true(why[0]);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	options.workers++;
	assert_int_equal(handover_check(fd, &options, why, sizeof(why)), -EBADMSG);
	options.workers--;
	assert_int_equal(handover_check(fd, &options, why, sizeof(why)), 0);
	while (status.st_size-- > 0) {
		assert_int_equal(ftruncate(fd, status.st_size), 0);
		assert_int_equal(handover_check(fd, &options, why, sizeof(why)), -EBADMSG);
	}
	close(fd);
	keeper_free(keeper);
}

static void answers_of_a_check(void **state)
{
	static const struct {
		const char *answer;
		int status;
		const char *why; /* NULL: it may go on */
	} cases[] = {
		{ "ok\n", 0, NULL },
		{ "ok\nand more\n", 0, NULL },
		{ "ok", 0, "without an answer" },
		{ "okay\n", 0, "without an answer" },
		{ "ok\n", 1 << 8, "ended with exit code 1, without an answer" },
		{ "ok\n", SIGSEGV, "ended with signal SEGV" },
		{ "", 0, "without an answer" },
		{ "no it is of another version\n", 1 << 8, ": it is of another version" },
		{ "no cut", 1 << 8, "without an answer" },
		{ "no \n", 1 << 8, ": " },
		{ "\n", 0, "without an answer" },
	};
	struct upgrade upgrade = { .path = "/bin/setia" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int error;

		upgrade.answer_size = strlen(cases[i].answer);
		memcpy(upgrade.answer, cases[i].answer, upgrade.answer_size);
		error = upgrade_check_result(&upgrade, cases[i].status, why, sizeof(why));
		assert_int_equal(error, cases[i].why ? -EINVAL : 0);
		if (cases[i].why)
			assert_non_null(strstr(why, cases[i].why));
	}
	memset(upgrade.path, 'x', sizeof(upgrade.path) - 1);
	memset(upgrade.answer, 'n', sizeof(upgrade.answer));
	upgrade.answer_size = sizeof(upgrade.answer) - 1;
	assert_int_equal(upgrade_check_result(&upgrade, 0, why, sizeof(why)), -EINVAL);
}

/* Sound, and within its room, with as many listeners as there may be and every counter high. */
static void status_is_sound_json(void **state)
{
	static const unsigned counts[] = { 0, 1, 40, 300 };
	static char out[REPORT_ROOM];

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct keeper *keeper = keeper_full(counts[i]);
		json_t *status;
		size_t size;

		for (unsigned slot = 0; slot < counts[i]; slot++) {
			for (unsigned counter = 0; counter < COUNTERS_USED; counter++)
				counter_add(&keeper->regions->columns[1].counters[slot],
					    (enum counter)counter, UINT64_MAX / 4);
		}
		snprintf(keeper->home.path, sizeof(keeper->home.path), "/a\"b\\c\n\x01");
		memset(keeper->upgrade.path, '\n', sizeof(keeper->upgrade.path) - 1);
		keeper->upgrade.has_ended = true;
		memset(keeper->upgrade.text, '"', sizeof(keeper->upgrade.text) - 1);
		size = report_status(keeper, 1000, out, sizeof(out));
		assert_in_range(size, 100, sizeof(out) - 1);
		status = json_loadb(out, size, 0, NULL);
		assert_non_null(status);
		assert_string_equal(json_string_value(json_object_get(status, "data")),
				    "/a\"b\\c\n\x01");
		assert_int_equal(json_array_size(json_object_get(status, "counters")) +
					 (size_t)json_integer_value(
						 json_object_get(status, "counters_more")),
				 counts[i]);
		assert_int_equal(json_array_size(json_object_get(status, "processes")), 3);
		json_decref(status);
		keeper_free(keeper);
	}
}

static void counters_come_in_pieces(void **state)
{
	struct keeper *keeper = keeper_full(40);
	struct snapshot snapshot;
	char out[16384];
	uint32_t row = 0;
	size_t lines = 0;

	for (unsigned worker = 0; worker < WORKERS; worker++) {
		for (unsigned slot = 0; slot < 40; slot++) {
			for (unsigned counter = 0; counter < COUNTERS_USED; counter += 2)
				counter_add(&keeper->regions->columns[worker].counters[slot],
					    (enum counter)counter, 5);
		}
	}
	assert_int_equal(snapshot_open(history_newest(&keeper->history)->fd, true, &snapshot, why,
				       sizeof(why)),
			 0);
	while (row < report_counters_end(&snapshot)) {
		uint32_t before = row;
		size_t size = report_counters(keeper, &snapshot, &row, out, sizeof(out));

		assert_true(row > before && size > 0 && size < sizeof(out));
		assert_int_equal(out[size - 1], '\n');
		for (size_t i = 0; i < size; i++)
			lines += out[i] == '\n';
		assert_non_null(memmem(out, size, " 15\n", 4));
	}
	assert_int_equal(lines, 40 * ((COUNTERS_USED + 1) / 2));
	snapshot_close(&snapshot);
	keeper_free(keeper);
}

static void a_bank_is_emptied_and_its_neighbour_is_not(void **state)
{
	struct keeper *keeper = keeper_full(1);
	struct regions *regions = keeper->regions;
	struct stat before, after;

	for (unsigned bank = 0; bank < REGION_BANKS; bank++) {
		atomic_store(&regions->listeners[0].connections[bank], 1 + bank);
		atomic_store(&regions->listeners[LIMIT_LISTENERS - 1].connections[bank], 3 + bank);
		atomic_store(&regions->target_connections[bank][0], 5 + bank);
		atomic_store(&regions->target_connections[bank][LIMIT_TARGETS - 1], 7 + bank);
	}
	assert_int_equal(fstat(keeper->regions_fd, &before), 0);
	regions_clear_bank(regions, keeper->regions_fd, 1);
	assert_int_equal(fstat(keeper->regions_fd, &after), 0);
	assert_int_equal(before.st_blocks, after.st_blocks); /* holes stay holes */
	assert_int_equal(atomic_load(&regions->listeners[0].connections[1]), 0);
	assert_int_equal(atomic_load(&regions->listeners[LIMIT_LISTENERS - 1].connections[1]), 0);
	assert_int_equal(atomic_load(&regions->target_connections[1][0]), 0);
	assert_int_equal(atomic_load(&regions->target_connections[1][LIMIT_TARGETS - 1]), 0);
	assert_int_equal(atomic_load(&regions->listeners[0].connections[0]), 1);
	assert_int_equal(atomic_load(&regions->listeners[LIMIT_LISTENERS - 1].connections[0]), 3);
	assert_int_equal(atomic_load(&regions->target_connections[0][0]), 5);
	assert_int_equal(atomic_load(&regions->target_connections[0][LIMIT_TARGETS - 1]), 7);
	keeper_free(keeper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_life_has_all),
		cmocka_unit_test(what_is_bent_is_refused),
		cmocka_unit_test(answers_of_a_check),
		cmocka_unit_test(status_is_sound_json),
		cmocka_unit_test(counters_come_in_pieces),
		cmocka_unit_test(a_bank_is_emptied_and_its_neighbour_is_not),
	};

	log_init("test", (enum log_level)0, LOG_KEY_VALUE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
