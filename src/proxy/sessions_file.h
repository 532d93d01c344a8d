/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of DIR/sessions: a header and one record for each client that is pinned, as the machine
 * lays them out. Written in one go, read only when every byte is what was written. Knows
 * descriptors and entries, no table and no names. Called by one thread; blocks on the disk.
 */
#ifndef PROXY_SESSIONS_FILE_H
#define PROXY_SESSIONS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "sticky/table.h"

#define SESSIONS_FILE_MAGIC 0x534e4f4953534553ull
#define SESSIONS_FILE_VERSION 1
#define SESSIONS_FILE_BLOCK 1024 /* records hashed and moved together */

struct sessions_file_header {
	uint64_t magic;
	uint32_t version;
	uint32_t record_size;
	uint64_t count;
	int64_t saved_s; /* session second: later ones may not be in a record */
	uint64_t checksum; /* over the records, then over this header with 0 here */
};

struct sessions_file_record {
	uint64_t scope;
	uint8_t ip[16];
	uint64_t target;
	uint32_t used_s; /* session seconds */
	uint16_t expire_s;
	uint16_t unused; /* zero */
};

/* A file being written. The caller owns the descriptor, at the start of an empty file. */
struct sessions_writer {
	int fd;
	uint64_t count, checksum;
	struct sessions_file_record block[SESSIONS_FILE_BLOCK];
	size_t fill;
};

/* -errno. With -1 for the descriptor nothing is written, only hashed: writer->checksum tells at the
 * end whether the records are the same as another time's. */
int sessions_write_begin(struct sessions_writer *writer, int fd);
int sessions_write(struct sessions_writer *writer, const struct session_entry *entries,
		   size_t count);
/* The file is whole after this; not yet on the disk. */
int sessions_write_end(struct sessions_writer *writer, int64_t saved_s);

/* Who takes the entries of a file that was read. */
struct sessions_taker {
	void (*take)(void *context, const struct session_entry *entry);
	void *context;
};

/*
 * The whole file is checked before the first entry is taken. Times are given as they are in it,
 * less what it was saved after `now_s`: where the clock was lost, no entry is from the future.
 * -EBADMSG with the reason in `why`: it is damaged or no such file. -errno.
 */
int sessions_read(int fd, int64_t now_s, const struct sessions_taker *taker, char *why,
		  size_t why_size);

#endif
