/* SPDX-License-Identifier: Apache-2.0 */
/* getrandom(2), and text drawn from it without bias. Any thread; keeps nothing. */
#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

int random_bytes(void *out, size_t size)
{
	char *at = out;

	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		at += got;
		size -= (size_t)got;
	}
	return 0;
}

int random_text(char *out, size_t size, const char *alphabet)
{
	size_t letters = strlen(alphabet);
	unsigned fair;
	uint8_t pool[64];
	size_t at = 0;

	if (size == 0 || letters == 0 || letters > 256)
		return -EINVAL;
	/* Bytes at or above the last whole multiple of the alphabet would favour its first letters.
	 */
	fair = 256 - 256 % (unsigned)letters;
	while (at < size - 1) {
		int error = random_bytes(pool, sizeof(pool));

		if (error)
			return error;
		for (size_t i = 0; i < sizeof(pool) && at < size - 1; i++) {
			if (pool[i] < fair)
				out[at++] = alphabet[pool[i] % letters];
		}
	}
	out[at] = '\0';
	explicit_bzero(pool, sizeof(pool));
	return 0;
}
