/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole keeper with scripted children. This binary is all of them: the keeper starts
 * /proc/self/exe as "proxy" and as "control", which here are puppets. They report to the test's
 * datagram socket and, control, obey its commands.
 */
#include "keeper/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/model.h"
#include "model/snapshot.h"
#include "process/message.h"
#include "process/regions.h"

#define POISON 666 /* the puppet proxy dies of generations that end so */
#define WAIT_MS 20000

static struct message message;
static char directory[128];

/* --- Reports: one datagram a line, "proxy live 3". */

static struct sockaddr_un address_of(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/%s", directory, name);
	return address;
}

static int open_named(const char *name)
{
	struct sockaddr_un address = address_of(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	unlink(address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	return fd;
}

__attribute__((format(printf, 2, 3))) static void say(const char *to, const char *format, ...)
{
	struct sockaddr_un address = address_of(to);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof(address));
	close(fd);
}

/* --- The puppets. */

static size_t sockets_held;

static void proxy_hears(void)
{
	uint64_t generation = message.header.generation;
	struct regions *regions;

	switch (message.header.type) {
	case MESSAGE_REGIONS:
		say("test", "proxy regions %d", regions_open(message.fds[0], &regions));
		break;
	case MESSAGE_SOCKETS:
		sockets_held += message.fd_count;
		message.fd_count = 0; /* they stay open */
		break;
	case MESSAGE_SNAPSHOT:
		say("test", "proxy snapshot %" PRIu64 " sockets %zu", generation, sockets_held);
		if (generation % 1000 == POISON)
			_exit(9);
		message.header =
			(struct message_header){ .type = MESSAGE_LIVE, .generation = generation };
		message_send(CHILD_CHANNEL_FD, &message.header, NULL, NULL, 0);
		break;
	case MESSAGE_STOP:
		say("test", "proxy stop");
		_exit(0);
	}
}

static void control_hears(void)
{
	const struct message_bind *bind = (const struct message_bind *)message.payload;
	uint64_t generation = message.header.generation;
	char byte = '-';

	switch (message.header.type) {
	case MESSAGE_LIVE:
		say("test", "control live %" PRIu64, generation);
		break;
	case MESSAGE_REFUSED:
		say("test", "control refused %" PRIu64 " %.*s", generation,
		    (int)message.header.size, message.payload);
		break;
	case MESSAGE_BINDS:
		say("test", "control binds %" PRIu64 " %zu %s", generation,
		    message.header.size / sizeof(*bind),
		    message.header.size ? strerrorname_np(bind->error) : "-");
		break;
	case MESSAGE_CONFIG:
		assert_int_equal(read(message.fds[0], &byte, 1), 1);
		say("test", "control config %c", byte);
		break;
	case MESSAGE_STOP:
		say("test", "control stop");
		_exit(0);
	}
}

/* "publish GENERATION PORT": one instance with one HTTP listener; port 0 = none. */
static int build_snapshot(uint64_t generation, unsigned port)
{
	struct model model = { .key_count = 1, .keys[0] = { .id = 1 } };
	struct instance *instance = instance_new();
	struct listener *listener = listener_new();
	int fd, error;

	snprintf(instance->id, sizeof(instance->id), "lb-aaaaaaaa");
	snprintf(listener->id, sizeof(listener->id), "lbl-aaaaaaaa");
	instance->number = 1;
	instance->network = NETWORK_OPEN;
	address_parse_ip(BYTES_LITERAL("127.0.0.1"), &instance->vip);
	listener->number = 1 + port; /* another port is another listener */
	listener->protocol = PROTOCOL_HTTP;
	listener->port = (uint16_t)port;
	if (port)
		instance_add_listener(instance, listener);
	else
		listener_free(listener);
	model_add_instance(&model, instance);
	error = snapshot_build(&model, generation, &fd);
	model_done(&model);
	return error ? error : fd;
}

static void control_obeys(const char *command)
{
	unsigned long long generation, announced;
	unsigned port;
	int fd;

	if (sscanf(command, "publish %llu %u", &generation, &port) == 2) {
		announced = generation;
		fd = build_snapshot(generation, port);
	} else if (sscanf(command, "lie %llu", &announced) == 1) {
		fd = build_snapshot(announced + 1, 0);
	} else if (sscanf(command, "unsealed %llu", &announced) == 1) {
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	} else if (strcmp(command, "garbage") == 0) {
		send(CHILD_CHANNEL_FD, command, 7, 0);
		return;
	} else {
		_exit(7); /* "die" */
	}
	if (fd < 0)
		say("test", "control build %d", fd);
	message_send(CHILD_CHANNEL_FD,
		     &(struct message_header){ .type = MESSAGE_PUBLISH, .generation = announced },
		     NULL, &fd, 1);
	close(fd);
}

static void puppet(bool is_proxy, int commands)
{
	struct pollfd waits[] = { { .fd = CHILD_CHANNEL_FD, .events = POLLIN },
				  { .fd = commands, .events = POLLIN } };

	for (;;) {
		char text[256] = "";

		poll(waits, 2, -1);
		if (waits[0].revents) {
			if (message_receive(CHILD_CHANNEL_FD, &message) != 1)
				_exit(0); /* the keeper is gone */
			is_proxy ? proxy_hears() : control_hears();
			message_close_fds(&message);
		}
		if (waits[1].revents && recv(commands, text, sizeof(text) - 1, 0) > 0)
			control_obeys(text);
	}
}

static int puppet_main(const char *role, int argc, char **argv)
{
	bool is_proxy = strcmp(role, "proxy") == 0;
	struct run_options options;
	int deathsig = 0;

	if (run_options_parse(argc - 1, argv + 1, &options))
		return 2;
	snprintf(directory, sizeof(directory), "%.*s",
		 (int)(strrchr(options.data, '/') - options.data), options.data);
	prctl(PR_GET_PDEATHSIG, &deathsig);
	say("test", "%s started %d api %d spare %d signal %d", role, getpid(),
	    fcntl(CHILD_API_FD, F_GETFD) >= 0, fcntl(CHILD_API_FD + 1, F_GETFD) >= 0, deathsig);
	puppet(is_proxy, is_proxy ? -1 : open_named("control"));
	return 0;
}

/* --- The test's side. */

static int reports = -1;
static pid_t keeper;
static pid_t proxy_pid, control_pid;

/* Reports that nobody asked for yet. */
static char backlog[64][256];
static size_t backlog_count;

static void forget(void)
{
	backlog_count = 0;
	while (recv(reports, backlog[0], sizeof(backlog[0]), MSG_DONTWAIT) > 0)
		;
}

static bool read_report(void)
{
	struct pollfd wait = { .fd = reports, .events = POLLIN };
	char *text = backlog[backlog_count];
	ssize_t size;

	if (backlog_count == sizeof(backlog) / sizeof(backlog[0]) || poll(&wait, 1, WAIT_MS) != 1)
		return false;
	size = recv(reports, text, sizeof(backlog[0]) - 1, 0);
	text[size > 0 ? size : 0] = '\0';
	sscanf(text, "proxy started %d", &proxy_pid);
	sscanf(text, "control started %d", &control_pid);
	backlog_count++;
	return true;
}

/* The first report that begins with `start`, past or to come; the test fails when none comes. */
static const char *expect(const char *start)
{
	static char found[256];

	for (size_t i = 0; i < backlog_count || read_report(); i++) {
		if (strncmp(backlog[i], start, strlen(start)) != 0)
			continue;
		memcpy(found, backlog[i], sizeof(found));
		backlog_count--;
		memmove(backlog[i], backlog[i + 1], (backlog_count - i) * sizeof(backlog[0]));
		return found;
	}
	print_error("waited for '%s', saw:\n", start);
	for (size_t i = 0; i < backlog_count; i++)
		print_error("  %s\n", backlog[i]);
	fail();
	return NULL;
}

/* Nobody at all, or a zombie that its new parent has not buried. */
static bool has_ended(pid_t pid)
{
	char path[64], line[256] = "", *state_at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	state_at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	return !state_at || state_at[2] == 'Z' || state_at[2] == 'X';
}

static void start_keeper(const char *config)
{
	struct run_options options = {
		.config = config, .workers = 2, .grace_s = 5, .log_level = LOG_LEVEL_DEBUG
	};
	char data[160], log[160];

	snprintf(data, sizeof(data), "%s/data", directory);
	snprintf(log, sizeof(log), "%s/log", directory);
	assert_int_equal(address_parse(BYTES_LITERAL("127.0.0.1:29470"), &options.api), 0);
	assert_int_equal(address_parse_ip(BYTES_LITERAL("0.0.0.0"), &options.default_vip), 0);
	options.data = data;
	keeper = fork();
	if (keeper == 0) {
		int fd;

		close_range(3, ~0u, 0);
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		dup2(fd, STDERR_FILENO);
		log_init("keeper", options.log_level, LOG_KEY_VALUE);
		_exit(keeper_main(&options));
	}
}

static int end_keeper(int signal)
{
	int status = 0;

	kill(keeper, signal);
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	keeper = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool log_holds(const char *text)
{
	char path[160], line[4096];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/log", directory);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		found = found || strstr(line, text);
	if (file)
		fclose(file);
	return found;
}

static int begin(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/setia-keeper-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	backlog_count = 0;
	reports = open_named("test");
	return 0;
}

static int end(void **state)
{
	pid_t pid;

	if (keeper) {
		kill(keeper, SIGKILL);
		waitpid(keeper, NULL, 0);
		keeper = 0;
	}
	close(reports);
	pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", directory, NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	return 0;
}

static void starts_and_stops(void **state)
{
	const char *report;

	start_keeper(NULL);
	report = expect("proxy started");
	assert_non_null(strstr(report, "api 0 spare 0 signal 9"));
	report = expect("control started");
	assert_non_null(strstr(report, "api 1 spare 0 signal 9"));
	expect("control binds 0 0");
	kill(proxy_pid, SIGTERM); /* only the keeper ends them */
	kill(control_pid, SIGINT);
	say("control", "publish 1 0");
	expect("control live 1");
	assert_int_equal(end_keeper(SIGTERM), 0);
	expect("proxy stop");
	assert_true(log_holds("event=stopped exit_code=0"));
	assert_false(log_holds("child_died"));
}

static void changes_become_live_and_last(void **state)
{
	start_keeper(NULL);
	expect("control binds 0");
	say("control", "publish 5 29471");
	expect("proxy snapshot 5 sockets 2");
	expect("control binds 5 0");
	expect("control live 5");
	say("control", "publish 5 29471"); /* numbers rise */
	expect("control refused 5 generation 5 is not above 5");
	say("control", "lie 6");
	expect("control refused 6 it is generation 7");
	say("control", "unsealed 8");
	expect("control refused 8");
	say("control", "publish 9 29472");
	expect("proxy snapshot 9 sockets 4");
	expect("control live 9");
	assert_int_equal(end_keeper(SIGINT), 0);
	forget();
	/* The next start needs no control: sockets and snapshot are there at once. */
	start_keeper(NULL);
	expect("proxy snapshot 9 sockets 2");
	expect("control live 9");
	say("control", "publish 3 0");
	expect("control refused 3 generation 3 is not above 9");
	assert_int_equal(end_keeper(SIGTERM), 0);
}

static void children_come_back(void **state)
{
	pid_t first_proxy, first_control;

	start_keeper(NULL);
	expect("control binds 0");
	say("control", "publish 1 29471");
	expect("control live 1");
	forget();
	first_proxy = proxy_pid;
	first_control = control_pid;
	kill(proxy_pid, SIGKILL);
	expect("proxy started");
	expect("proxy snapshot 1 sockets 2");
	assert_int_not_equal(proxy_pid, first_proxy);
	kill(control_pid, SIGKILL);
	expect("control started");
	expect("control binds 1 0");
	expect("control live 1");
	assert_int_not_equal(control_pid, first_control);
	forget();
	say("control", "garbage"); /* what does not keep to the shape is ended */
	expect("control started");
	expect("control live 1"); /* it listens to commands now */
	forget();
	say("control", "die");
	expect("control started");
	expect("control live 1");
	assert_int_equal(end_keeper(SIGTERM), 0);
	assert_true(log_holds("event=child_died child=proxy"));
	assert_true(log_holds("signal=KILL"));
	assert_true(log_holds("exit_code=7"));
	assert_true(log_holds("event=message_malformed child=control"));
}

static void a_deadly_snapshot_is_refused(void **state)
{
	start_keeper(NULL);
	expect("control binds 0");
	say("control", "publish 1 29471");
	expect("control live 1");
	forget();
	say("control", "publish 1666 29472");
	for (int i = 0; i < 3; i++)
		expect("proxy snapshot 1666");
	expect("control refused 1666 the traffic process died of it");
	expect("proxy snapshot 1 sockets 2");
	say("control", "publish 1667 29472"); /* life goes on */
	expect("control live 1667");
	assert_int_equal(end_keeper(SIGTERM), 0);
}

static void the_first_snapshot_may_be_deadly(void **state)
{
	start_keeper(NULL);
	expect("control binds 0");
	say("control", "publish 666 29471");
	expect("control refused 666");
	expect("proxy regions 0");
	say("control", "publish 667 29471");
	expect("control live 667");
	assert_int_equal(end_keeper(SIGTERM), 0);
}

static void ports_that_are_taken(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(29471),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int stranger = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(stranger, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(stranger, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(stranger, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(stranger, 5), 0);
	start_keeper(NULL);
	expect("control binds 0");
	say("control", "publish 1 29471");
	expect("proxy snapshot 1 sockets 0");
	expect("control binds 1 1 EADDRINUSE");
	expect("control live 1");
	close(stranger);
	expect("proxy snapshot 1 sockets 2"); /* the same generation again */
	expect("control binds 1 0");
	assert_int_equal(end_keeper(SIGTERM), 0);
}

static void the_configuration_comes_once_and_on_hangup(void **state)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/config.yaml", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "y", 1), 1);
	close(fd);
	start_keeper(path);
	expect("control config y");
	forget();
	kill(control_pid, SIGKILL); /* what the API changed since is not undone */
	expect("control binds 0");
	say("control", "publish 1 0");
	expect("control live 1");
	for (size_t i = 0; i < backlog_count; i++)
		assert_null(strstr(backlog[i], "config"));
	kill(keeper, SIGHUP);
	expect("control config y");
	unlink(path);
	kill(keeper, SIGHUP);
	say("control", "publish 2 0");
	expect("control live 2");
	assert_int_equal(end_keeper(SIGTERM), 0);
	assert_true(log_holds("event=config_not_opened"));
}

static void a_second_keeper_is_refused(void **state)
{
	pid_t first;
	int status = 0;

	start_keeper(NULL);
	expect("control binds 0");
	first = keeper;
	start_keeper(NULL);
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	keeper = first;
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(log_holds("event=data_directory_in_use"));
	assert_int_equal(end_keeper(SIGTERM), 0);
}

static void a_torn_snapshot_is_left_alone(void **state)
{
	char path[160];

	start_keeper(NULL);
	expect("control binds 0");
	say("control", "publish 1 29471");
	expect("control live 1");
	assert_int_equal(end_keeper(SIGTERM), 0);
	snprintf(path, sizeof(path), "%s/data/snapshot", directory);
	assert_int_equal(truncate(path, 100), 0);
	forget();
	start_keeper(NULL);
	expect("control binds 0 0");
	say("control", "publish 1 29471");
	expect("control live 1");
	assert_true(log_holds("event=last_good_not_loaded"));
	assert_int_equal(end_keeper(SIGTERM), 0);
}

static void a_killed_keeper_leaves_nobody(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(29471),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	pid_t proxy, control;

	start_keeper(NULL);
	expect("control binds 0");
	say("control", "publish 1 29471");
	expect("control live 1");
	proxy = proxy_pid;
	control = control_pid;
	assert_int_equal(end_keeper(SIGKILL), -SIGKILL);
	forget();
	start_keeper(NULL); /* at once: the children may still be ending */
	expect("proxy snapshot 1");
	expect("control live 1");
	assert_true(has_ended(proxy));
	assert_true(has_ended(control));
	for (int i = 0; i < 100; i++) { /* the port is retried soon */
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int result = connect(fd, (struct sockaddr *)&address, sizeof(address));

		close(fd);
		if (result == 0)
			break;
		assert_int_not_equal(i, 99);
		poll(NULL, 0, 20);
	}
	assert_int_equal(end_keeper(SIGTERM), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(starts_and_stops, begin, end),
		cmocka_unit_test_setup_teardown(changes_become_live_and_last, begin, end),
		cmocka_unit_test_setup_teardown(children_come_back, begin, end),
		cmocka_unit_test_setup_teardown(a_deadly_snapshot_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(the_first_snapshot_may_be_deadly, begin, end),
		cmocka_unit_test_setup_teardown(ports_that_are_taken, begin, end),
		cmocka_unit_test_setup_teardown(the_configuration_comes_once_and_on_hangup, begin,
						end),
		cmocka_unit_test_setup_teardown(a_second_keeper_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_torn_snapshot_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_killed_keeper_leaves_nobody, begin, end),
	};

	if (argc > 1)
		return puppet_main(argv[1], argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
