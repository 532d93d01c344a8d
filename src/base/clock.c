/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only reader of the kernel's clocks. The shift that a test maps is set once by clock_init,
 * before other threads start, and read with relaxed atomics from any thread afterwards.
 */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

static const struct clock_shift *clock_shift_mapped;

int clock_init(void)
{
	const char *path = secure_getenv("SETIA_CLOCK_FILE");
	struct stat status;
	void *memory;
	int fd, error = 0;

	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	/* A mapping that reaches behind the file's end would kill the process at its first look. */
	if (fstat(fd, &status) != 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode) || status.st_size != sizeof(struct clock_shift))
		error = -EINVAL;
	if (error != 0) {
		close(fd);
		return error;
	}
	memory = mmap(NULL, sizeof(struct clock_shift), PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		error = -errno;
	} else {
		if (clock_shift_mapped)
			munmap((void *)clock_shift_mapped, sizeof(struct clock_shift));
		clock_shift_mapped = memory;
	}
	close(fd);
	return error;
}

bool clock_is_shifted(void)
{
	return clock_shift_mapped != NULL;
}

static int64_t clock_read_us(clockid_t id)
{
	struct timespec now;

	/* Both clocks exist on every kernel that runs this; a failure would be a broken sandbox. */
	if (clock_gettime(id, &now) != 0)
		abort();
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t clock_boot_ms(void)
{
	int64_t now_ms = clock_read_us(CLOCK_BOOTTIME) / 1000;

	if (clock_shift_mapped)
		now_ms += __atomic_load_n(&clock_shift_mapped->boot_ms, __ATOMIC_RELAXED);
	return now_ms > 0 ? (uint64_t)now_ms : 0;
}

int64_t clock_wall_us(void)
{
	int64_t now_us = clock_read_us(CLOCK_REALTIME);

	if (clock_shift_mapped)
		now_us += __atomic_load_n(&clock_shift_mapped->wall_ms, __ATOMIC_RELAXED) * 1000;
	return now_us;
}

int64_t clock_wall_s(void)
{
	int64_t now_us = clock_wall_us();

	return now_us >= 0 ? now_us / 1000000 : -((-now_us + 999999) / 1000000);
}

int clock_boot_id(char ret_boot_id[40])
{
	char text[40];
	ssize_t size = file_read("/proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (size < 0)
		return (int)size;
	if (size > 0 && text[size - 1] == '\n')
		size--;
	if (size == 0 || size >= (ssize_t)sizeof(text))
		return -EBADMSG;
	text[size] = '\0';
	if (strspn(text, "0123456789abcdef-") != (size_t)size)
		return -EBADMSG;
	memset(ret_boot_id, 0, 40);
	memcpy(ret_boot_id, text, (size_t)size);
	return 0;
}
