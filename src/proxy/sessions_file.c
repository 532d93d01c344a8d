/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing DIR/sessions, block by block, so that a table of any size needs the memory of
 * one block. Whatever is in a file that is read is hostile.
 */
#include "proxy/sessions_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

_Static_assert(sizeof(struct sessions_file_header) == 40, "the header is the same in every build");
_Static_assert(sizeof(struct sessions_file_record) == 40, "a record is the same in every build");

static uint64_t checksum_of(const struct sessions_file_header *header, uint64_t records)
{
	struct sessions_file_header bare = *header;

	bare.checksum = 0;
	return hash_bytes_seeded(&bare, sizeof(bare), records);
}

/* --- Writing. */

static int write_at(int fd, const void *data, size_t size, off_t offset)
{
	const char *at = data;

	if (fd < 0)
		return 0;
	while (size > 0) {
		ssize_t wrote = pwrite(fd, at, size, offset);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return wrote < 0 ? -errno : -ENOSPC;
		at += wrote;
		offset += wrote;
		size -= (size_t)wrote;
	}
	return 0;
}

static off_t offset_of(uint64_t record)
{
	return (off_t)(sizeof(struct sessions_file_header) +
		       record * sizeof(struct sessions_file_record));
}

int sessions_write_begin(struct sessions_writer *writer, int fd)
{
	const struct sessions_file_header none = { 0 };

	writer->fd = fd;
	writer->count = writer->checksum = 0;
	writer->fill = 0;
	/* Until the end it is no file of ours. */
	return write_at(fd, &none, sizeof(none), 0);
}

static int flush_block(struct sessions_writer *writer)
{
	size_t size = writer->fill * sizeof(writer->block[0]);
	int error =
		write_at(writer->fd, writer->block, size, offset_of(writer->count - writer->fill));

	if (error)
		return error;
	writer->checksum = hash_bytes_seeded(writer->block, size, writer->checksum);
	writer->fill = 0;
	return 0;
}

int sessions_write(struct sessions_writer *writer, const struct session_entry *entries,
		   size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct session_entry *entry = &entries[i];
		struct sessions_file_record *record = &writer->block[writer->fill++];
		int error = 0;

		*record = (struct sessions_file_record){ .scope = entry->key.scope,
							 .target = entry->target,
							 .used_s = entry->used_s,
							 .expire_s = entry->expire_s };
		memcpy(record->ip, entry->key.ip, sizeof(record->ip));
		writer->count++;
		if (writer->fill == SESSIONS_FILE_BLOCK)
			error = flush_block(writer);
		if (error)
			return error;
	}
	return 0;
}

int sessions_write_end(struct sessions_writer *writer, int64_t saved_s)
{
	struct sessions_file_header header = { .magic = SESSIONS_FILE_MAGIC,
					       .version = SESSIONS_FILE_VERSION,
					       .record_size = sizeof(writer->block[0]),
					       .count = writer->count,
					       .saved_s = saved_s };
	int error = writer->fill > 0 ? flush_block(writer) : 0;

	if (error)
		return error;
	header.checksum = checksum_of(&header, writer->checksum);
	return write_at(writer->fd, &header, sizeof(header), 0);
}

/* --- Reading. */

static int refuse(char *why, size_t why_size, const char *text)
{
	snprintf(why, why_size, "%s", text);
	return -EBADMSG;
}

/* Exactly `size` bytes. */
static int read_at(int fd, void *data, size_t size, off_t offset, char *why, size_t why_size)
{
	char *at = data;

	while (size > 0) {
		ssize_t got = pread(fd, at, size, offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return refuse(why, why_size, "it ends too early");
		at += got;
		offset += got;
		size -= (size_t)got;
	}
	return 0;
}

static int read_header(int fd, struct sessions_file_header *ret, char *why, size_t why_size)
{
	struct stat status;
	int error;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return refuse(why, why_size, "it is no regular file");
	error = read_at(fd, ret, sizeof(*ret), 0, why, why_size);
	if (error)
		return error;
	if (ret->magic != SESSIONS_FILE_MAGIC)
		return refuse(why, why_size, "it is no file of sessions, or was not finished");
	if (ret->version != SESSIONS_FILE_VERSION ||
	    ret->record_size != sizeof(struct sessions_file_record))
		return refuse(why, why_size, "it is of another version");
	if (ret->count > SESSIONS_MOST || ret->saved_s < 0 || ret->saved_s > UINT32_MAX)
		return refuse(why, why_size, "its header makes no sense");
	if (status.st_size != offset_of(ret->count))
		return refuse(why, why_size, "its size is not what its header says");
	return 0;
}

static struct session_entry entry_of(const struct sessions_file_record *record, uint32_t ahead_s)
{
	struct session_entry entry = {
		.key.scope = record->scope,
		.target = record->target,
		.used_s = record->used_s > ahead_s ? record->used_s - ahead_s : 0,
		.expire_s = record->expire_s,
	};

	memcpy(entry.key.ip, record->ip, sizeof(entry.key.ip));
	return entry;
}

/* One pass over the records: their checksum, and each to the taker when there is one. */
struct pass {
	int fd;
	uint64_t count;
	uint32_t ahead_s;
	const struct sessions_taker *taker;
	struct sessions_file_record *block;
};

static int pass_over(const struct pass *pass, uint64_t *ret_checksum, char *why, size_t why_size)
{
	uint64_t checksum = 0;

	for (uint64_t first = 0; first < pass->count; first += SESSIONS_FILE_BLOCK) {
		uint64_t left = pass->count - first;
		size_t count = left < SESSIONS_FILE_BLOCK ? left : SESSIONS_FILE_BLOCK;
		size_t size = count * sizeof(pass->block[0]);
		int error = read_at(pass->fd, pass->block, size, offset_of(first), why, why_size);

		if (error)
			return error;
		checksum = hash_bytes_seeded(pass->block, size, checksum);
		for (size_t i = 0; i < count && pass->taker; i++) {
			const struct session_entry entry = entry_of(&pass->block[i], pass->ahead_s);

			pass->taker->take(pass->taker->context, &entry);
		}
	}
	*ret_checksum = checksum;
	return 0;
}

int sessions_read(int fd, int64_t now_s, const struct sessions_taker *taker, char *why,
		  size_t why_size)
{
	struct sessions_file_header header;
	struct pass pass = { .fd = fd };
	uint64_t checksum = 0;
	int error = read_header(fd, &header, why, why_size);

	if (error)
		return error;
	pass.block = malloc(SESSIONS_FILE_BLOCK * sizeof(*pass.block));
	if (!pass.block)
		return -ENOMEM;
	pass.count = header.count;
	pass.ahead_s = header.saved_s > now_s ? (uint32_t)(header.saved_s - now_s) : 0;
	error = pass_over(&pass, &checksum, why, why_size);
	if (!error && checksum_of(&header, checksum) != header.checksum)
		error = refuse(why, why_size, "its checksum is wrong");
	if (!error) {
		pass.taker = taker;
		error = pass_over(&pass, &checksum, why, why_size);
	}
	free(pass.block);
	return error;
}
