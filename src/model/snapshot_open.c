/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a descriptor to a checked snapshot. Whoever opens one owns the mapping until snapshot_close;
 * any thread may read it.
 */
#include "model/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "model/snapshot_layout.h"

#define SEALS_NEEDED (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static const struct {
	const char *text;
	size_t row_size;
} sections[SNAPSHOT_SECTIONS] = {
	[SNAPSHOT_INSTANCES] = { "instances", sizeof(struct snapshot_instance) },
	[SNAPSHOT_RANGES] = { "address ranges", sizeof(struct snapshot_range) },
	[SNAPSHOT_LISTENERS] = { "listeners", sizeof(struct snapshot_listener) },
	[SNAPSHOT_HTTP] = { "custom configurations", sizeof(struct snapshot_http) },
	[SNAPSHOT_HEADERS] = { "headers", sizeof(struct snapshot_field) },
	[SNAPSHOT_PAGES] = { "pages", sizeof(struct snapshot_page) },
	[SNAPSHOT_HOSTS] = { "hosts", sizeof(struct snapshot_host) },
	[SNAPSHOT_PATHS] = { "paths", sizeof(struct snapshot_path) },
	[SNAPSHOT_PATTERNS] = { "patterns", sizeof(struct snapshot_pattern) },
	[SNAPSHOT_RULES] = { "rules", sizeof(struct snapshot_rule) },
	[SNAPSHOT_TARGETS] = { "targets", sizeof(struct snapshot_target) },
	[SNAPSHOT_CHECKS] = { "checks", sizeof(struct snapshot_health) },
	[SNAPSHOT_TURNS] = { "turns", sizeof(uint16_t) },
	[SNAPSHOT_KEYS] = { "keys", sizeof(struct snapshot_key) },
	[SNAPSHOT_TEXT] = { "text", 1 },
};

/* The file's rows: no padding that nobody clears, and every row keeps the next one aligned. */
_Static_assert(sizeof(struct snapshot_header) == 160, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_instance) == 56, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_range) == 32, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_listener) == 136, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_http) == 88, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_field) == 24, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_page) == 16, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_host) == 40, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_path) == 24, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_pattern) == 16, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_rule) == 96, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_target) == 48, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_health) == 48, "a new shape needs a new SNAPSHOT_VERSION");
_Static_assert(sizeof(struct snapshot_key) == 48, "a new shape needs a new SNAPSHOT_VERSION");

size_t snapshot_row_size(enum snapshot_section_name name)
{
	return sections[name].row_size;
}

const char *snapshot_section_text(enum snapshot_section_name name)
{
	return sections[name].text;
}

uint64_t snapshot_checksum(const void *data, size_t size)
{
	struct snapshot_header header;
	uint64_t parts[2];

	memcpy(&header, data, sizeof(header));
	header.checksum = 0;
	parts[0] = hash_bytes(&header, sizeof(header));
	parts[1] = hash_bytes((const char *)data + sizeof(header), size - sizeof(header));
	return hash_bytes(parts, sizeof(parts));
}

void snapshot_view(const void *data, struct snapshot *ret)
{
	const struct snapshot_header *header = data;
	const struct snapshot_section *at = header->sections;
	const char *bytes = data;

	*ret = (struct snapshot){
		.header = header,
		.instances = (const void *)(bytes + at[SNAPSHOT_INSTANCES].offset),
		.ranges = (const void *)(bytes + at[SNAPSHOT_RANGES].offset),
		.listeners = (const void *)(bytes + at[SNAPSHOT_LISTENERS].offset),
		.https = (const void *)(bytes + at[SNAPSHOT_HTTP].offset),
		.fields = (const void *)(bytes + at[SNAPSHOT_HEADERS].offset),
		.pages = (const void *)(bytes + at[SNAPSHOT_PAGES].offset),
		.hosts = (const void *)(bytes + at[SNAPSHOT_HOSTS].offset),
		.paths = (const void *)(bytes + at[SNAPSHOT_PATHS].offset),
		.patterns = (const void *)(bytes + at[SNAPSHOT_PATTERNS].offset),
		.rules = (const void *)(bytes + at[SNAPSHOT_RULES].offset),
		.targets = (const void *)(bytes + at[SNAPSHOT_TARGETS].offset),
		.checks = (const void *)(bytes + at[SNAPSHOT_CHECKS].offset),
		.turns = (const void *)(bytes + at[SNAPSHOT_TURNS].offset),
		.keys = (const void *)(bytes + at[SNAPSHOT_KEYS].offset),
		.text = bytes + at[SNAPSHOT_TEXT].offset,
		.instance_count = at[SNAPSHOT_INSTANCES].count,
		.listener_count = at[SNAPSHOT_LISTENERS].count,
		.rule_count = at[SNAPSHOT_RULES].count,
		.target_count = at[SNAPSHOT_TARGETS].count,
		.check_count = at[SNAPSHOT_CHECKS].count,
		.key_count = at[SNAPSHOT_KEYS].count,
		.pattern_count = at[SNAPSHOT_PATTERNS].count,
	};
}

int snapshot_open_memory(const void *data, size_t size, struct snapshot *ret, char *why,
			 size_t why_size)
{
	int error = snapshot_check(data, size, why, why_size);

	if (error)
		return error;
	snapshot_view(data, ret);
	return 0;
}

static int refuse(char *why, size_t why_size, const char *text)
{
	snprintf(why, why_size, "%s", text);
	return -EBADMSG;
}

static int map_sealed(int fd, size_t size, void **ret_memory, char *why, size_t why_size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	void *memory;

	if (seals < 0)
		return errno == EINVAL ? refuse(why, why_size, "not a memfd") : -errno;
	if ((seals & SEALS_NEEDED) != SEALS_NEEDED)
		return refuse(why, why_size, "not sealed: its sender could still change it");
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

/* A file can change or shrink under a mapping, so its bytes are taken into memory of our own. */
static int read_file(int fd, size_t size, void **ret_memory, char *why, size_t why_size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at = 0;
	int error = 0;

	if (memory == MAP_FAILED)
		return -errno;
	while (error == 0 && at < size) {
		ssize_t got = pread(fd, memory + at, size - at, (off_t)at);

		if (got > 0)
			at += (size_t)got;
		else if (got == 0)
			error = refuse(why, why_size, "the file shrank while it was read");
		else if (errno != EINTR)
			error = -errno;
	}
	if (error == 0 && mprotect(memory, size, PROT_READ) < 0)
		error = -errno;
	if (error) {
		munmap(memory, size);
		return error;
	}
	*ret_memory = memory;
	return 0;
}

int snapshot_open(int fd, bool is_sealed, struct snapshot *ret, char *why, size_t why_size)
{
	struct stat status;
	void *memory = NULL;
	size_t size;
	int error;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return refuse(why, why_size, "not a regular file");
	if (status.st_size < (off_t)sizeof(struct snapshot_header))
		return refuse(why, why_size, "too short for a header");
	if (status.st_size > (off_t)LIMIT_SNAPSHOT_SIZE)
		return refuse(why, why_size, "larger than any snapshot");
	size = (size_t)status.st_size;
	error = is_sealed ? map_sealed(fd, size, &memory, why, why_size)
			  : read_file(fd, size, &memory, why, why_size);
	if (error || !memory)
		return error;
	error = snapshot_open_memory(memory, size, ret, why, why_size);
	if (error) {
		munmap(memory, size);
		return error;
	}
	ret->mapped_size = size;
	return 0;
}

void snapshot_close(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	if (snapshot->mapped_size > 0)
		munmap((void *)snapshot->header, snapshot->mapped_size);
	*snapshot = (struct snapshot){ 0 };
}
