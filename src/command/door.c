/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the keeper's door. Who stands behind it is not known for sure, since the
 * directory may belong to a less trusted user: answers have a roof and are read as hostile.
 */
#include "command/door.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "command/client.h"
#include "model/limits.h"

#define DOOR_NAME "keeper.sock"
#define ANSWER_MOST 262144
#define PIECE_MS 5000

static int fail(const char *command, const char *data, int error)
{
	const char *why = strerror(-error);

	if (error == -ENOENT || error == -ECONNREFUSED)
		why = "no setia runs on this data directory";
	else if (error == -EACCES)
		why = "only the user that runs setia, and root, may ask";
	fprintf(stderr, "setia %s: %s: %s\n", command, data, why);
	return error;
}

/* Through the directory's descriptor: a socket's path may have 107 bytes, a directory's many more.
 */
static int connect_to(const char *data)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int directory = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, error = 0;

	if (directory < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" DOOR_NAME,
		 directory);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		error = -errno;
	close(directory);
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

static int send_word(int fd, const char *word)
{
	return send(fd, word, strlen(word), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The next piece of the answer: its size, 0 at the end. */
static ssize_t receive(int fd, void *out, size_t room, int wait_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	ssize_t size;
	int ready;

	do {
		ready = poll(&wait, 1, wait_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return ready < 0 ? -errno : -ETIMEDOUT;
	size = recv(fd, out, room, MSG_TRUNC);
	if (size < 0)
		return errno == ECONNRESET ? 0 : -errno;
	return (size_t)size > room ? -EMSGSIZE : size;
}

int door_ask(const char *command, const char *data, const char *word, unsigned seconds,
	     json_t **ret_answer)
{
	char *text = malloc(ANSWER_MOST);
	int fd = connect_to(data), error;
	ssize_t size = 0;
	json_t *answer = NULL;

	error = !text ? -ENOMEM : fd < 0 ? fd : send_word(fd, word);
	if (!error) {
		size = receive(fd, text, ANSWER_MOST, (int)seconds * 1000);
		error = size < 0 ? (int)size : 0;
	}
	if (!error && size == 0)
		error = -ECONNRESET;
	if (!error) {
		answer = json_loadb(text, (size_t)size, 0, NULL);
		if (!json_is_object(answer))
			error = -EBADMSG;
	}
	if (fd >= 0)
		close(fd);
	free(text);
	if (error) {
		json_decref(answer);
		return fail(command, data, error);
	}
	*ret_answer = answer;
	return 0;
}

/* A line at a time, so that no byte in it moves the terminal's cursor. */
static void print_lines(FILE *out, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (*line)
			client_print(out, line);
	}
}

int door_copy(const char *command, const char *data, const char *word, FILE *out)
{
	char *text = malloc(ANSWER_MOST + 1);
	int fd = connect_to(data), error;
	ssize_t size = 1;

	error = !text ? -ENOMEM : fd < 0 ? fd : send_word(fd, word);
	while (!error && size > 0) {
		size = receive(fd, text, ANSWER_MOST, PIECE_MS);
		if (size < 0) {
			error = (int)size;
		} else {
			text[size] = '\0';
			print_lines(out, text);
		}
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return error ? fail(command, data, error) : 0;
}
