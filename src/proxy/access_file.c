/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes appended as a whole (O_APPEND), so that the lines of two processes, during an upgrade,
 * stand whole next to each other. A full disk loses lines and counts them; a line of which only a
 * part got onto it is ended before the next one. Runs on the log's thread, which owns all of it.
 */
#include "proxy/access_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "process/log.h"

#define DIRECTORY_MODE 0750
#define FILE_MODE 0640

struct batch_line {
	uint32_t end; /* behind its newline */
	uint32_t slot;
	unsigned worker;
};

struct access_file {
	char name[LIMIT_FILE_NAME + 1];
	int fd; /* -1 = not open */
	bool is_stderr;
	bool is_torn; /* the last line in it has no end */
	uint64_t used_ms; /* a line came */
	uint64_t retry_ms; /* not opened before */
	uint64_t tell_ms; /* no error is told before */
	uint32_t size;
	uint32_t line_count;
	struct batch_line lines[ACCESS_BATCH_LINES];
	char text[ACCESS_BATCH];
};

struct access_files {
	const char *directory;
	struct regions *regions;
	struct access_file *files[ACCESS_FILES_MOST];
	unsigned count;
	uint64_t lost;
};

_Static_assert(ACCESS_LINE_STDERR_MOST <= PIPE_BUF, "a pipe takes a line whole");
_Static_assert(ACCESS_LINE_MOST <= ACCESS_BATCH, "a line fits a batch");

static void line_lose(struct access_files *files, unsigned worker, uint32_t slot)
{
	counter_add(&files->regions->columns[worker].counters[slot], COUNTER_ACCESS_LOG_DROPPED, 1);
	files->lost++;
}

static void error_tell(const struct access_files *files, struct access_file *file,
		       const char *event, const char *reason, uint64_t now_ms)
{
	if (now_ms < file->tell_ms)
		return;
	file->tell_ms = now_ms + ACCESS_TELL_MS;
	log_event(LOG_LEVEL_ERROR, event, "directory", files->directory, "file", file->name,
		  "reason", reason, NULL);
}

/* Below the directory, which is made when it is missing; nothing but a plain file. -errno. */
static int file_open_in(const char *directory, const char *name)
{
	struct stat status;
	int directory_fd, fd, error = 0;

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/'))
		return -EINVAL;
	if (mkdir(directory, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return -errno;
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory_fd < 0)
		return -errno;
	/* Not waiting: a FIFO of that name would hold us until somebody reads it. */
	fd = openat(directory_fd, name,
		    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
		    FILE_MODE);
	if (fd < 0)
		error = -errno;
	close(directory_fd);
	if (fd < 0)
		return error;
	if (fstat(fd, &status) < 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode))
		error = -EINVAL;
	if (!error)
		return fd;
	close(fd);
	return error;
}

static void file_open(const struct access_files *files, struct access_file *file, uint64_t now_ms)
{
	int fd;

	if (file->is_stderr || file->fd >= 0 || now_ms < file->retry_ms)
		return;
	fd = file_open_in(files->directory, file->name);
	file->fd = fd < 0 ? -1 : fd;
	file->is_torn = false;
	if (fd >= 0)
		return;
	file->retry_ms = now_ms + ACCESS_RETRY_MS;
	error_tell(files, file, "access_log_not_opened",
		   fd == -EINVAL || fd == -ELOOP || fd == -ENXIO ? "not a plain file"
								 : log_errno(fd),
		   now_ms);
}

/* The bytes that got into the file; fewer than there are: *ret_error says why. */
static size_t file_append(const struct access_file *file, int *ret_error)
{
	size_t done = 0;

	*ret_error = 0;
	while (done < file->size) {
		bool ends_torn = !done && file->is_torn;
		struct iovec parts[2] = {
			{ (void *)"\n", ends_torn ? 1 : 0 },
			{ (void *)(file->text + done), file->size - done },
		};
		ssize_t put = writev(file->fd, parts, 2);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 || (size_t)put <= parts[0].iov_len) {
			*ret_error = put < 0 ? -errno : -ENOSPC;
			break;
		}
		done += (size_t)put - parts[0].iov_len;
	}
	return done;
}

/* What is behind `done` bytes of the batch is lost. */
static void batch_end(struct access_files *files, struct access_file *file, size_t done)
{
	bool is_whole = done == 0 || done == file->size;

	for (uint32_t i = 0; i < file->line_count; i++) {
		is_whole = is_whole || file->lines[i].end == done;
		if (file->lines[i].end > done)
			line_lose(files, file->lines[i].worker, file->lines[i].slot);
	}
	if (done)
		file->is_torn = !is_whole;
	file->size = file->line_count = 0;
}

static void file_flush(struct access_files *files, struct access_file *file, uint64_t now_ms)
{
	size_t done = 0;
	int error;

	if (!file->size)
		return;
	file_open(files, file, now_ms);
	if (file->is_stderr) {
		error = log_write(file->text, file->size);
		if (error == -EAGAIN)
			return;
		done = error ? 0 : file->size;
	} else if (file->fd < 0) {
		error = 0; /* that was told */
	} else {
		done = file_append(file, &error);
	}
	if (error)
		error_tell(files, file, "access_log_not_written", log_errno(error), now_ms);
	batch_end(files, file, done);
}

static void file_close(struct access_files *files, unsigned index, uint64_t now_ms)
{
	struct access_file *file = files->files[index];

	file_flush(files, file, now_ms);
	batch_end(files, file, 0); /* stderr's that found no room */
	if (file->fd >= 0)
		close(file->fd);
	free(file);
	files->files[index] = files->files[--files->count];
}

static void oldest_close(struct access_files *files, uint64_t now_ms)
{
	unsigned oldest = 0;

	for (unsigned i = 1; i < files->count; i++) {
		if (files->files[i]->used_ms < files->files[oldest]->used_ms)
			oldest = i;
	}
	file_close(files, oldest, now_ms);
}

/* NULL when memory is out. */
static struct access_file *file_find(struct access_files *files, const struct access_record *record,
				     uint64_t now_ms)
{
	struct access_file *file;

	for (unsigned i = 0; i < files->count; i++) {
		file = files->files[i];
		if (bytes_equal(bytes_of(file->name),
				(struct bytes){ record->file, record->file_size }))
			return file;
	}
	if (files->count == ACCESS_FILES_MOST)
		oldest_close(files, now_ms);
	file = malloc(sizeof(*file));
	if (!file)
		return NULL;
	memset(file, 0, offsetof(struct access_file, lines));
	file->fd = -1;
	memcpy(file->name, record->file, record->file_size);
	file->is_stderr = strcmp(file->name, "stderr") == 0;
	files->files[files->count++] = file;
	return file;
}

void access_files_take(struct access_files *files, struct access_ring *ring, unsigned worker,
		       const struct access_record *record, uint64_t now_ms)
{
	struct access_file *file = file_find(files, record, now_ms);
	uint32_t room = file && file->is_stderr ? ACCESS_LINE_STDERR_MOST : ACCESS_BATCH;

	if (file && (record->size > room - file->size || file->line_count == ACCESS_BATCH_LINES))
		file_flush(files, file, now_ms);
	if (!file || record->size > room - file->size) {
		access_ring_take(ring, record, NULL);
		line_lose(files, worker, record->slot);
		return;
	}
	access_ring_take(ring, record, file->text + file->size);
	file->size += record->size;
	file->used_ms = now_ms;
	file->lines[file->line_count++] =
		(struct batch_line){ .end = file->size, .slot = record->slot, .worker = worker };
}

bool access_files_flush(struct access_files *files, uint64_t now_ms)
{
	bool is_waiting = false;

	for (unsigned i = files->count; i-- > 0;) {
		struct access_file *file = files->files[i];

		file_flush(files, file, now_ms);
		is_waiting = is_waiting || file->size;
		if (!file->size && now_ms - file->used_ms >= ACCESS_REST_MS)
			file_close(files, i, now_ms);
	}
	return is_waiting;
}

void access_files_reopen(struct access_files *files, uint64_t now_ms)
{
	for (unsigned i = 0; i < files->count; i++) {
		struct access_file *file = files->files[i];

		file_flush(files, file, now_ms);
		if (file->fd >= 0)
			close(file->fd);
		file->fd = -1;
		file->retry_ms = file->tell_ms = 0;
		file_open(files, file, now_ms);
	}
}

uint64_t access_files_lost(const struct access_files *files)
{
	return files->lost;
}

struct access_files *access_files_new(const char *directory, struct regions *regions)
{
	struct access_files *files = calloc(1, sizeof(*files));

	if (!files)
		return NULL;
	files->directory = directory;
	files->regions = regions;
	return files;
}

struct access_files *access_files_free(struct access_files *files)
{
	uint64_t now_ms = clock_boot_ms();

	if (!files)
		return NULL;
	while (files->count)
		file_close(files, files->count - 1, now_ms);
	free(files);
	return NULL;
}
