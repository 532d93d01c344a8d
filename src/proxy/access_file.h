/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the access log, and stderr as one of them: lines are gathered and written whole, up
 * to 64 KiB at a time, each file opened when its first line comes. Belongs to the log's thread.
 */
#ifndef PROXY_ACCESS_FILE_H
#define PROXY_ACCESS_FILE_H

#include "process/regions.h"
#include "proxy/access_ring.h"

#define ACCESS_FILES_MOST 32 /* open at a time; the one that rested longest gives way */
#define ACCESS_BATCH 65536
#define ACCESS_BATCH_LINES 512
#define ACCESS_REST_MS 60000 /* a file without lines for so long is closed */
#define ACCESS_RETRY_MS 1000 /* after an opening that failed */
#define ACCESS_TELL_MS 60000 /* errors of one file are told once in so long */

struct access_files;

/* `directory` is borrowed; `regions` is where lines that are lost are counted. */
struct access_files *access_files_new(const char *directory, struct regions *regions);
/* Writes what is there, closes all. Returns NULL. */
struct access_files *access_files_free(struct access_files *files);
/* Takes the peeked line out of the ring: to its file, or to the lost ones of that worker. */
void access_files_take(struct access_files *files, struct access_ring *ring, unsigned worker,
		       const struct access_record *record, uint64_t now_ms);
/* Writes all that is gathered. True when lines for stderr still wait for room. */
bool access_files_flush(struct access_files *files, uint64_t now_ms);
/* Other programs may have moved the files: each is opened again by its name. */
void access_files_reopen(struct access_files *files, uint64_t now_ms);
/* Lines lost so far. */
uint64_t access_files_lost(const struct access_files *files);

#endif
