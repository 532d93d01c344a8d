/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The housekeeper's thread. It owns DIR/sessions; the table is everybody's. A shard at a time, so
 * that a worker never waits longer than a shard takes.
 */
#include "proxy/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/log.h"
#include "proxy/sessions_file.h"

#define TURN_S 1
#define NOT_KNOWN UINT64_MAX
#define SAVE_SHARE 20 /* saving a large table takes at most a 20th of the time */

struct sessions {
	struct sessions_setup setup;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool must_end, must_save; /* under the lock */
	_Atomic bool is_loaded;

	/* The thread's own. */
	uint32_t next_shard;
	uint64_t save_due_ms; /* monotonic */
	uint64_t saved_as; /* the checksum of what the file holds, or NOT_KNOWN */
	bool has_file; /* there is one, of ours or of an earlier life */
	uint32_t loaded_s; /* the session second of the loading */
	uint64_t refused; /* records of the file that could not be ours */
	struct session_entry *entries; /* room for a shard */
	struct sessions_writer writer;
};

static int64_t now_session_s(const struct sessions *sessions)
{
	return clock_session_s(&sessions->setup.regions->anchor, clock_boot_ms());
}

static uint32_t now_s(const struct sessions *sessions)
{
	int64_t now = now_session_s(sessions);

	return now < 0 ? 0 : now > UINT32_MAX ? UINT32_MAX : (uint32_t)now;
}

/* A test's clock jumps; the pace of this thread is real. */
static uint64_t monotonic_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int path_of(const struct sessions *sessions, const char *name, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s", sessions->setup.data, name);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* A table that nobody uses is not looked through: its memory would come into being by that. */
static bool has_entries(const struct sessions *sessions)
{
	struct session_statistics statistics;

	session_table_statistics(sessions->setup.table, &statistics);
	return statistics.entries > 0;
}

/* --- Loading. */

static void take_entry(void *context, const struct session_entry *entry)
{
	struct sessions *sessions = context;

	if (session_table_restore(sessions->setup.table, entry, sessions->loaded_s) < 0)
		sessions->refused++;
}

static void log_loaded(struct sessions *sessions)
{
	struct session_statistics statistics;

	session_table_statistics(sessions->setup.table, &statistics);
	log_event(LOG_LEVEL_INFO, "sessions_loaded", "entries",
		  log_number((int64_t)statistics.entries), "refused",
		  log_number((int64_t)sessions->refused), NULL);
}

/* It stays, under another name, so that the next save does not take away what a person may want to
 * see. */
static void put_aside(const struct sessions *sessions, const char *path, const char *why)
{
	char aside[PATH_MAX];
	int error = path_of(sessions, SESSIONS_REFUSED_NAME, aside);

	if (!error && rename(path, aside) < 0)
		error = -errno;
	log_event(LOG_LEVEL_ERROR, "sessions_refused", "path", path, "reason", why, "kept_as",
		  error ? log_errno(error) : aside, NULL);
}

static void load(struct sessions *sessions)
{
	const struct sessions_taker taker = { take_entry, sessions };
	char path[PATH_MAX], why[128] = "";
	int error = path_of(sessions, SESSIONS_NAME, path), fd;

	if (error)
		return;
	sessions->loaded_s = now_s(sessions);
	/* O_NONBLOCK: a FIFO that somebody put there must not hold up the start. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return;
	error = fd < 0 ? -errno
		       : sessions_read(fd, now_session_s(sessions), &taker, why, sizeof(why));
	if (fd >= 0)
		close(fd);
	if (error)
		put_aside(sessions, path, why[0] ? why : log_errno(error));
	else
		log_loaded(sessions);
}

static void tell_loaded(struct sessions *sessions)
{
	const uint64_t one = 1;

	atomic_store_explicit(&sessions->setup.regions->sessions.is_loaded, 1,
			      memory_order_relaxed);
	atomic_store_explicit(&sessions->is_loaded, true, memory_order_release);
	/* Fails only when the counter is full, and then the main thread is awake anyway. */
	if (write(sessions->setup.done_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_event(LOG_LEVEL_ERROR, "eventfd_write", "error", log_errno(errno), NULL);
}

/* --- Saving. */

static bool is_ended(struct sessions *sessions)
{
	bool must_end;

	pthread_mutex_lock(&sessions->lock);
	must_end = sessions->must_end;
	pthread_mutex_unlock(&sessions->lock);
	return must_end;
}

/*
 * All live entries into the writer's file, or with -1 only into its checksum. -ECANCELED when the
 * end is asked for meanwhile and `may_end`. -errno of the file.
 */
static int write_entries(struct sessions *sessions, int fd, bool may_end)
{
	struct session_table *table = sessions->setup.table;
	struct sessions_writer *writer = &sessions->writer;
	uint32_t room = session_table_shard_most(table);
	int error = sessions_write_begin(writer, fd);

	for (uint32_t shard = 0; shard < session_table_shards(table) && !error; shard++) {
		uint32_t count =
			session_table_copy(table, shard, now_s(sessions), sessions->entries, room);

		error = sessions_write(writer, sessions->entries, count);
		if (!error && may_end && is_ended(sessions))
			error = -ECANCELED;
	}
	return error ? error : sessions_write_end(writer, now_session_s(sessions));
}

static int sync_directory(const struct sessions *sessions)
{
	int fd = open(sessions->setup.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* An earlier life's: what is in the table replaces it. */
static bool has_old_file(const struct sessions *sessions)
{
	char path[PATH_MAX];
	struct stat status;

	return path_of(sessions, SESSIONS_NAME, path) == 0 && lstat(path, &status) == 0;
}

/* On disk when 0. */
static int write_file(struct sessions *sessions, const char *path, bool may_end)
{
	int fd, error;

	/* One left behind is unlinked, not opened: it may be a link to somewhere else. */
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	error = write_entries(sessions, fd, may_end);
	if (!error && fsync(fd) < 0)
		error = -errno;
	if (close(fd) < 0 && !error)
		error = -errno;
	if (error)
		unlink(path);
	return error;
}

static int replace_file(struct sessions *sessions, bool may_end)
{
	char path[PATH_MAX], beside[PATH_MAX];
	int error = path_of(sessions, SESSIONS_NAME, path);

	if (!error)
		error = path_of(sessions, SESSIONS_NAME ".new", beside);
	if (!error)
		error = write_file(sessions, beside, may_end);
	if (!error && rename(beside, path) < 0)
		error = -errno;
	if (!error)
		error = sync_directory(sessions);
	if (error)
		return error;
	sessions->saved_as = sessions->writer.checksum;
	sessions->has_file = true;
	atomic_store_explicit(&sessions->setup.regions->sessions.saved_s, clock_wall_s(),
			      memory_order_relaxed);
	log_event(LOG_LEVEL_DEBUG, "sessions_saved", "entries",
		  log_number((int64_t)sessions->writer.count), NULL);
	return 0;
}

/* When something changed since the last time, refreshes too. */
static void save(struct sessions *sessions, bool may_end)
{
	int error;

	if (!has_entries(sessions) && !sessions->has_file)
		return;
	if (write_entries(sessions, -1, may_end) || sessions->writer.checksum == sessions->saved_as)
		return;
	error = replace_file(sessions, may_end);
	if (error && error != -ECANCELED)
		log_event(LOG_LEVEL_ERROR, "sessions_not_saved", "path", sessions->setup.data,
			  "reason", log_errno(error), NULL);
}

/* --- The thread. */

static void report(struct sessions *sessions)
{
	struct region_sessions *region = &sessions->setup.regions->sessions;
	struct session_statistics statistics;

	session_table_statistics(sessions->setup.table, &statistics);
	atomic_store_explicit(&region->entries, statistics.entries, memory_order_relaxed);
	atomic_store_explicit(&region->entries_most, statistics.entries_most, memory_order_relaxed);
	atomic_store_explicit(&region->evicted, statistics.evicted, memory_order_relaxed);
	atomic_store_explicit(&region->dropped, statistics.dropped, memory_order_relaxed);
	atomic_store_explicit(&region->recovered, statistics.recovered, memory_order_relaxed);
}

/* The next part of the round. */
static void sweep(struct sessions *sessions)
{
	uint32_t shards = session_table_shards(sessions->setup.table);
	uint32_t count = (shards + SESSIONS_SWEEP_S / TURN_S - 1) / (SESSIONS_SWEEP_S / TURN_S);

	if (!has_entries(sessions))
		return;
	for (uint32_t i = 0; i < count; i++) {
		session_table_sweep(sessions->setup.table, sessions->next_shard, now_s(sessions));
		sessions->next_shard = (sessions->next_shard + 1) % shards;
	}
}

static void save_if_due(struct sessions *sessions)
{
	uint64_t begun_ms = monotonic_ms(), pause_ms;

	if (begun_ms < sessions->save_due_ms)
		return;
	save(sessions, true);
	pause_ms = (monotonic_ms() - begun_ms) * SAVE_SHARE;
	if (pause_ms < SESSIONS_SAVE_S * 1000)
		pause_ms = SESSIONS_SAVE_S * 1000;
	sessions->save_due_ms = begun_ms + pause_ms;
}

/* False when the end is asked for. */
static bool wait_a_turn(struct sessions *sessions)
{
	struct timespec until;
	bool must_end;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TURN_S;
	pthread_mutex_lock(&sessions->lock);
	while (!sessions->must_end &&
	       pthread_cond_timedwait(&sessions->wake, &sessions->lock, &until) == 0)
		;
	must_end = sessions->must_end;
	pthread_mutex_unlock(&sessions->lock);
	return !must_end;
}

static void *keep_house(void *argument)
{
	struct sessions *sessions = argument;

	if (sessions->setup.must_load)
		load(sessions);
	report(sessions);
	tell_loaded(sessions);
	sessions->save_due_ms = monotonic_ms() + SESSIONS_SAVE_S * 1000;
	while (wait_a_turn(sessions)) {
		sweep(sessions);
		report(sessions);
		save_if_due(sessions);
	}
	if (sessions->must_save)
		save(sessions, false);
	return NULL;
}

static struct sessions *sessions_free(struct sessions *sessions)
{
	pthread_cond_destroy(&sessions->wake);
	pthread_mutex_destroy(&sessions->lock);
	free(sessions->entries);
	free(sessions);
	return NULL;
}

int sessions_start(const struct sessions_setup *setup, struct sessions **ret)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	pthread_condattr_t attributes;
	int error;

	if (!sessions)
		return -ENOMEM;
	sessions->setup = *setup;
	sessions->has_file = has_old_file(sessions);
	sessions->saved_as = NOT_KNOWN;
	pthread_mutex_init(&sessions->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sessions->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	atomic_init(&sessions->is_loaded, false);
	sessions->entries =
		calloc(session_table_shard_most(setup->table), sizeof(sessions->entries[0]));
	error = sessions->entries ? -pthread_create(&sessions->thread, NULL, keep_house, sessions)
				  : -ENOMEM;
	if (error) {
		sessions_free(sessions);
		return error;
	}
	*ret = sessions;
	return 0;
}

bool sessions_are_loaded(const struct sessions *sessions)
{
	return atomic_load_explicit(&sessions->is_loaded, memory_order_acquire);
}

struct sessions *sessions_stop(struct sessions *sessions, bool must_save)
{
	if (!sessions)
		return NULL;
	pthread_mutex_lock(&sessions->lock);
	sessions->must_end = true;
	sessions->must_save = must_save;
	pthread_cond_signal(&sessions->wake);
	pthread_mutex_unlock(&sessions->lock);
	pthread_join(sessions->thread, NULL);
	return sessions_free(sessions);
}
