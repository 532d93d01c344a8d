/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read metrics. The token's file is read for each request that brings one, so an operator
 * changes it by writing the file. Control's one thread. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/address.h"
#include "base/file.h"
#include "base/random.h"
#include "control/metrics.h"

#define TOKEN_NAME "metrics_token"
#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define TOKEN_SIZE 40
#define TOKEN_LEAST 16 /* an operator's own that is shorter opens nothing */
#define TOKEN_MOST 256
#define BEARER "Bearer "

static int token_path(const char *data_dir, char path[4096])
{
	int size = snprintf(path, 4096, "%s/" TOKEN_NAME, data_dir);

	return size < 0 || size >= 4096 ? -ENAMETOOLONG : 0;
}

int metrics_token_make(const char *data_dir)
{
	char path[4096], token[TOKEN_SIZE + 1];
	int error = token_path(data_dir, path);

	if (error != 0 || access(path, F_OK) == 0)
		return error;
	error = random_text(token, sizeof(token), LETTERS_AND_DIGITS);
	if (error != 0)
		return error;
	token[TOKEN_SIZE] = '\n';
	error = file_replace(path, token, sizeof(token), 0600);
	OPENSSL_cleanse(token, sizeof(token));
	return error;
}

/* The first line of the file; its size, or -errno. */
static ssize_t token_read(const char *data_dir, char token[TOKEN_MOST + 1])
{
	char path[4096];
	ssize_t size;
	int error = token_path(data_dir, path), fd;

	if (error != 0)
		return error;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	size = read(fd, token, TOKEN_MOST);
	error = -errno;
	close(fd);
	if (size < 0)
		return error;
	token[size] = '\0';
	return (ssize_t)strcspn(token, "\r\n");
}

static bool is_token(const char *data_dir, const char *authorization)
{
	char token[TOKEN_MOST + 1];
	const char *given = authorization + sizeof(BEARER) - 1;
	ssize_t size;
	bool is_equal;

	if (strncasecmp(authorization, BEARER, sizeof(BEARER) - 1) != 0)
		return false;
	size = token_read(data_dir, token);
	is_equal = size >= TOKEN_LEAST && strlen(given) == (size_t)size &&
		   CRYPTO_memcmp(given, token, (size_t)size) == 0;
	OPENSSL_cleanse(token, sizeof(token));
	return is_equal;
}

static bool is_loopback(const struct sockaddr *peer)
{
	static const uint8_t six[16] = { [15] = 1 };
	struct sockaddr_storage storage = { 0 };
	struct address address;

	if (!peer || (peer->sa_family != AF_INET && peer->sa_family != AF_INET6))
		return false;
	memcpy(&storage, peer,
	       peer->sa_family == AF_INET ? sizeof(struct sockaddr_in)
					  : sizeof(struct sockaddr_in6));
	if (address_from_sockaddr(&storage, &address) != 0)
		return false;
	return address.family == ADDRESS_IPV4 ? address.ip[0] == 127
					      : memcmp(address.ip, six, sizeof(six)) == 0;
}

bool metrics_may_read(const char *data_dir, const struct metrics_reader *reader)
{
	if (reader->authorization)
		return is_token(data_dir, reader->authorization);
	/* A proxy on this host would lend its loopback to the world. */
	return !reader->is_forwarded && is_loopback(reader->peer);
}
