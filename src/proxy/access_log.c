/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop over all rings: drain, write, rest. Without lines it sleeps until a worker rings the bell.
 * What is shared with other threads are the rings, the bell and the two flags.
 */
#include "proxy/access_log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "process/log.h"
#include "proxy/access_file.h"

#define IDLE_MS 30000 /* then files that rest are looked for */
#define LOST_TELL_MS 60000 /* how often lost lines are told of */

struct access_log {
	struct access_bell bell;
	pthread_t thread;
	bool is_started;
	unsigned workers;
	struct access_files *files;
	char directory[PATH_MAX];
	uint64_t lost_told; /* lines */
	uint64_t lost_tell_ms;
	_Atomic bool must_reopen;
	_Atomic bool must_end;
	struct access_ring *rings[];
};

static void log_call(struct access_log *log)
{
	uint64_t one = 1;

	if (write(log->bell.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_event(LOG_LEVEL_ERROR, "eventfd_write", "error", log_errno(errno), NULL);
}

/* The lines that were there when it looked, so that a busy worker cannot keep it. */
static bool log_drain(struct access_log *log, uint64_t now_ms)
{
	struct access_record record;
	bool has_moved = false;

	for (unsigned i = 0; i < log->workers; i++) {
		uint64_t end = access_ring_end(log->rings[i]);

		while (access_ring_peek(log->rings[i], end, &record)) {
			access_files_take(log->files, log->rings[i], i, &record, now_ms);
			has_moved = true;
		}
	}
	return has_moved;
}

static bool log_has_lines(const struct access_log *log)
{
	struct access_record record;

	for (unsigned i = 0; i < log->workers; i++) {
		if (access_ring_peek(log->rings[i], access_ring_end(log->rings[i]), &record))
			return true;
	}
	return false;
}

static void log_rest(struct access_log *log, int timeout_ms)
{
	struct pollfd waits = { .fd = log->bell.fd, .events = POLLIN };
	uint64_t count;

	poll(&waits, 1, timeout_ms);
	if (waits.revents && read(log->bell.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_event(LOG_LEVEL_ERROR, "eventfd_read", "error", log_errno(errno), NULL);
}

/* Until the first line comes. */
static void log_sleep(struct access_log *log)
{
	/* In one order with a worker's line: one of the two sees the other. */
	atomic_store(&log->bell.is_asleep, true);
	if (!log_has_lines(log) && !atomic_load(&log->must_end) && !atomic_load(&log->must_reopen))
		log_rest(log, IDLE_MS);
	atomic_store(&log->bell.is_asleep, false);
}

static void lost_tell(struct access_log *log, uint64_t now_ms)
{
	uint64_t lost = access_files_lost(log->files);

	if (lost == log->lost_told || now_ms < log->lost_tell_ms)
		return;
	log_event(LOG_LEVEL_WARNING, "access_log_lines_lost", "count",
		  log_number((int64_t)(lost - log->lost_told)), NULL);
	log->lost_told = lost;
	log->lost_tell_ms = now_ms + LOST_TELL_MS;
}

static void *log_run(void *argument)
{
	struct access_log *log = argument;

	for (;;) {
		uint64_t now_ms = clock_boot_ms();
		bool must_end = atomic_load(&log->must_end);
		bool must_reopen = atomic_exchange(&log->must_reopen, false);
		bool has_moved = log_drain(log, now_ms);
		bool is_waiting = access_files_flush(log->files, now_ms);

		if (must_reopen) {
			access_files_reopen(log->files, now_ms);
			log_event(LOG_LEVEL_INFO, "access_logs_reopened", NULL);
		}
		lost_tell(log, now_ms);
		if (must_end)
			return NULL; /* the workers had ended before: that was all */
		if (has_moved || is_waiting)
			log_rest(log, ACCESS_TURN_MS);
		else
			log_sleep(log);
	}
}

int access_log_start(const struct access_log_setup *setup, struct access_log **ret)
{
	struct access_log *log =
		calloc(1, sizeof(*log) + setup->workers * sizeof(struct access_ring *));
	int result = 0;

	if (!log)
		return -ENOMEM;
	log->workers = setup->workers;
	/* Both have a roof below PATH_MAX. */
	snprintf(log->directory, sizeof(log->directory), "%s%s",
		 setup->directory ? setup->directory : setup->data, setup->directory ? "" : "/log");
	log->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	log->files = access_files_new(log->directory, setup->regions);
	if (log->bell.fd < 0 || !log->files)
		result = -ENOMEM;
	for (unsigned i = 0; i < setup->workers && !result; i++) {
		log->rings[i] = access_ring_new(&log->bell);
		if (!log->rings[i])
			result = -ENOMEM;
	}
	if (!result)
		result = -pthread_create(&log->thread, NULL, log_run, log);
	if (result < 0) {
		access_log_stop(log);
		return result;
	}
	log->is_started = true;
	*ret = log;
	return 0;
}

struct access_ring *access_log_ring(struct access_log *log, unsigned worker)
{
	return worker < log->workers ? log->rings[worker] : NULL;
}

void access_log_reopen(struct access_log *log)
{
	atomic_store(&log->must_reopen, true);
	log_call(log);
}

struct access_log *access_log_stop(struct access_log *log)
{
	if (!log)
		return NULL;
	if (log->is_started) {
		atomic_store(&log->must_end, true);
		log_call(log);
		pthread_join(log->thread, NULL);
	}
	access_files_free(log->files);
	for (unsigned i = 0; i < log->workers; i++)
		access_ring_free(log->rings[i]);
	if (log->bell.fd >= 0)
		close(log->bell.fd);
	free(log);
	return NULL;
}
