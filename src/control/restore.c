/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup becomes the database of a directory: copied beside it, checked there, put in place by
 * one rename. Runs in a command's one thread, perhaps as root in a directory that a less trusted
 * user owns: then as that user, once the backup and the directory's lock are open.
 */
#include "control/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sqlite3.h>

#include "base/file.h"
#include "control/credential.h"
#include "control/restore_check.h"
#include "process/privileges.h"

#define DIRECTORY_MODE 0750
#define WORKSHOP "restore.new" /* a directory within DIR */
#define KEPT ".before-restore"
#define BACKUP_MOST (16ll << 30) /* the audit, at its roof, takes 2 GiB */
#define PIECE (1 << 20)
#define CREDENTIALS_MOST 1024

struct restore {
	const char *file; /* the backup's name */
	char path[PATH_MAX]; /* DIR, absolute */
	char workshop[PATH_MAX + 16];
	int file_fd, directory_fd, lock_fd;
	char credentials[CREDENTIALS_MOST + 1]; /* DIR/credentials as it is; "" = none */
	struct restore_findings findings;
	char *why;
	size_t why_size;
};

static int fail(struct restore *restore, const char *what, int error)
{
	(void)snprintf(restore->why, restore->why_size, "%s: %s", what, strerror(-error));
	return error;
}

static int refuse(struct restore *restore, const char *what, const char *reason)
{
	(void)snprintf(restore->why, restore->why_size, "%s %s", what, reason);
	return -EINVAL;
}

/* What SQLite keeps beside a database that is in use belongs to it: alone the file is half of it.
 */
static int check_beside(struct restore *restore)
{
	static const char *const suffixes[] = { "-wal", "-journal" };
	char path[PATH_MAX + 16];
	struct stat status;

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", restore->file, suffixes[i]);
		if (stat(path, &status) == 0 && status.st_size > 0) {
			(void)snprintf(restore->why, restore->why_size,
				       "%s has %s beside it: it is no backup but a database in "
				       "use. Make one with setia backup",
				       restore->file, path);
			return -EINVAL;
		}
	}
	return 0;
}

static int open_file(struct restore *restore)
{
	struct stat status;

	if (strlen(restore->file) >= PATH_MAX)
		return refuse(restore, "the backup's name", "is too long");
	restore->file_fd = open(restore->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (restore->file_fd < 0 || fstat(restore->file_fd, &status) != 0)
		return fail(restore, restore->file, -errno);
	if (!S_ISREG(status.st_mode))
		return refuse(restore, restore->file, "is no plain file");
	if (status.st_size == 0)
		return refuse(restore, restore->file, "is empty");
	if (status.st_size > BACKUP_MOST)
		return refuse(restore, restore->file, "is larger than a database can be");
	return check_beside(restore);
}

static int open_directory(struct restore *restore, const char *data, struct stat *ret_status)
{
	if (mkdir(data, DIRECTORY_MODE) != 0 && errno != EEXIST)
		return fail(restore, data, -errno);
	if (!realpath(data, restore->path))
		return fail(restore, data, -errno);
	restore->directory_fd = open(restore->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (restore->directory_fd < 0 || fstat(restore->directory_fd, ret_status) != 0)
		return fail(restore, data, -errno);
	(void)snprintf(restore->workshop, sizeof(restore->workshop), "%s/" WORKSHOP, restore->path);
	return ret_status->st_mode & S_IWOTH
		       ? refuse(restore, data, "would hold secrets, and everybody may write to it")
		       : 0;
}

/* The keeper's own lock: none starts before we are through. */
static int take_lock(struct restore *restore, const char *data, const struct stat *owner)
{
	int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	bool is_new = true;

	restore->lock_fd = openat(restore->directory_fd, "lock", flags | O_EXCL, 0600);
	if (restore->lock_fd < 0 && errno == EEXIST) {
		is_new = false;
		restore->lock_fd = openat(restore->directory_fd, "lock", flags, 0600);
	}
	if (restore->lock_fd < 0)
		return fail(restore, data, -errno);
	if (is_new && geteuid() == 0 && fchown(restore->lock_fd, owner->st_uid, owner->st_gid) != 0)
		return fail(restore, data, -errno);
	if (flock(restore->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return fail(restore, data, -errno);
	(void)snprintf(restore->why, restore->why_size,
		       "a setia runs on %s; stop it first, so that it does not go on with what is "
		       "replaced",
		       data);
	return -EBUSY;
}

static int become_owner(struct restore *restore, const struct stat *owner)
{
	const struct identity identity = { .user = owner->st_uid, .group = owner->st_gid };
	int error = 0;

	if (geteuid() == 0 && owner->st_uid != 0)
		error = privileges_drop(&identity);
	return error == 0 ? 0 : fail(restore, restore->path, error);
}

/* Of a restore that was killed, or of this one. */
static void clear_workshop(const struct restore *restore)
{
	static const char *const names[] = { "setia.db", "setia.db-wal", "setia.db-shm",
					     "setia.db-journal" };
	char path[PATH_MAX + 64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", restore->workshop, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(restore->workshop);
}

static int copy_all(int from, int to)
{
	char *piece = malloc(PIECE);
	int64_t total = 0;
	int error = piece ? 0 : -ENOMEM;

	while (error == 0) {
		ssize_t size = read(from, piece, PIECE), written = 0;

		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0) {
			error = size < 0 ? -errno : 0;
			break;
		}
		total += size;
		if (total > BACKUP_MOST)
			error = -EFBIG;
		while (error == 0 && written < size) {
			ssize_t wrote = write(to, piece + written, (size_t)(size - written));

			if (wrote >= 0)
				written += wrote;
			else if (errno != EINTR)
				error = -errno;
		}
	}
	if (error == 0 && fsync(to) != 0)
		error = -errno;
	free(piece);
	return error;
}

static int copy_file(struct restore *restore)
{
	char path[PATH_MAX + 64];
	int fd, error;

	clear_workshop(restore);
	if (mkdir(restore->workshop, 0700) != 0)
		return fail(restore, restore->workshop, -errno);
	(void)snprintf(path, sizeof(path), "%s/setia.db", restore->workshop);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(restore, path, -errno);
	error = copy_all(restore->file_fd, fd);
	close(fd);
	return error == 0 ? 0 : fail(restore, path, error);
}

static int read_credentials(struct restore *restore)
{
	char path[PATH_MAX + 16];
	ssize_t size;

	(void)snprintf(path, sizeof(path), "%s/credentials", restore->path);
	size = file_read(path, restore->credentials, CREDENTIALS_MOST);
	if (size < 0 && size != -ENOENT)
		return fail(restore, path, (int)size);
	restore->credentials[size > 0 ? size : 0] = '\0';
	return 0;
}

/* Leaves nothing in a -wal of what the database of before holds, if it can still be opened. */
static void settle_old(const struct restore *restore)
{
	char path[PATH_MAX + 16];
	sqlite3 *database = NULL;

	(void)snprintf(path, sizeof(path), "%s/setia.db", restore->path);
	if (sqlite3_open_v2(path, &database,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
			    NULL) == SQLITE_OK)
		(void)sqlite3_exec(database, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	sqlite3_close_v2(database);
}

/* -ENOENT is no error: it was not there. */
static int move(const struct restore *restore, const char *from, const char *to)
{
	if (renameat(restore->directory_fd, from, restore->directory_fd, to) == 0 ||
	    errno == ENOENT)
		return 0;
	return -errno;
}

/* The database of before has both names until the new one takes the first. */
static int keep_old(const struct restore *restore)
{
	int fd = restore->directory_fd;

	if ((unlinkat(fd, "setia.db" KEPT, 0) != 0 && errno != ENOENT) ||
	    (unlinkat(fd, "setia.db" KEPT "-wal", 0) != 0 && errno != ENOENT))
		return -errno;
	/* Only one that could not be opened still has a -wal of any size. */
	if (move(restore, "setia.db-wal", "setia.db" KEPT "-wal") != 0 ||
	    (unlinkat(fd, "setia.db-shm", 0) != 0 && errno != ENOENT))
		return -errno;
	if (linkat(fd, "setia.db", fd, "setia.db" KEPT, 0) == 0 || errno == ENOENT)
		return 0;
	/* A file system without links: for a moment there is none, which control refuses. */
	return move(restore, "setia.db", "setia.db" KEPT);
}

static int put_in_place(struct restore *restore)
{
	int error;

	settle_old(restore);
	error = keep_old(restore);
	/* Traffic would begin with the configuration of before. */
	if (error == 0)
		error = move(restore, "snapshot", "snapshot" KEPT);
	if (error == 0 && renameat(restore->directory_fd, WORKSHOP "/setia.db",
				   restore->directory_fd, "setia.db") != 0) {
		error = -errno;
		(void)move(restore, "snapshot" KEPT, "snapshot");
	}
	if (error == 0 && fsync(restore->directory_fd) != 0)
		error = -errno;
	return error == 0 ? 0 : fail(restore, restore->path, error);
}

/* Session time goes on from where it was; a directory that has a time of its own keeps it. */
static int restore_clock(const struct restore *restore)
{
	char path[PATH_MAX + 16];
	struct stat status;

	(void)snprintf(path, sizeof(path), "%s/clock", restore->path);
	if (!restore->findings.has_anchor || lstat(path, &status) == 0)
		return 0;
	return clock_anchor_write(path, &restore->findings.anchor);
}

/* A file whose key the database does not know would lock the operator out. */
static int restore_credentials(const struct restore *restore)
{
	char path[PATH_MAX + 16];
	int error;

	(void)snprintf(path, sizeof(path), "%s/credentials", restore->path);
	if (restore->findings.has_known_key || !restore->findings.has_key)
		return 0;
	error = move(restore, "credentials", "credentials" KEPT);
	return error == 0 ? credential_write(path, &restore->findings.key) : error;
}

static int run(struct restore *restore, const char *data)
{
	struct stat owner;
	int error = open_file(restore);

	if (error == 0)
		error = open_directory(restore, data, &owner);
	if (error == 0)
		error = take_lock(restore, data, &owner);
	if (error == 0)
		error = become_owner(restore, &owner);
	if (error == 0)
		error = read_credentials(restore);
	if (error != 0)
		return error;
	error = copy_file(restore);
	if (error == 0)
		error = restore_check(restore->workshop, restore->file, restore->credentials,
				      &restore->findings, restore->why, restore->why_size);
	/* Before the database, so that whoever fails half-way leaves the old one in its place. */
	if (error == 0) {
		error = restore_clock(restore);
		if (error != 0)
			(void)fail(restore, "clock", error);
	}
	if (error == 0)
		error = put_in_place(restore);
	clear_workshop(restore);
	if (error != 0)
		return error;
	error = restore_credentials(restore);
	return error == 0 ? 0
			  : fail(restore, "the database is restored, but not credentials", error);
}

int backup_restore(const char *data, const char *file, char *why, size_t why_size)
{
	struct restore *restore = calloc(1, sizeof(*restore));
	int error;

	if (!restore) {
		(void)snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	restore->file = file;
	restore->file_fd = restore->directory_fd = restore->lock_fd = -1;
	restore->why = why;
	restore->why_size = why_size;
	error = run(restore, data);
	if (restore->file_fd >= 0)
		close(restore->file_fd);
	if (restore->directory_fd >= 0)
		close(restore->directory_fd);
	if (restore->lock_fd >= 0)
		close(restore->lock_fd);
	OPENSSL_cleanse(restore, sizeof(*restore));
	free(restore);
	return error;
}
