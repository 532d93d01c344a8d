/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `setia demo-server`: a small web server that says its name, so that a balancer can be tried
 * without installing anything. One thread, one epoll; ends on SIGTERM or SIGINT.
 */
#include "command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "command/demo.h"
#include "command/demo_connection.h"

#define CONNECTIONS_MOST 1024 /* 18 KiB each; more wait in the backlog */
#define IDLE_MS 75000
#define SWEEP_MS 1000 /* how exact IDLE_MS is, and how long a full process rests from accepting */
#define EVENTS_MOST 64

/* epoll's data: a seat's number, or one of these. */
enum { EVENT_LISTENER = CONNECTIONS_MOST, EVENT_SIGNAL };

struct seat {
	struct demo_connection *connection; /* NULL: free */
	int fd; /* borrowed from the connection */
	enum demo_wish wish;
	uint64_t active_ms;
};

struct demo_server {
	const struct demo_options *options;
	int epoll, listener, signals;
	bool is_accepting;
	size_t count;
	uint64_t swept_ms;
	struct seat seats[CONNECTIONS_MOST];
};

static const char usage[] =
	"Usage: setia demo-server --listen ADDR:PORT --name NAME\n"
	"A small HTTP server that answers every request with its name and the request's path, and with\n"
	"the field X-Server: NAME. For trying things; ends on SIGTERM or Ctrl-C.\n";

static int watch(const struct demo_server *server, int how, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(server->epoll, how, fd, &event) ? -errno : 0;
}

static void listen_again(struct demo_server *server, bool is_accepting)
{
	if (server->is_accepting != is_accepting &&
	    !watch(server, EPOLL_CTL_MOD, server->listener, is_accepting ? EPOLLIN : 0,
		   EVENT_LISTENER))
		server->is_accepting = is_accepting;
}

static int open_listener(struct demo_server *server)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(&server->options->address, &storage);
	int on = 1;

	server->listener = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->listener < 0 ||
	    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(server->listener, (struct sockaddr *)&storage, size) ||
	    listen(server->listener, SOMAXCONN))
		return -errno;
	return watch(server, EPOLL_CTL_ADD, server->listener, EPOLLIN, EVENT_LISTENER);
}

static int open_signals(struct demo_server *server)
{
	server->signals = demo_open_signals();
	if (server->signals < 0)
		return server->signals;
	return watch(server, EPOLL_CTL_ADD, server->signals, EPOLLIN, EVENT_SIGNAL);
}

static int server_open(struct demo_server *server)
{
	int error;

	server->listener = server->signals = -1;
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll < 0)
		return -errno;
	error = open_signals(server);
	if (!error)
		error = open_listener(server);
	server->is_accepting = !error;
	return error;
}

static void leave_seat(struct demo_server *server, struct seat *seat)
{
	seat->connection = demo_connection_free(seat->connection);
	server->count--;
	listen_again(server, true);
}

static void server_close(struct demo_server *server)
{
	for (size_t i = 0; i < CONNECTIONS_MOST; i++)
		demo_connection_free(server->seats[i].connection);
	if (server->listener >= 0)
		close(server->listener);
	if (server->signals >= 0)
		close(server->signals);
	if (server->epoll >= 0)
		close(server->epoll);
}

static void take_seat(struct demo_server *server, int fd)
{
	size_t free_seat = 0;

	while (server->seats[free_seat].connection)
		free_seat++; /* the caller saw that there is one */
	if (watch(server, EPOLL_CTL_ADD, fd, EPOLLIN, free_seat)) {
		close(fd);
		return;
	}
	server->seats[free_seat] = (struct seat){
		.connection = demo_connection_new(fd, server->options->name),
		.fd = fd,
		.wish = DEMO_READ,
		.active_ms = clock_boot_ms(),
	};
	if (server->seats[free_seat].connection)
		server->count++;
	else
		close(fd);
}

static void accept_clients(struct demo_server *server)
{
	for (unsigned i = 0; i < EVENTS_MOST && server->count < CONNECTIONS_MOST; i++) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take_seat(server, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			listen_again(server, false); /* until the next sweep */
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
	if (server->count == CONNECTIONS_MOST)
		listen_again(server, false);
}

static void turn(struct demo_server *server, size_t number)
{
	struct seat *seat = &server->seats[number];
	enum demo_wish wish = demo_connection_turn(seat->connection);

	seat->active_ms = clock_boot_ms();
	if (wish != DEMO_CLOSE && wish != seat->wish &&
	    watch(server, EPOLL_CTL_MOD, seat->fd, wish == DEMO_READ ? EPOLLIN : EPOLLOUT, number))
		wish = DEMO_CLOSE;
	seat->wish = wish;
	if (wish == DEMO_CLOSE)
		leave_seat(server, seat);
}

static void sweep(struct demo_server *server)
{
	uint64_t now_ms = clock_boot_ms();

	if (now_ms - server->swept_ms < SWEEP_MS)
		return;
	server->swept_ms = now_ms;
	for (size_t i = 0; i < CONNECTIONS_MOST; i++) {
		struct seat *seat = &server->seats[i];

		if (seat->connection && now_ms - seat->active_ms > IDLE_MS)
			leave_seat(server, seat);
	}
	if (server->count < CONNECTIONS_MOST)
		listen_again(server, true);
}

static int server_turn(struct demo_server *server)
{
	struct epoll_event events[EVENTS_MOST];

	for (;;) {
		int count = epoll_wait(server->epoll, events, EVENTS_MOST, SWEEP_MS);

		if (count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 == EVENT_SIGNAL)
				return 0;
			if (events[i].data.u64 == EVENT_LISTENER)
				accept_clients(server);
			else if (server->seats[events[i].data.u64].connection)
				turn(server, events[i].data.u64);
		}
		sweep(server);
	}
}

static int serve(const struct demo_options *options);

static const struct demo demo = { "demo-server", usage, serve };

static int serve(const struct demo_options *options)
{
	struct demo_server *server = calloc(1, sizeof(*server));
	int error;

	if (!server)
		return -ENOMEM;
	server->options = options;
	error = server_open(server);
	if (!error) {
		demo_says_listening(&demo, options);
		error = server_turn(server);
	}
	server_close(server);
	free(server);
	return error;
}

int command_demo_server(int argc, char **argv)
{
	return demo_run(&demo, argc, argv);
}
