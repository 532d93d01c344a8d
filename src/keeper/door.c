/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's door. Runs on the keeper's one thread; nothing here waits. Who may knock is said by
 * the socket's mode: the keeper's own user, and root.
 */
#include "keeper/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper/report.h"
#include "keeper/state.h"
#include "process/log.h"

#define DOOR_BACKLOG 16
#define ACCEPTS_PER_TURN 16
#define WORD_SIZE 32
#define COUNTERS_ROOM_BYTES 32768 /* a piece of the counters */

void door_init(struct door *door)
{
	*door = (struct door){ .fd = -1 };
	for (int i = 0; i < DOOR_CLIENTS_MOST; i++)
		door->clients[i].fd = -1;
}

/* Through the directory's descriptor: a socket's path may have 107 bytes, a data directory's many
 * more. */
static struct sockaddr_un address_in(int directory_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" DOOR_NAME,
		 directory_fd);
	return address;
}

static int listen_at(int directory_fd)
{
	const struct sockaddr_un address = address_in(directory_fd);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	mode_t mask;

	if (fd < 0)
		return -errno;
	/* The lock on the directory is ours: whoever left this is gone. */
	if (unlinkat(directory_fd, DOOR_NAME, 0) < 0 && errno != ENOENT)
		error = -errno;
	mask = umask(0177);
	if (!error && bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		error = -errno;
	umask(mask);
	if (!error && listen(fd, DOOR_BACKLOG) < 0)
		error = -errno;
	if (error)
		close(fd);
	return error ? error : fd;
}

void door_open(struct keeper *keeper)
{
	int fd = listen_at(keeper->home.directory_fd);

	if (fd < 0) {
		log_event(LOG_LEVEL_WARNING, "door_not_opened", "path", keeper->home.path, "reason",
			  log_errno(fd), NULL);
		return;
	}
	keeper->door.fd = fd;
}

static void client_end(struct door_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	snapshot_close(&client->snapshot);
	*client = (struct door_client){ .fd = -1 };
}

void door_done(struct keeper *keeper, bool must_unlink)
{
	struct door *door = &keeper->door;

	for (int i = 0; i < DOOR_CLIENTS_MOST; i++)
		client_end(&door->clients[i]);
	if (door->fd < 0)
		return;
	close(door->fd);
	door->fd = -1;
	if (must_unlink)
		unlinkat(keeper->home.directory_fd, DOOR_NAME, 0);
}

void door_poll(const struct door *door, struct pollfd *ret_waits)
{
	static const short events[] = { [DOOR_FREE] = 0,
					[DOOR_ASKING] = POLLIN,
					[DOOR_COUNTING] = POLLOUT,
					[DOOR_UPGRADING] = 0 };

	ret_waits[0] = (struct pollfd){ .fd = door->fd, .events = POLLIN };
	for (int i = 0; i < DOOR_CLIENTS_MOST; i++)
		ret_waits[1 + i] = (struct pollfd){ .fd = door->clients[i].fd,
						    .events = events[door->clients[i].state] };
}

uint64_t door_due_ms(const struct door *door)
{
	uint64_t due_ms = UINT64_MAX;

	for (int i = 0; i < DOOR_CLIENTS_MOST; i++) {
		if (door->clients[i].state != DOOR_FREE && door->clients[i].due_ms < due_ms)
			due_ms = door->clients[i].due_ms;
	}
	return due_ms;
}

/* One datagram, or none at all: who does not take it has lost it. */
static bool client_send(const struct door_client *client, const char *data, size_t size)
{
	return send(client->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

static void answer_outcome(struct door_client *client, bool was_good, const char *text)
{
	char out[2 * UPGRADE_TEXT_SIZE];

	client_send(client, out, report_outcome(was_good, text, out, sizeof(out)));
	client_end(client);
}

static void answer_status(struct keeper *keeper, struct door_client *client, uint64_t now_ms)
{
	/* One answer at a time on one thread. */
	static char out[REPORT_ROOM];

	client_send(client, out, report_status(keeper, now_ms, out, sizeof(out)));
	client_end(client);
}

static void begin_counters(struct keeper *keeper, struct door_client *client, uint64_t now_ms)
{
	const struct history_row *newest = history_newest(&keeper->history);
	char why[128];

	if (!newest || snapshot_open(newest->fd, true, &client->snapshot, why, sizeof(why))) {
		client_end(client);
		return;
	}
	client->state = DOOR_COUNTING;
	client->due_ms = now_ms + DOOR_ANSWER_MS;
}

static void go_on_counting(struct keeper *keeper, struct door_client *client, uint64_t now_ms)
{
	static char out[COUNTERS_ROOM_BYTES];
	uint32_t row = client->row;
	size_t size = report_counters(keeper, &client->snapshot, &row, out, sizeof(out));

	/* A piece at a time: 100,000 targets are looked at for a while. */
	if (size > 0 && !client_send(client, out, size)) {
		if (errno != EAGAIN)
			client_end(client);
		return;
	}
	client->row = row;
	client->due_ms = now_ms + DOOR_ANSWER_MS;
	if (row == report_counters_end(&client->snapshot))
		client_end(client);
}

static void begin_upgrade(struct keeper *keeper, struct door_client *client, uint64_t now_ms)
{
	char why[UPGRADE_TEXT_SIZE], text[UPGRADE_TEXT_SIZE + 16];

	if (upgrade_begin(keeper, now_ms, why, sizeof(why))) {
		snprintf(text, sizeof(text), "refused: %s", why);
		answer_outcome(client, false, text);
		return;
	}
	client->state = DOOR_UPGRADING;
	client->due_ms = UINT64_MAX; /* each of its phases has a roof */
}

static void hear_word(struct keeper *keeper, struct door_client *client, uint64_t now_ms)
{
	char word[WORD_SIZE];
	ssize_t size = recv(client->fd, word, sizeof(word) - 1, MSG_DONTWAIT);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		client_end(client);
		return;
	}
	word[size] = '\0';
	if (strcmp(word, "status") == 0)
		answer_status(keeper, client, now_ms);
	else if (strcmp(word, "counters") == 0)
		begin_counters(keeper, client, now_ms);
	else if (strcmp(word, "upgrade") == 0)
		begin_upgrade(keeper, client, now_ms);
	else
		answer_outcome(client, false, "the keeper does not know this request");
}

static void hear_client(struct keeper *keeper, struct door_client *client, uint64_t now_ms)
{
	if (client->state == DOOR_ASKING)
		hear_word(keeper, client, now_ms);
	else if (client->state == DOOR_COUNTING)
		go_on_counting(keeper, client, now_ms);
	else
		client_end(client); /* it does not wait any longer; the upgrade goes on */
}

static struct door_client *free_client(struct door *door)
{
	for (int i = 0; i < DOOR_CLIENTS_MOST; i++) {
		if (door->clients[i].state == DOOR_FREE)
			return &door->clients[i];
	}
	return NULL;
}

static void let_in(struct door *door, uint64_t now_ms)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct door_client *client = free_client(door);
		int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		if (!client) {
			close(fd);
			continue;
		}
		*client = (struct door_client){ .state = DOOR_ASKING,
						.fd = fd,
						.due_ms = now_ms + DOOR_REQUEST_MS };
	}
}

void door_turn(struct keeper *keeper, const struct pollfd *waits, uint64_t now_ms)
{
	struct door *door = &keeper->door;

	for (int i = 0; i < DOOR_CLIENTS_MOST; i++) {
		struct door_client *client = &door->clients[i];

		/* It may have got its answer since. */
		if (client->state == DOOR_FREE)
			continue;
		if (waits[1 + i].fd == client->fd && waits[1 + i].revents)
			hear_client(keeper, client, now_ms);
		else if (client->due_ms <= now_ms)
			client_end(client);
	}
	if (waits[0].revents && door->fd >= 0)
		let_in(door, now_ms);
}

void door_tell_outcome(struct keeper *keeper)
{
	for (int i = 0; i < DOOR_CLIENTS_MOST; i++) {
		struct door_client *client = &keeper->door.clients[i];

		if (client->state == DOOR_UPGRADING)
			answer_outcome(client, keeper->upgrade.was_good, keeper->upgrade.text);
	}
}

void door_take_waiter(struct door *door, int fd)
{
	struct door_client *client = free_client(door);

	if (client)
		*client = (struct door_client){ .state = DOOR_UPGRADING,
						.fd = fd,
						.due_ms = UINT64_MAX };
	else
		close(fd);
}
