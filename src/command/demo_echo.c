/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `setia demo-echo`: says its name and then gives back what it gets, over TCP and UDP on one port,
 * so that layer-4 listeners can be tried without installing anything. One thread, one poll; ends on
 * SIGTERM or SIGINT.
 */
#include "command/command.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/demo.h"

#define SEATS_MOST 256 /* more wait in the backlog */
#define ECHO_ROOM 4096
#define DATAGRAM_MOST 65507
#define DATAGRAMS_A_TURN 64
enum { POLL_SIGNAL, POLL_TCP, POLL_UDP, POLL_SEATS };

struct seat {
	size_t used, sent; /* bytes that go back, and how many of them went */
	bool saw_end;
	char data[ECHO_ROOM];
};

struct demo_echo {
	const struct demo_options *options;
	struct pollfd polls[POLL_SEATS + SEATS_MOST];
	struct seat seats[SEATS_MOST];
	char datagram[DEMO_NAME_MOST + 2 + DATAGRAM_MOST];
};

static const char usage[] =
	"Usage: setia demo-echo --listen ADDR:PORT --name NAME\n"
	"Over TCP: a line with its name, then whatever it gets. Over UDP, on the same port: an answer\n"
	"\"NAME: \" and the datagram. For trying things; ends on SIGTERM or Ctrl-C.\n";

/* A bound socket, or -errno. */
static int open_socket(const struct address *address, int type)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(address, &storage);
	int fd = socket(storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, error;

	if (fd < 0)
		return -errno;
	if ((type == SOCK_STREAM &&
	     setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
	    bind(fd, (struct sockaddr *)&storage, size) < 0 ||
	    (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static int echo_open(struct demo_echo *echo)
{
	for (size_t i = 0; i < POLL_SEATS + SEATS_MOST; i++)
		echo->polls[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	echo->polls[POLL_SIGNAL].fd = demo_open_signals();
	if (echo->polls[POLL_SIGNAL].fd < 0)
		return echo->polls[POLL_SIGNAL].fd;
	echo->polls[POLL_TCP].fd = open_socket(&echo->options->address, SOCK_STREAM);
	if (echo->polls[POLL_TCP].fd < 0)
		return echo->polls[POLL_TCP].fd;
	echo->polls[POLL_UDP].fd = open_socket(&echo->options->address, SOCK_DGRAM);
	return echo->polls[POLL_UDP].fd < 0 ? echo->polls[POLL_UDP].fd : 0;
}

static void echo_close(struct demo_echo *echo)
{
	for (size_t i = 0; i < POLL_SEATS + SEATS_MOST; i++) {
		if (echo->polls[i].fd >= 0)
			close(echo->polls[i].fd);
	}
}

static void leave_seat(struct demo_echo *echo, size_t number)
{
	close(echo->polls[POLL_SEATS + number].fd);
	echo->polls[POLL_SEATS + number].fd = -1;
	echo->polls[POLL_TCP].events = POLLIN;
}

static void accept_client(struct demo_echo *echo)
{
	struct pollfd *polls = echo->polls + POLL_SEATS;
	size_t number = 0;
	int fd;

	while (number < SEATS_MOST && polls[number].fd >= 0)
		number++;
	if (number == SEATS_MOST) {
		echo->polls[POLL_TCP].events = 0; /* until a seat is free */
		return;
	}
	fd = accept4(echo->polls[POLL_TCP].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	polls[number] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	echo->seats[number].saw_end = false;
	echo->seats[number].sent = 0;
	echo->seats[number].used =
		(size_t)snprintf(echo->seats[number].data, ECHO_ROOM, "%s\n", echo->options->name);
}

/* Reads while nothing waits to go back, writes while something does. */
static void turn(struct demo_echo *echo, size_t number)
{
	struct pollfd *poll = &echo->polls[POLL_SEATS + number];
	struct seat *seat = &echo->seats[number];
	ssize_t size;

	if (seat->used > 0) {
		size = send(poll->fd, seat->data + seat->sent, seat->used - seat->sent,
			    MSG_NOSIGNAL);
		if (size > 0)
			seat->sent += (size_t)size;
		if (seat->sent == seat->used)
			seat->sent = seat->used = 0;
	} else {
		size = recv(poll->fd, seat->data, ECHO_ROOM, 0);
		if (size > 0)
			seat->used = (size_t)size;
		seat->saw_end = size == 0;
	}
	if ((size < 0 && errno != EAGAIN) || (seat->saw_end && seat->used == 0))
		leave_seat(echo, number);
	else
		poll->events = seat->used > 0 ? POLLOUT : POLLIN;
}

static void answer_datagrams(struct demo_echo *echo)
{
	int name = snprintf(echo->datagram, sizeof(echo->datagram), "%s: ", echo->options->name);

	for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
		struct sockaddr_storage peer;
		socklen_t peer_size = sizeof(peer);
		ssize_t size = recvfrom(echo->polls[POLL_UDP].fd, echo->datagram + name,
					DATAGRAM_MOST, 0, (struct sockaddr *)&peer, &peer_size);

		if (size < 0 && errno == EAGAIN)
			return;
		if (size < 0)
			continue; /* an earlier answer found nobody */
		size += name;
		if (size > DATAGRAM_MOST)
			size = DATAGRAM_MOST;
		sendto(echo->polls[POLL_UDP].fd, echo->datagram, (size_t)size, 0,
		       (struct sockaddr *)&peer, peer_size);
	}
}

/* Not inline: gcc 12 with sanitizers would take `polls` for its first member, and warn. */
__attribute__((noinline)) static int echo_turn(struct demo_echo *echo)
{
	for (;;) {
		if (poll(echo->polls, POLL_SEATS + SEATS_MOST, -1) < 0 && errno != EINTR)
			return -errno;
		if (echo->polls[POLL_SIGNAL].revents)
			return 0;
		for (size_t i = 0; i < SEATS_MOST; i++) {
			if (echo->polls[POLL_SEATS + i].fd >= 0 &&
			    echo->polls[POLL_SEATS + i].revents)
				turn(echo, i);
		}
		if (echo->polls[POLL_TCP].revents)
			accept_client(echo);
		if (echo->polls[POLL_UDP].revents)
			answer_datagrams(echo);
	}
}

static int serve(const struct demo_options *options);

static const struct demo demo = { "demo-echo", usage, serve };

static int serve(const struct demo_options *options)
{
	struct demo_echo *echo = calloc(1, sizeof(*echo));
	int error;

	if (!echo)
		return -ENOMEM;
	echo->options = options;
	error = echo_open(echo);
	if (!error) {
		demo_says_listening(&demo, options);
		error = echo_turn(echo);
	}
	echo_close(echo);
	free(echo);
	return error;
}

int command_demo_echo(int argc, char **argv)
{
	return demo_run(&demo, argc, argv);
}
